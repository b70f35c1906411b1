package heap

import (
	"math/bits"

	"github.com/memvault/memvault/codec"
)

// Maximum is the most that a sample held at once, and for how long.
type Maximum struct {
	// Value is what the sample held when it held the most bytes; of several such moments, when it
	// held the most allocations too. In windows it counts older blocks too.
	Value
	// Lifetime is the time that allocations of the sample were alive, summed over them, in
	// milliseconds between memory records. In windows it does not count older blocks. What is
	// left of a mapping, up to two pieces, lives on as an allocation each.
	Lifetime uint64
}

// follower keeps what the ledger has no need of: what was alive over time, and the maxima.
// It looks at what each event is about to change before the ledger does, so that the
// ledger is as fast as ever when there is no follower.
type follower struct {
	maxima bool
	end    int64 // when the time that is read will end, if that is known; else 0
	clock  int64 // of the latest memory record
	past   *past // nil unless asked for
	ages   *ages // nil unless asked for

	samples []followed // by sample
	hits    []piece    // scratch
}

// followed is what is kept of a sample.
type followed struct {
	noted    uint32 // id of the latest boundary that past.runs tell of
	head     uint32 // the latest of those runs
	max      Value
	own      uint64 // number of live blocks that were made in the window
	lifetime uint64 // until since
	since    int64
}

func newFollower(h *codec.Header, o *Options, w window) *follower {
	if o.Slices <= 0 && !o.Maxima && !o.Oldest {
		return nil
	}
	f := &follower{maxima: o.Maxima, clock: h.StartTime}
	if o.Oldest {
		f.ages = newAges()
	}
	if h.Allocations != 0 {
		f.end = h.EndTime
	}
	if o.End != 0 {
		f.end = o.End
	}
	if w.hasUntil && (f.end == 0 || w.until < f.end) {
		f.end = w.until
	}
	if o.Slices > 0 {
		f.past = &past{slices: min(o.Slices, MaxSlices)}
		f.past.begin(h.StartTime, f.end)
	}
	return f
}

// followed carries out an event, with the follower looking on.
func (l *ledger) followed(e *event, b *batch) {
	f, phase := l.follower, l.phase
	if f.ages != nil && phase != phaseAfter && e.op != opMemory {
		f.ages.before(l, e)
	}
	if phase == phaseIn && e.op != opMemory {
		f.before(l, e)
	}
	l.one(e, b)
	switch {
	case e.op == opMemory && phase == phaseBefore && l.phase == phaseIn:
		f.begin(l, int64(e.address))
	case e.op == opMemory && phase == phaseIn:
		f.tick(l, int64(e.address))
	case phase == phaseIn && (e.op == opMalloc || e.op == opMap):
		f.raise(l, e.sample)
	}
}

// begin starts the window.
func (f *follower) begin(l *ledger, at int64) {
	f.clock = at
	if f.past != nil {
		f.past.begin(at, f.end)
	}
	if f.ages != nil {
		f.ages.begin()
	}
	f.samples = make([]followed, len(l.counts))
	for i := range f.samples {
		f.samples[i] = followed{max: l.counts[i].now, since: at}
	}
}

// tick takes in the time of a memory record.
func (f *follower) tick(l *ledger, at int64) {
	f.clock = max(f.clock, at)
	if f.past == nil || at < f.past.next {
		return
	}
	f.past.tick(at)
	if f.past.full() {
		f.past.forget(func(prune func(head *uint32)) {
			for i := range f.samples {
				prune(&f.samples[i].head)
			}
		})
	}
}

// before looks at the samples that e will change.
func (f *follower) before(l *ledger, e *event) {
	switch e.op {
	case opMalloc:
		f.settle(l, e.sample).own++
		f.leave(l, l.live.get(e.address))
	case opFree:
		f.leave(l, l.live.get(e.address))
	case opMap:
		if s := f.settle(l, e.sample); e.size > 0 {
			s.own++
		}
	case opUnmap:
		start, end := e.address, rangeEnd(e.address, e.size)
		f.hits = l.ranges.appendHits(f.hits[:0], start, end)
		for i := range f.hits {
			f.cut(l, &f.hits[i], start, end)
		}
	}
}

