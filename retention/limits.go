package retention

import (
	"fmt"
	"strings"
)

// limits lets go what breaks a limit, and says which stay broken.
func (n *planner) limits() {
	if n.MaxAge != nil {
		n.age()
	}
	if n.MaxCount > 0 {
		n.eachGroup(n.count)
	}
	if n.MaxTotal > 0 {
		n.eachGroup(n.total)
	}
	n.oldestFirst()
	if n.pressing() {
		n.pressure()
	}
}

func (n *planner) eachGroup(limit func(g int)) {
	for g := range n.groups {
		limit(g)
	}
}

// age lets go what ended too long ago.
func (n *planner) age() {
	limit := "--max-age " + FormatDuration(*n.MaxAge)
	reason := "it ended " + FormatDuration(*n.MaxAge) + " or more ago (" + limit + ")"
	if *n.MaxAge == 0 {
		reason = "it has ended (" + limit + ")"
	}
	if n.NoAge != "" {
		n.warnf("nothing goes by age: %s", n.NoAge)
	}
	var stay breakdown
	for _, m := range n.order {
		c := &n.captures[m.capture]
		switch {
		case n.now.Sub(c.End) < *n.MaxAge || c.State == Live:
			continue
		case !n.free(m.capture):
			stay.add(n.plan.Decisions[m.capture].Rule, 1)
		case n.NoAge != "":
			n.decide(m.capture, KeptByLimits, reason+", but "+n.NoAge)
			stay.clock++
		default:
			n.let(m.group, m.capture, GoesByAge, reason)
		}
	}
	if stay.any() {
		n.unmetf("%s: %s", limit, stay.text(func(v int64) string { return fmt.Sprint(v) }))
	}
}

// fromOldest walks over the captures of a group that could go.
func (n *planner) fromOldest(g int, more func() bool, visit func(i int32)) {
	members := n.members(g)
	for at := len(members) - 1; at >= 0 && more(); at-- {
		if i := members[at].capture; n.free(i) {
			visit(i)
		}
	}
}

// count lets the oldest of a group go while there are too many.
func (n *planner) count(g int) {
	gr := &n.groups[g]
	if gr.count <= n.MaxCount {
		return
	}
	limit := fmt.Sprintf("--max-count %d of %s", n.MaxCount, gr.name)
	reason := "one of the oldest of too many (" + limit + ")"
	n.fromOldest(g, func() bool { return gr.count > n.MaxCount }, func(i int32) {
		n.let(int32(g), i, GoesByCount, reason)
	})
	if gr.count > n.MaxCount {
		stay := n.breakdown(n.members(g), func(*Capture) int64 { return 1 })
		n.unmetf("%s: %d remain: %s", limit, gr.count, stay.text(func(v int64) string { return fmt.Sprint(v) }))
	}
}

// total lets the oldest of a group go while they occupy too much.
func (n *planner) total(g int) {
	gr := &n.groups[g]
	if gr.bytes <= n.MaxTotal {
		return
	}
	limit := fmt.Sprintf("--max-total %s of %s", FormatSize(n.MaxTotal), gr.name)
	reason := "one of the oldest of those that occupy too much (" + limit + ")"
	n.fromOldest(g, func() bool { return gr.bytes > n.MaxTotal }, func(i int32) {
		if n.frees(i) {
			n.let(int32(g), i, GoesByTotal, reason)
		}
	})
	if gr.bytes > n.MaxTotal {
		stay := n.breakdown(n.members(g), func(c *Capture) int64 { return max(c.Bytes, 0) })
		n.unmetf("%s: %s remain: %s", limit, FormatSize(gr.bytes), stay.text(FormatSize))
	}
}

// frees tells whether deleting the capture gives space back; if not, it says why it stays.
func (n *planner) frees(i int32) bool {
	c := &n.captures[i]
	switch {
	case c.Held:
		n.decide(i, KeptByLimits, because("deleting it frees nothing now", c.Note))
	case c.Bytes <= 0:
		n.decide(i, KeptByLimits, "it occupies nothing")
	default:
		return true
	}
	return false
}

// A breakdown sums what stays by why it does.
type breakdown struct {
	by    [GoesBySacrifice + 1]int64
	live  int64
	clock int64
}

var breakdownWords = map[Rule]string{
	KeptByState: "not known to be finished", KeptByFuture: "in the future", KeptByPin: "cannot be deleted",
	KeptByPolicy: "kept by --keep rules or .keep files", KeptByArchive: "not archived",
	KeptByLimits: "would free nothing",
}

func (b *breakdown) add(r Rule, v int64) { b.by[r] += v }

func (b *breakdown) any() bool { return *b != breakdown{} }

// text lists what stays.
func (b *breakdown) text(format func(int64) string) string {
	var parts []string
	if b.live > 0 {
		parts = append(parts, format(b.live)+" live")
	}
	if b.clock > 0 {
		parts = append(parts, format(b.clock)+" while the clock is doubted")
	}
	for r := KeptByState; r <= KeptByLimits; r++ {
		if b.by[r] > 0 {
			parts = append(parts, format(b.by[r])+" "+breakdownWords[r])
		}
	}
	return strings.Join(parts, ", ")
}

// breakdown sums what stays of some captures.
func (n *planner) breakdown(members []member, value func(*Capture) int64) *breakdown {
	var b breakdown
	for _, m := range members {
		c, d := &n.captures[m.capture], n.plan.Decisions[m.capture]
		switch {
		case d.Delete():
		case c.State == Live:
			b.live += value(c)
		default:
			b.add(d.Rule, value(c))
		}
	}
	return &b
}
