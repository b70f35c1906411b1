package retention

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/memvault/memvault/internal/soak"
)

// An oracle says by brute force what a policy lets go. It was written from the words of the policy, and
// does not go the planner's way: no sorting, no groups, no running sums, no heap. It asks all captures about
// each capture, lets one go, and asks all of them again.
type oracle struct {
	p    Policy
	all  []Capture
	disk Disk
	now  time.Time
	gone map[int]bool
}

// group names what the rules take together; two captures are of one group if it is the same.
func (o *oracle) group(i int) string {
	g := ""
	if !o.p.GroupBy.None && !o.p.GroupBy.NoComponent {
		g = o.all[i].Component
	}
	if !o.p.GroupBy.None && o.p.GroupBy.Dir {
		g += " " + o.all[i].Dir
	}
	return g
}

// counts tells whether the rules count the capture at all.
func (o *oracle) counts(i int) bool {
	c, limit := o.all[i], o.now.Add(5*time.Minute)
	return (c.State == Finished || c.State == Crashed) && c.Pinned == "" && !c.End.After(limit) && !c.Start.After(limit)
}

// slots tells whether the capture can take a slot of a Keep rule.
func (o *oracle) slots(i int) bool { return o.counts(i) && (!o.all[i].Leftover || o.all[i].Kept) }

// newer tells whether j comes before i, from the newest to the oldest.
func (o *oracle) newer(j, i int) bool {
	a, b := o.all[j], o.all[i]
	switch {
	case !a.End.Equal(b.End):
		return a.End.After(b.End)
	case !a.Start.Equal(b.Start):
		return a.Start.After(b.Start)
	}
	return a.Name < b.Name
}

// newest tells whether i is the newest of its stretch of time, and less than n stretches are newer.
func (o *oracle) newest(i, n int, stretch func(Capture) string) bool {
	before := map[string]bool{}
	for j := range o.all {
		if o.slots(j) && o.group(j) == o.group(i) && o.newer(j, i) {
			before[stretch(o.all[j])] = true
		}
	}
	return !before[stretch(o.all[i])] && len(before) < n
}

func (o *oracle) within(i int) bool {
	for j := range o.all {
		if o.slots(j) && o.group(j) == o.group(i) && o.all[j].End.Sub(o.all[i].End) > o.p.KeepWithin {
			return false
		}
	}
	return o.p.KeepWithin > 0
}

func (o *oracle) tagged(i int) bool {
	for _, tag := range o.p.KeepTags {
		for _, label := range o.all[i].Tags {
			if label == tag || strings.HasPrefix(label, tag+"=") {
				return true
			}
		}
	}
	return false
}

// wanted tells whether a Keep rule wants the capture.
func (o *oracle) wanted(i int) bool {
	local := func(layout string) func(Capture) string {
		return func(c Capture) string { return c.End.In(o.now.Location()).Format(layout) }
	}
	week := func(c Capture) string {
		y, w := c.End.In(o.now.Location()).ISOWeek()
		return fmt.Sprint(y, w)
	}
	return o.slots(i) && (o.all[i].Kept || o.tagged(i) || o.within(i) ||
		o.newest(i, o.p.KeepLast, func(c Capture) string { return c.Name }) ||
		o.newest(i, o.p.KeepHourly, local("2006-01-02 15")) ||
		o.newest(i, o.p.KeepDaily, local("2006-01-02")) ||
		o.newest(i, o.p.KeepWeekly, week))
}

// mayGo tells whether nothing stands against letting the capture go.
func (o *oracle) mayGo(i int) bool {
	return !o.gone[i] && o.counts(i) && !o.wanted(i) && o.stored(i)
}

func (o *oracle) stored(i int) bool {
	c := o.all[i]
	return c.Archived != NotArchived || !o.p.RequireArchived && !c.OnlyArchived
}

// sum adds up what is left of a group; of all where it is "*".
func (o *oracle) sum(group string, value func(Capture) int64) int64 {
	var s int64
	for i, c := range o.all {
		if !o.gone[i] && (group == "*" || o.group(i) == group) {
			s += value(c)
		}
	}
	return s
}

func size(c Capture) int64 { return max(c.Bytes, 0) }

func one(c Capture) int64 {
	if c.State == Live {
		return 0
	}
	return 1
}

