package heap

import "slices"

// ages finds for each sample and view which event made the oldest of the allocations that
// it counts. Memray 1.20 orders its rows by that, and where a report of it ends early that
// order decides which rows are left out. What is alive of a sample is in a queue in the
// order in which it was made; what has died is dropped when it comes to the front, or
// when it may be half of all.
type ages struct {
	samples []sampleAges
	alive   map[madeKey]living
	hits    []piece // scratch
}

type sampleAges struct {
	queue   []made
	touched uint64 // as in count
	oldest  [Views]uint64
}

type made struct {
	event uint64
	seq   uint32 // as in event
}

// madeKey identifies what is alive: a sample is of one thread.
type madeKey struct{ sample, seq uint32 }

type living struct {
	event  uint64
	pieces int // 1, or what is left of a mapping
}

func newAges() *ages { return &ages{alive: map[madeKey]living{}} }

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
	if n := uint64(len(s.queue)); n > 64 && n > 2*l.counts[e.sample].now.Count {
		s.queue = slices.DeleteFunc(s.queue, func(m made) bool { return !a.lives(e.sample, m) })
	}
	s.queue = append(s.queue, made{event: l.event + 1, seq: e.seq})
	a.alive[madeKey{e.sample, e.seq}] = living{event: l.event + 1, pieces: 1}
}

// leave is for a block that is about to be freed, if there is one.
func (a *ages) leave(l *ledger, old block) {
	if old.sample != 0 {
		a.change(l, old.sample&maskSample, old.seq, -1)
	}
}

// change adds n to the pieces of an allocation.
func (a *ages) change(l *ledger, sample, seq uint32, n int) {
	a.settle(l, sample)
	k := madeKey{sample, seq}
	x := a.alive[k]
	if x.pieces += n; x.pieces > 0 {
		a.alive[k] = x
		return
	}
	delete(a.alive, k)
}

func (a *ages) lives(sample uint32, m made) bool {
	return a.alive[madeKey{sample, m.seq}].event == m.event
}

// front gives the event that made the oldest of what is alive of sample i, or 0.
func (a *ages) front(i uint32) uint64 {
	s := &a.samples[i]
	for len(s.queue) > 0 && !a.lives(i, s.queue[0]) {
		s.queue = s.queue[1:]
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
