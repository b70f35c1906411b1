package retention

import (
	"errors"
	"fmt"
	"time"
)

// Rule is what decided over a capture.
type Rule uint8

// The rules. Those up to KeptByLimits keep, the others let go.
const (
	KeptByState    Rule = iota // live, or not known not to be
	KeptByFuture               // its times lie in the future
	KeptByPin                  // it cannot be deleted
	KeptByPolicy               // a Keep rule wants it
	KeptByArchive              // it would go, but is not archived
	KeptByLimits               // no limit is broken, or not any more
	GoesByRest                 // no Keep rule wants it, and there are no limits
	GoesByAge                  // MaxAge
	GoesByCount                // MaxCount
	GoesByTotal                // MaxTotal
	GoesByPressure             // Budget, MinFree, MinInodes
	GoesBySacrifice
)

// Decision is what is to become of a capture.
type Decision struct {
	// Reason is a sentence for a person, also when the capture is kept.
	Reason string
	Rule   Rule
}

// Delete reports whether the capture is to go.
func (d Decision) Delete() bool { return d.Rule >= GoesByRest }

// Plan is what Policy.Plan decided.
type Plan struct {
	// Decisions has one for each capture, in the order of the captures.
	Decisions []Decision
	// Deletions are the indexes of those that go, in the order in which to delete them.
	Deletions []int
	// Bytes is what Deletions occupy.
	Bytes int64
	// Level is how full the disk is before anything is done.
	Level Level
	// EmptyTrash tells that the trash is to be emptied first, and deleted captures to skip it.
	EmptyTrash bool
	// Unmet says in a sentence each which limits stay broken, and why.
	Unmet []string
	// Warnings say in a sentence each what the user should look at.
	Warnings []string
}

// ErrEmpty is the error of Plan for a policy that says nothing.
var ErrEmpty = errors.New("the policy is empty: it neither keeps nor limits anything")

// Plan decides what becomes of each capture. It has no side effects: the same arguments give
// the same Plan, whose Decisions are in the order of the captures. Days and hours are those
// of the location of now. Errors are ErrEmpty and those of a policy that makes no sense.
//
//  1. What is live, of unknown state, pinned or of the future is set aside: no rule counts it.
//  2. The rest is grouped, and each Keep rule marks what it wants.
//  3. Without limits, all that is not marked goes. With limits: what is too old, then the oldest
//     of the groups that are too many or too large, then, while all together are beyond the
//     budget or the disk is too full, the oldest of the group that occupies most.
//  4. Where free space is critical, the same again among what may be sacrificed.
func (p Policy) Plan(captures []Capture, disk Disk, now time.Time) (*Plan, error) {
	if err := p.check(disk); err != nil {
		return nil, err
	}
	n := &planner{Policy: p, captures: captures, disk: disk, now: now}
	n.within = "within " + FormatDuration(p.KeepWithin) + " of the newest (--keep-within)"
	n.plan.Decisions = make([]Decision, len(captures))
	n.setAside()
	n.makeGroups()
	for g := range n.groups {
		n.keep(n.members(g))
	}
	if p.limited() {
		n.limits()
	} else {
		n.rest()
	}
	n.explainArchive()
	return &n.plan, nil
}

// check refuses policies that cannot be meant.
func (p *Policy) check(d Disk) error {
	switch {
	case min(p.KeepLast, p.KeepHourly, p.KeepDaily, p.KeepWeekly, p.MaxCount) < 0,
		min(p.KeepWithin, 0) < 0, min(p.MaxTotal, p.Budget, p.MinFree.Count, p.MinInodes.Count) < 0:
		return errors.New("the policy has a negative number")
	case p.MaxAge != nil && *p.MaxAge < 0:
		return errors.New("the policy has a negative age")
	case !p.limited() && !p.keeps():
		return ErrEmpty
	case p.Slack < 0 || p.Slack >= 1:
		return fmt.Errorf("the slack is %v, want 0 or more and less than 1", p.Slack)
	case !p.MinFree.IsZero() && d.Total == 0:
		return errors.New("the policy wants free space, but how much there is is not known")
	}
	return nil
}

// limited tells whether the policy sets a limit, keeps whether it keeps something.
func (p *Policy) limited() bool {
	return p.MaxAge != nil || p.MaxTotal > 0 || p.MaxCount > 0 || p.pressing()
}

// pressing tells whether the policy has a limit for all groups together.
func (p *Policy) pressing() bool {
	return p.Budget > 0 || !p.MinFree.IsZero() || !p.MinInodes.IsZero()
}

func (p *Policy) keeps() bool {
	return p.KeepLast > 0 || p.KeepHourly > 0 || p.KeepDaily > 0 || p.KeepWeekly > 0 ||
		p.KeepWithin > 0 || len(p.KeepTags) > 0
}