// leave is for a block that is about to be freed, if there is one.
func (f *follower) leave(l *ledger, old block) {
	if old.sample == 0 {
		return
	}
	if s := f.settle(l, old.sample&maskSample); old.sample&flagBefore == 0 {
		s.own--
	}
}

// cut is for a piece out of which [start, end) is about to be unmapped.
func (f *follower) cut(l *ledger, p *piece, start, end uint64) {
	s := f.settle(l, p.sample&maskSample)
	if p.sample&flagBefore != 0 {
		return
	}
	s.own--
	if p.start < start {
		s.own++
	}
	if end < p.end {
		s.own++
	}
}

// settle brings what is kept of sample i up to now, before it changes.
func (f *follower) settle(l *ledger, i uint32) *followed {
	for int(i) >= len(f.samples) {
		f.samples = append(f.samples, followed{since: f.clock})
	}
	s := &f.samples[i]
	if f.past != nil && s.noted != f.past.latest {
		var now Value
		if int(i) < len(l.counts) {
			now = l.counts[i].now
		}
		s.head = f.past.add(s.head, f.past.latest, now)
		s.noted = f.past.latest
	}
	if f.maxima && s.since != f.clock {
		s.lifetime = satAdd(s.lifetime, satMul(s.own, uint64(f.clock-s.since)))
		s.since = f.clock
	}
	return s
}

func satMul(a, b uint64) uint64 {
	if hi, lo := bits.Mul64(a, b); hi == 0 {
		return lo
	}
	return 1<<64 - 1
}

// raise is for a sample that may hold more than ever.
func (f *follower) raise(l *ledger, i uint32) {
	now, m := &l.counts[i].now, &f.samples[i].max
	if now.Bytes > m.Bytes || now.Bytes == m.Bytes && now.Count > m.Count {
		*m = *now
	}
}

// finish brings all samples up to the end of what was read, and puts into p what was asked for.
// The boundaries are those that slices end at.
func (f *follower) finish(l *ledger, p *Profile, end int64) []boundary {
	f.clock = max(f.clock, end)
	for i := range l.counts {
		f.settle(l, uint32(i))
	}
	if f.maxima {
		p.Maxima = []Maximum{}
	}
	if f.ages != nil {
		p.Oldest = [][Views]uint64{}
	}
	if f.past == nil {
		return nil
	}
	picked := f.past.pick(f.clock)
	p.History = &History{From: f.past.start, First: []int{0}}
	for _, b := range picked {
		p.History.Ends = append(p.History.Ends, b.time)
	}
	p.History.Ends = append(p.History.Ends, f.clock)
	return picked
}

// sample puts what is kept of sample i of the ledger into p, if need be or if it is anything.
// It reports whether it did.
func (f *follower) sample(l *ledger, p *Profile, picked []boundary, i int, need bool) bool {
	s, now := &f.samples[i], l.counts[i].now
	need = need || f.maxima && s.max != (Value{})
	if h := p.History; h != nil {
		runs := len(h.Runs)
		f.past.appendTo(h, picked, s.head, now)
		if !need && len(h.Runs) == runs+1 && h.Runs[runs].Value == (Value{}) {
			h.Runs, h.First = h.Runs[:runs], h.First[:len(h.First)-1]
			return false
		}
		need = true
	}
	if need && f.ages != nil {
		p.Oldest = append(p.Oldest, f.ages.finish(l, uint32(i)))
	}
	if need && f.maxima {
		p.Maxima = append(p.Maxima, Maximum{Value: s.max, Lifetime: s.lifetime})
	}
	return need
}
