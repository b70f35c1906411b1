package heap

import (
	"cmp"
	"slices"
)

// ages finds for each sample and view which event made the oldest of the allocations that
// it counts. Memray 1.20 orders its rows by that, and where a report of it ends early that
// order decides which rows are left out. What is alive of a sample is in a queue in the
// order in which it was made, where it is found by bisection; what has died is dropped when
// it comes to the front or to the back, or when it may be half of all.
type ages struct {
	samples []sampleAges
	hits    []piece // scratch
}

type sampleAges struct {
	queue   []made
	dead    int    // of queue
	touched uint64 // as in count
	oldest  [Views]uint64
}

type made struct {
	event  uint64
	seq    uint32 // as in event; it grows along a queue, for a sample is of one thread
	pieces uint32 // 1, or what is left of a mapping; 0 is dead
}

// before looks at the samples that e is about to change.
func (a *ages) before(l *ledger, e *event) {
	switch e.op {
	case opMalloc:
		a.leave(l, l.live.get(e.address))
		a.make(l, e)
	case opMap:
		a.make(l, e)
	case opFree:
		a.leave(l, l.live.get(e.address))
	case opUnmap:
		start, end := e.address, rangeEnd(e.address, e.size)
		a.hits = l.ranges.appendHits(a.hits[:0], start, end)
		for _, p := range a.hits {
			n := -1
			if p.start < start {
				n++
			}
			if end < p.end {
				n++
			}
			a.change(l, p.sample&maskSample, p.seq, n)
		}
	}
}

// settle brings what is kept of sample i up to now, before the next event changes it.
func (a *ages) settle(l *ledger, i uint32) *sampleAges {
	for int(i) >= len(a.samples) {
		a.samples = append(a.samples, sampleAges{})
	}
	s := &a.samples[i]
	if s.touched <= l.peakEvent {
		s.oldest[Peak] = a.front(i)
	}
	s.touched = l.event + 1
	return s
}

func (a *ages) make(l *ledger, e *event) {
	s := a.settle(l, e.sample)
	if s.oldest[Total] == 0 && l.phase == phaseIn {
		s.oldest[Total] = l.event + 1
	}
	if e.op == opMap && e.size == 0 {
		return
	}
	if n := len(s.queue); n > 64 && s.dead > n/2 {
		s.queue = slices.DeleteFunc(s.queue, func(m made) bool { return m.pieces == 0 })
		s.dead = 0
	}
	s.queue = append(s.queue, made{event: l.event + 1, seq: e.seq, pieces: 1})
}

// leave is for a block that is about to be freed, if there is one.
func (a *ages) leave(l *ledger, old block) {
	if old.sample != 0 {
		a.change(l, old.sample&maskSample, old.seq, -1)
	}
}

// change adds n to the pieces of an allocation.
func (a *ages) change(l *ledger, sample, seq uint32, n int) {
	s := a.settle(l, sample)
	m := s.find(seq)
	if m == nil || m.pieces == 0 {
		return
	}
	if m.pieces = uint32(int(m.pieces) + n); m.pieces > 0 {
		return
	}
	s.dead++
	for k := len(s.queue); k > 0 && s.queue[k-1].pieces == 0; k-- {
		s.queue = s.queue[:k-1]
		s.dead--
	}
}

// find gives the allocation with this number, or nil.
func (s *sampleAges) find(seq uint32) *made {
	if len(s.queue) == 0 {
		return nil
	}
	// Numbers are modulo 2^32, so they are compared by how far they are from the first.
	first := s.queue[0].seq
	i, ok := slices.BinarySearchFunc(s.queue, seq-first, func(m made, want uint32) int {
		return cmp.Compare(m.seq-first, want)
	})
	if !ok {
		return nil
	}
	return &s.queue[i]
}

// front gives the event that made the oldest of what is alive of sample i, or 0.
func (a *ages) front(i uint32) uint64 {
	s := &a.samples[i]
	for len(s.queue) > 0 && s.queue[0].pieces == 0 {
		s.queue = s.queue[1:]
		s.dead--
	}
	if len(s.queue) == 0 {
		return 0
	}
	return s.queue[0].event
}

// temporary is for an allocation, made by this event, that was found to be temporary.
func (a *ages) temporary(sample uint32, event uint64) {
	if o := &a.samples[sample].oldest[Temporary]; *o == 0 || event < *o {
		*o = event
	}
}

// begin starts the window.
func (a *ages) begin() {
	for i := range a.samples {
		a.samples[i].oldest = [Views]uint64{}
	}
}

// finish gives the oldest of sample i.
func (a *ages) finish(l *ledger, i uint32) [Views]uint64 {
	s := a.settle(l, i)
	s.oldest[Live] = a.front(i)
	return s.oldest
}
