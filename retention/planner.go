package retention

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// future is how far beyond now a time may lie before nobody believes it.
const future = 5 * time.Minute

// A planner is one run of Policy.Plan. Reasons are shared strings, as a million captures
// may have the same.
type planner struct {
	Policy
	captures []Capture
	disk     Disk
	now      time.Time
	plan     Plan

	groups []group
	// order holds the captures of each group one after the other, the newest of each first.
	order []member
	// within is the reason of KeepWithin.
	within string
}

// A group is the captures that the rules take together.
type group struct {
	name string
	// from and to bound its members in planner.order.
	from, to int
	// bytes and count are those of all that stay, whether they could go or not; live captures
	// are not counted.
	bytes int64
	count int
}

// A member is a capture of a group.
type member struct {
	group, capture int32
	end            int64 // milliseconds since 1970: faster to compare than a time
}

func (n *planner) members(g int) []member { return n.order[n.groups[g].from:n.groups[g].to] }

func (n *planner) decide(i int32, r Rule, reason string) {
	n.plan.Decisions[i] = Decision{Reason: reason, Rule: r}
}

// setAside decides over all that no rule may count.
func (n *planner) setAside() {
	for i := range n.captures {
		c := &n.captures[i]
		n.decide(int32(i), KeptByLimits, "no limit is broken")
		switch {
		case c.State == Live:
			n.decide(int32(i), KeptByState, because("live", c.Note))
		case c.State == Unknown:
			n.decide(int32(i), KeptByState, because("not known to be finished", c.Note))
		case c.Pinned != "":
			n.decide(int32(i), KeptByPin, c.Pinned)
		case c.End.Sub(n.now) > future || c.Start.Sub(n.now) > future:
			n.decide(int32(i), KeptByFuture, "its time lies more than 5min in the future")
		}
	}
	n.warnFuture()
}

func because(what, note string) string {
	if note == "" {
		return what
	}
	return what + ": " + note
}

func (n *planner) warnFuture() {
	count, last := 0, -1
	for i := range n.captures {
		if n.plan.Decisions[i].Rule == KeptByFuture {
			count, last = count+1, i
		}
	}
	if count > 0 {
		c := &n.captures[last]
		n.warnf("%s of the future, as %s of %s: kept; is the clock right?",
			counted(count), c.Path(), c.End.UTC().Format(time.RFC3339))
	}
}

func counted(n int) string {
	if n == 1 {
		return "1 capture"
	}
	return fmt.Sprintf("%d captures", n)
}

func (n *planner) warnf(format string, args ...any) {
	n.plan.Warnings = append(n.plan.Warnings, fmt.Sprintf(format, args...))
}

// makeGroups sorts the captures into groups, and each group from the newest to the oldest.
func (n *planner) makeGroups() {
	numbers := map[string]int32{}
	n.order = make([]member, len(n.captures))
	for i := range n.captures {
		c := &n.captures[i]
		name := n.GroupBy.name(c)
		g, ok := numbers[name]
		if !ok {
			g = int32(len(n.groups))
			numbers[name] = g
			n.groups = append(n.groups, group{name: name})
		}
		n.groups[g].to++
		n.groups[g].add(c)
		n.order[i] = member{group: g, capture: int32(i), end: c.End.UnixMilli()}
	}
	slices.SortFunc(n.order, n.newestFirst)
	at := 0
	for g := range n.groups {
		n.groups[g].from, n.groups[g].to, at = at, at+n.groups[g].to, at+n.groups[g].to
	}
}

func (n *planner) newestFirst(a, b member) int {
	if a.group != b.group {
		return cmp.Compare(a.group, b.group)
	}
	if a.end != b.end {
		return cmp.Compare(b.end, a.end)
	}
	x, y := &n.captures[a.capture], &n.captures[b.capture]
	return cmp.Or(y.End.Compare(x.End), y.Start.Compare(x.Start),
		strings.Compare(x.Name, y.Name), strings.Compare(x.Dir, y.Dir), cmp.Compare(a.capture, b.capture))
}

// add counts a capture that is there; gone takes it away again.
func (g *group) add(c *Capture) {
	g.bytes += max(c.Bytes, 0)
	if c.State != Live {
		g.count++
	}
}

func (g *group) gone(c *Capture) {
	g.bytes -= max(c.Bytes, 0)
	g.count--
}

// name is the name of the group that c is in.
func (b GroupBy) name(c *Capture) string {
	if b == (GroupBy{}) {
		return c.Component
	}
	var parts []string
	if b.None {
		return "all captures"
	}
	if !b.NoComponent {
		parts = append(parts, c.Component)
	}
	if b.Host {
		parts = append(parts, c.Host)
	}
	if b.Dir {
		parts = append(parts, c.Dir)
	}
	return strings.Join(parts, " ")
}

// candidate tells whether the rules count the capture.
func (n *planner) candidate(i int32) bool {
	switch n.plan.Decisions[i].Rule {
	case KeptByState, KeptByPin, KeptByFuture:
		return false
	}
	return true
}

// free tells whether nothing but its archive stands against letting the capture go.
func (n *planner) free(i int32) bool {
	r := n.plan.Decisions[i].Rule
	return r == KeptByLimits || r == KeptByArchive
}

// archived tells whether the archive lets the capture go.
func (n *planner) archived(i int32) bool {
	c := &n.captures[i]
	return c.Archived != NotArchived || !n.RequireArchived && !c.OnlyArchived
}

// let lets a capture go, if its archive allows; else it says so. It reports whether it goes.
func (n *planner) let(g int32, i int32, r Rule, reason string) bool {
	if !n.archived(i) {
		n.decide(i, KeptByArchive, reason)
		return false
	}
	n.remove(g, i, r, reason)
	return true
}

func (n *planner) remove(g, i int32, r Rule, reason string) {
	n.decide(i, r, reason)
	n.groups[g].gone(&n.captures[i])
	n.plan.Deletions = append(n.plan.Deletions, int(i))
	n.plan.Bytes += max(n.captures[i].Bytes, 0)
}

// oldestFirst puts the captures that go so far in the order of their ends.
func (n *planner) oldestFirst() {
	slices.SortStableFunc(n.plan.Deletions, func(a, b int) int { return n.captures[a].End.Compare(n.captures[b].End) })
}

// rest lets go what no Keep rule wants.
func (n *planner) rest() {
	reason := "no --keep rule wants it"
	for _, m := range n.order {
		switch {
		case !n.free(m.capture):
		case n.NoAge != "" && n.KeepWithin > 0:
			n.decide(m.capture, KeptByLimits, "it is older than --keep-within, but "+n.NoAge)
		default:
			n.let(m.group, m.capture, GoesByRest, reason)
		}
	}
	n.oldestFirst()
}

// explainArchive finishes the sentences of captures that would go, were they archived.
func (n *planner) explainArchive() {
	count, full := 0, map[string]string{}
	for i := range n.plan.Decisions {
		d := &n.plan.Decisions[i]
		if d.Rule != KeptByArchive {
			continue
		}
		count++
		if full[d.Reason] == "" {
			full[d.Reason] = "not archived, so it stays, although: " + d.Reason
		}
		d.Reason = full[d.Reason]
	}
	if count > 0 {
		n.unmetf("not archived, so kept: %s that would go", counted(count))
	}
}

// maxUnmet is how many sentences of one kind are worth reading.
const maxUnmet = 100

func (n *planner) unmetf(format string, args ...any) {
	if len(n.plan.Unmet) < maxUnmet {
		n.plan.Unmet = append(n.plan.Unmet, fmt.Sprintf(format, args...))
	}
}
