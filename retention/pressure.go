package retention

import (
	"fmt"
	"slices"
)

// A need is a limit for all groups together that is broken.
type need struct {
	text string
	// goal is how much must be freed until the limit holds with its slack, least until it
	// holds: in files, or in bytes.
	goal, least int64
	files       bool
}

// pressure empties the trash and lets captures go, until the budget, the free space and the
// free inodes are as they should be.
func (n *planner) pressure() {
	used := n.occupied()
	n.plan.Level = n.LevelOf(n.disk, used)
	needs := n.needs(n.disk, used, High)
	if len(needs) == 0 {
		return
	}
	n.plan.EmptyTrash = true
	for _, need := range needs {
		n.relieve(need, GoesByPressure, n.archived)
	}
	for _, need := range n.needs(n.disk, used, Critical) {
		n.relieve(need, GoesBySacrifice, n.sacrificed)
	}
	n.explainPressure(needs)
}

// occupied is what all captures occupied before the plan, in bytes.
func (n *planner) occupied() int64 {
	sum := n.plan.Bytes
	for g := range n.groups {
		sum += n.groups[g].bytes
	}
	return sum
}

// needs gives the limits that are broken at a level, which is High or Critical. Those that were
// broken at the last look are until their slack is reached.
func (p *Policy) needs(d Disk, used int64, l Level) []need {
	slack := 0.0
	if d.Level >= l {
		slack = p.Slack
	}
	free, inodes, budget := p.MinFree, p.MinInodes, p.Budget
	if l == Critical {
		free = p.CriticalFree.or(p.MinFree, criticalAt)
		inodes, budget = inodes.scaled(criticalAt), scale(budget, criticalBudget)
	}
	var broken []need
	add := func(c need, at int64) {
		if at > 0 {
			broken = append(broken, c)
		}
	}
	floor := func(have, whole int64, a Amount, c need) {
		if want := a.Of(whole); !a.IsZero() && whole > 0 {
			c.goal, c.least = min(scale(want, 1+p.Slack), whole)-have, want-have
			add(c, scale(want, 1+slack)-have)
		}
	}
	floor(d.Free, d.Total, free, need{text: fmt.Sprintf("only %s are free (--min-free %s)", FormatSize(d.Free), p.MinFree.size())})
	if p.Budget > 0 {
		c := need{text: fmt.Sprintf("captures and trash occupy %s (--budget %s)", FormatSize(used+d.Trash), FormatSize(p.Budget))}
		c.goal, c.least = used+d.Trash-scale(budget, 1-p.Slack), used+d.Trash-budget
		add(c, used+d.Trash-scale(budget, 1-slack))
	}
	floor(d.FreeInodes, d.Inodes, inodes, need{files: true,
		text: fmt.Sprintf("only %d inodes are free (--min-inodes %s)", d.FreeInodes, p.MinInodes.count())})
	return broken
}

// freed is what the trash and the captures that go by now give back.
func (n *planner) freed(files bool) int64 {
	sum := n.disk.Trash
	if files {
		sum = n.disk.TrashFiles
	}
	for _, i := range n.plan.Deletions {
		sum += n.gives(int32(i), files)
	}
	return sum
}

// gives is how many bytes or files deleting a capture gives back.
func (n *planner) gives(i int32, files bool) int64 {
	c := &n.captures[i]
	switch {
	case c.Held:
		return 0
	case files:
		return 1
	}
	return max(c.Bytes, 0)
}

// sacrificed tells whether a capture may go although it is not archived.
func (n *planner) sacrificed(i int32) bool {
	c := &n.captures[i]
	return !n.archived(i) && !c.OnlyArchived &&
		(slices.Contains(n.Sacrifice, c.Component) || slices.Contains(n.Sacrifice, AllComponents))
}

// relieve lets the oldest of whichever group occupies most go, until the need is met or
// nothing is left that may go and frees something.
func (n *planner) relieve(c need, r Rule, may func(int32) bool) {
	missing := c.goal - n.freed(c.files)
	if missing <= 0 {
		return
	}
	q := n.newShares(c, r, may)
	for missing > 0 {
		i, s := q.next()
		if s == nil {
			return
		}
		missing -= n.gives(i, c.files)
		n.remove(s.group, i, r, s.reason)
		q.again()
	}
}

// explainPressure says which needs stay and why, and of what does not go that it would.
func (n *planner) explainPressure(needs []need) {
	for _, c := range needs {
		missing := c.least - n.freed(c.files)
		if missing <= 0 {
			continue
		}
		n.explainKept(c)
		value, format := func(c *Capture) int64 { return max(c.Bytes, 0) }, FormatSize
		if c.files {
			value, format = func(*Capture) int64 { return 1 }, func(v int64) string { return fmt.Sprintf("%d files", v) }
		}
		stay := n.breakdown(n.order, value)
		text := stay.text(format)
		if text == "" {
			text = "no capture is left"
		}
		n.unmetf("%s: %s more are wanted; %s", c.text, format(missing), text)
	}
}

func (n *planner) explainKept(c need) {
	for _, m := range n.order {
		switch i := m.capture; {
		case !n.free(i):
		case !n.archived(i):
			n.decide(i, KeptByArchive, c.text)
		case n.gives(i, c.files) == 0:
			n.decide(i, KeptByLimits, because("deleting it frees nothing now", n.captures[i].Note))
		}
	}
}

func (a Amount) size() string {
	if a.Percent > 0 {
		return fmt.Sprintf("%g%%", a.Percent)
	}
	return FormatSize(a.Count)
}

func (a Amount) count() string {
	if a.Percent > 0 {
		return a.size()
	}
	return fmt.Sprint(a.Count)
}
