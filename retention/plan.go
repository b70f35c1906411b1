package retention

import (
	"errors"
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
func (p Policy) Plan(captures []Capture, disk Disk, now time.Time) (*Plan, error) {
	return nil, errors.New("not built yet")
}
