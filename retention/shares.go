package retention

import (
	"cmp"
	"container/heap"
	"fmt"
	"strings"
)

// A share is what one group could give, the oldest first.
type share struct {
	group int32
	// at is the place in planner.order behind the next capture to give.
	at     int
	reason string
}

// shares is a heap of the groups: that which occupies most, of those that can give, comes first.
type shares struct {
	n    *planner
	may  func(int32) bool
	need need
	list []share
}

func (n *planner) newShares(c need, r Rule, may func(int32) bool) *shares {
	q := &shares{n: n, may: may, need: c}
	for g := range n.groups {
		s := share{group: int32(g), at: n.groups[g].to}
		if !q.seek(&s) {
			continue
		}
		s.reason = fmt.Sprintf("%s: the oldest of %s, which has most", c.text, n.groups[g].name)
		if r == GoesBySacrifice {
			s.reason += "; not archived, but sacrificed (--sacrifice)"
		}
		q.list = append(q.list, s)
	}
	heap.Init(q)
	return q
}

// seek moves s to its next capture that may go, if there is one.
func (q *shares) seek(s *share) bool {
	for from := q.n.groups[s.group].from; s.at > from; s.at-- {
		if i := q.n.order[s.at-1].capture; q.n.free(i) && q.may(i) && q.n.gives(i, q.need.files) > 0 {
			return true
		}
	}
	return false
}

// next gives the capture to go, and its share; nil when there is none.
func (q *shares) next() (int32, *share) {
	if len(q.list) == 0 {
		return 0, nil
	}
	s := &q.list[0]
	return q.n.order[s.at-1].capture, s
}

// again puts the first share where it belongs, once its capture has gone.
func (q *shares) again() {
	if q.seek(&q.list[0]) {
		heap.Fix(q, 0)
	} else {
		heap.Pop(q)
	}
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (q *shares) Len() int { return len(q.list) }

// Less puts the larger group first.
func (q *shares) Less(i, j int) bool {
	a, b := &q.n.groups[q.list[i].group], &q.n.groups[q.list[j].group]
	more := cmp.Compare(b.bytes, a.bytes)
	if q.need.files {
		more = cmp.Compare(b.count, a.count)
	}
	return cmp.Or(more, strings.Compare(a.name, b.name)) < 0
}

func (q *shares) Swap(i, j int) { q.list[i], q.list[j] = q.list[j], q.list[i] }

// Push is not used: all shares are there from the start.
func (q *shares) Push(x any) { q.list = append(q.list, x.(share)) }

// Pop takes the last away.
func (q *shares) Pop() any {
	last := q.list[len(q.list)-1]
	q.list = q.list[:len(q.list)-1]
	return last
}