// oldest gives the oldest of a group that pick takes, or -1.
func (o *oracle) oldest(group string, pick func(int) bool) int {
	found := -1
	for i := range o.all {
		if o.group(i) == group && pick(i) && (found < 0 || o.newer(found, i)) {
			found = i
		}
	}
	return found
}

func (o *oracle) groups() []string {
	names := map[string]bool{}
	for i := range o.all {
		names[o.group(i)] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// run fills gone.
func (o *oracle) run() {
	p := o.p
	if p.MaxAge == nil && p.MaxCount == 0 && p.MaxTotal == 0 && p.Budget == 0 && p.MinFree.IsZero() && p.MinInodes.IsZero() {
		for i := range o.all {
			if o.mayGo(i) && (p.NoAge == "" || p.KeepWithin == 0) {
				o.gone[i] = true
			}
		}
		return
	}
	for i, c := range o.all {
		if p.MaxAge != nil && p.NoAge == "" && o.mayGo(i) && !c.End.After(o.now.Add(-*p.MaxAge)) {
			o.gone[i] = true
		}
	}
	for _, g := range o.groups() {
		for p.MaxCount > 0 && o.sum(g, one) > int64(p.MaxCount) && o.drop(g, o.mayGo) {
		}
	}
	for _, g := range o.groups() {
		for p.MaxTotal > 0 && o.sum(g, size) > p.MaxTotal && o.drop(g, o.givesBytes(o.mayGo)) {
		}
	}
	o.pressure()
}

// drop lets the oldest of a group go that pick takes.
func (o *oracle) drop(group string, pick func(int) bool) bool {
	i := o.oldest(group, pick)
	if i >= 0 {
		o.gone[i] = true
	}
	return i >= 0
}

func (o *oracle) givesBytes(may func(int) bool) func(int) bool {
	return func(i int) bool { return may(i) && !o.all[i].Held && o.all[i].Bytes > 0 }
}

func (o *oracle) givesFiles(may func(int) bool) func(int) bool {
	return func(i int) bool { return may(i) && !o.all[i].Held }
}

// back is what the trash and all that has gone give back.
func (o *oracle) back(trash int64, value func(Capture) int64) int64 {
	for i := range o.gone {
		if c := o.all[i]; !c.Held {
			trash += value(c)
		}
	}
	return trash
}

// A limit of the oracle: it is broken while have is below at, and deleting goes on while have, with
// what came back, is below until.
type oracleLimit struct {
	have, at, until int64
	files           bool
}

// limits gives the limits for all captures together, at which level: High, or Critical.
func (o *oracle) limits(l Level, used int64) []oracleLimit {
	part := func(n int64, f float64) int64 { return int64(float64(n) * f) }
	var list []oracleLimit
	add := func(have, whole int64, a Amount, files bool) {
		if a.IsZero() || whole == 0 {
			return
		}
		want := a.Count
		if a.Percent > 0 {
			want = part(whole, a.Percent/100)
		}
		list = append(list, oracleLimit{have, want, min(part(want, 1+o.p.Slack), whole), files})
	}
	free, inodes, budget := o.p.MinFree, o.p.MinInodes, o.p.Budget
	if l == Critical {
		half := func(a Amount) Amount { return Amount{a.Percent / 2, part(a.Count, 0.5)} }
		free, inodes, budget = half(free), half(inodes), part(budget, 1.1)
	}
	add(o.disk.Free, o.disk.Total, free, false)
	if budget > 0 {
		// The room that is left in the budget, so that more is better as with free space.
		list = append(list, oracleLimit{budget - used, 0, budget - part(budget, 1-o.p.Slack), false})
	}
	add(o.disk.FreeInodes, o.disk.Inodes, inodes, true)
	return list
}

func (o *oracle) pressure() {
	used := o.disk.Trash
	for _, c := range o.all {
		used += size(c)
	}
	sacrificed := func(i int) bool {
		c := o.all[i]
		named := slices.Contains(o.p.Sacrifice, c.Component) || slices.Contains(o.p.Sacrifice, "all")
		return !o.gone[i] && o.counts(i) && !o.wanted(i) && !o.stored(i) && !c.OnlyArchived && named
	}
	high := o.limits(High, used)
	for i, l := range append(high, o.limits(Critical, used)...) {
		may := o.mayGo
		if i >= len(high) {
			may = sacrificed
		}
		at := l.at
		if i >= len(high) && o.disk.Level >= Critical || i < len(high) && o.disk.Level >= High {
			at = l.until
		}
		if l.have < at {
			o.relieve(l, may)
		}
	}
}

// relieve lets captures go until the limit is met, one by one, of the group that has most.
func (o *oracle) relieve(l oracleLimit, may func(int) bool) {
	value, trash, pick := size, o.disk.Trash, o.givesBytes(may)
	weight := size
	if l.files {
		value, trash, pick = func(Capture) int64 { return 1 }, o.disk.TrashFiles, o.givesFiles(may)
		weight = one
	}
	for l.have+o.back(trash, value) < l.until {
		best, most := "", int64(-1)
		for _, g := range o.groups() {
			if o.oldest(g, pick) >= 0 && o.sum(g, weight) > most {
				best, most = g, o.sum(g, weight)
			}
		}
		if most < 0 || !o.drop(best, pick) {
			return
		}
	}
}

// drawCapture makes a capture with few different times and sizes, so that they often tie.
func drawCapture(t *rapid.T, i int, now time.Time) Capture {
	unit := rapid.SampledFrom([]time.Duration{time.Minute, 20 * time.Minute, time.Hour, 7 * time.Hour, day, 5 * day}).Draw(t, "unit")
	end := now.Add(-unit * time.Duration(rapid.IntRange(-8, 12).Draw(t, "ago")))
	return Capture{
		Dir:       rapid.SampledFrom([]string{"/x", "/y"}).Draw(t, "dir"),
		Name:      fmt.Sprintf("c%02d", i),
		Component: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "component"),
		Tags:      rapid.SampledFrom([][]string{nil, nil, {"hold=yes"}, {"team=a", "x=y"}, {"holder=no"}}).Draw(t, "tags"),
		Start:     end.Add(-rapid.SampledFrom([]time.Duration{0, time.Hour, day}).Draw(t, "took")), End: end,
		Bytes:    rapid.Int64Range(0, 6).Draw(t, "bytes"),
		Pinned:   rapid.SampledFrom([]string{"", "", "", "", "", "", "pinned"}).Draw(t, "pinned"),
		State:    rapid.SampledFrom([]State{Finished, Finished, Finished, Crashed, Crashed, Live, Unknown}).Draw(t, "state"),
		Archived: rapid.SampledFrom([]Archived{NotAsked, NotArchived, InArchive, InArchive}).Draw(t, "archived"),
		Held:     rapid.IntRange(0, 9).Draw(t, "held") == 0,
		Kept:     rapid.IntRange(0, 9).Draw(t, "kept") == 0, Leftover: rapid.IntRange(0, 9).Draw(t, "leftover") == 0,
		OnlyArchived: rapid.IntRange(0, 9).Draw(t, "only") == 0,
	}
}

// some draws n in most of the cases, and else zero.
func some[T any](t *rapid.T, name string, g *rapid.Generator[T]) (v T) {
	if rapid.IntRange(0, 3).Draw(t, name+"?") == 0 {
		return g.Draw(t, name)
	}
	return v
}

func drawPolicy(t *rapid.T) Policy {
	amount := rapid.SampledFrom([]Amount{{Percent: 10}, {Count: 15}, {Count: 40}, {Percent: 60}})
	p := Policy{
		KeepLast: some(t, "last", rapid.IntRange(1, 4)), KeepHourly: some(t, "hourly", rapid.IntRange(1, 4)),
		KeepDaily: some(t, "daily", rapid.IntRange(1, 4)), KeepWeekly: some(t, "weekly", rapid.IntRange(1, 3)),
		KeepWithin: some(t, "within", rapid.SampledFrom([]time.Duration{time.Hour, day})),
		KeepTags:   some(t, "tags", rapid.SampledFrom([][]string{{"hold"}, {"team=a", "x=z"}})),
		MaxTotal:   some(t, "total", rapid.Int64Range(1, 20)), MaxCount: some(t, "count", rapid.IntRange(1, 6)),
		Budget: some(t, "budget", rapid.Int64Range(1, 40)), MinFree: some(t, "free", amount), MinInodes: some(t, "inodes", amount),
		Slack:           rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(t, "slack"),
		GroupBy:         rapid.SampledFrom([]GroupBy{{}, {}, {None: true}, {Dir: true}, {Dir: true, NoComponent: true}}).Draw(t, "by"),
		RequireArchived: rapid.Bool().Draw(t, "require"),
		Sacrifice:       rapid.SampledFrom([][]string{nil, {"a"}, {"b", "c"}, {"all"}}).Draw(t, "sacrifice"),
		NoAge:           some(t, "doubt", rapid.Just("doubt")),
	}
	if rapid.IntRange(0, 3).Draw(t, "age?") == 0 {
		p.MaxAge = new(rapid.SampledFrom([]time.Duration{0, time.Hour, day, 10 * day}).Draw(t, "age"))
	}
	return p
}

func drawDisk(t *rapid.T) Disk {
	return Disk{
		Total: 100, Free: rapid.SampledFrom([]int64{0, 2, 4, 6, 9, 12, 16, 22, 30, 70}).Draw(t, "free"),
		Inodes: 100, FreeInodes: rapid.Int64Range(0, 80).Draw(t, "inodes"),
		Trash: rapid.Int64Range(0, 5).Draw(t, "trash"), TrashFiles: rapid.Int64Range(0, 3).Draw(t, "trashed"),
		Level: rapid.SampledFrom([]Level{Fine, Fine, Warn, High, Critical}).Draw(t, "level"),
	}
}

// TestPlanOracle compares 100,000 random plans with those of the oracle: what must stay stays, and no more goes
// than needed.
func TestPlanOracle(t *testing.T) {
	checks := soak.N(t, 4000, 100_000)
	if err := flag.Set("rapid.checks", fmt.Sprint(checks)); err != nil {
		t.Fatal(err)
	}
	var rules [GoesBySacrifice + 1]int
	rapid.Check(t, func(t *rapid.T) {
		now := testNow.In(time.FixedZone("east", 5*3600+1800))
		captures := make([]Capture, 24-rapid.IntRange(0, 24).Draw(t, "less"))
		for i := range captures {
			captures[i] = drawCapture(t, i, now)
		}
		o := &oracle{p: drawPolicy(t), all: captures, disk: drawDisk(t), now: now, gone: map[int]bool{}}
		plan, err := o.p.Plan(captures, o.disk, now)
		if err == ErrEmpty {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range plan.Decisions {
			rules[d.Rule]++
		}
		o.run()
		compareToOracle(t, o, plan)
		checkPlan(t, o, plan)
	})
	t.Logf("decisions by rule: %v", rules)
	for r, n := range rules {
		if n < checks/100 {
			t.Errorf("rule %d decided %d times in %d plans: that is no proof", r, n, checks)
		}
	}
}

func compareToOracle(t *rapid.T, o *oracle, plan *Plan) {
	want := slices.Sorted(maps.Keys(o.gone))
	if got := slices.Sorted(slices.Values(plan.Deletions)); !slices.Equal(got, want) {
		t.Fatalf("policy %+v\ndisk %+v\ngot %v to go, the oracle says %v\n%s", o.p, o.disk, got, want, verdicts(o.all, plan))
	}
	for i, d := range plan.Decisions {
		if d.Delete() != o.gone[i] {
			t.Fatalf("capture %d: decision %+v, oracle %v", i, d, o.gone[i])
		}
	}
}

// checkPlan checks what holds of every plan, whatever its policy.
func checkPlan(t *rapid.T, o *oracle, plan *Plan) {
	for i, d := range plan.Decisions {
		c := o.all[i]
		switch {
		case d.Reason == "":
			t.Fatalf("capture %d has no reason: %+v", i, d)
		case !d.Delete():
		case c.State == Live, c.State == Unknown, c.Pinned != "", c.Kept,
			c.OnlyArchived && c.Archived == NotArchived,
			o.p.RequireArchived && c.Archived == NotArchived && d.Rule != GoesBySacrifice:
			t.Fatalf("capture %d must stay, but goes: %+v, %+v", i, c, d)
		}
	}
	if seen := slices.Compact(slices.Sorted(slices.Values(plan.Deletions))); len(seen) != len(plan.Deletions) {
		t.Fatalf("a capture is deleted twice: %v", plan.Deletions)
	}
}
