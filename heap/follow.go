package heap

import (
	"github.com/memvault/memvault/codec"
)

// follower keeps what the ledger has no need of: what was alive over time, and the maxima.
// It looks at what each event is about to change before the ledger does, so that the
// ledger is as fast as ever when there is no follower.
type follower struct {
	end    int64   // when the time that is read will end, if that is known; else 0
	clock  int64   // of the latest memory record
	past   *past   // nil unless asked for
	ages   *ages   // nil unless asked for
	maxima *maxima // nil unless asked for

	samples []followed // by sample
	hits    []piece    // scratch
}

// followed is what is kept of a sample.
type followed struct {
	noted uint32 // id of the latest boundary that past.runs tell of
	head  uint32 // the latest of those runs
}

func newFollower(h *codec.Header, o *Options, w window) *follower {
	if o.Slices <= 0 && !o.Maxima && !o.Oldest {
		return nil
	}
	f := &follower{clock: h.StartTime}
	if o.Maxima {
		f.maxima = &maxima{of: make([]uint32, 1), sites: make([]site, 1), clock: h.StartTime}
	}
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
	if phase != phaseAfter && e.op != opMemory {
		f.before(l, e)
	}
	l.one(e, b)
	switch {
	case e.op != opMemory:
	case phase == phaseBefore && l.phase == phaseIn:
		f.begin(l, int64(e.address))
	case phase == phaseIn:
		f.tick(l, int64(e.address))
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
	if f.maxima != nil {
		f.maxima.begin(l, at)
	}
	f.samples = make([]followed, len(l.counts))
}

// tick takes in the time of a memory record.
func (f *follower) tick(l *ledger, at int64) {
	f.setClock(at)
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

func (f *follower) setClock(at int64) {
	f.clock = max(f.clock, at)
	if f.maxima != nil {
		f.maxima.clock = f.clock
	}
}

// before looks at the samples that e will change.
func (f *follower) before(l *ledger, e *event) {
	if f.ages != nil {
		f.ages.before(l, e)
	}
	if l.phase != phaseIn {
		return
	}
	if f.maxima != nil {
		f.maxima.before(l, e)
	}
	if f.past != nil {
		f.note(l, e)
	}
}

// note brings the past of the samples that e will change up to now.
func (f *follower) note(l *ledger, e *event) {
	switch e.op {
	case opMalloc:
		f.settle(l, e.sample)
		f.settle(l, l.live.get(e.address).sample)
	case opFree:
		f.settle(l, l.live.get(e.address).sample)
	case opMap:
		f.settle(l, e.sample)
	case opUnmap:
		f.hits = l.ranges.appendHits(f.hits[:0], e.address, rangeEnd(e.address, e.size))
		for i := range f.hits {
			f.settle(l, f.hits[i].sample)
		}
	}
}

// settle brings the past of sample i, with or without flags, up to now. There is no sample 0.
func (f *follower) settle(l *ledger, i uint32) {
	i &= maskSample
	for int(i) >= len(f.samples) {
		f.samples = append(f.samples, followed{})
	}
	s := &f.samples[i]
	if s.noted == f.past.latest {
		return
	}
	var now Value
	if int(i) < len(l.counts) {
		now = l.counts[i].now
	}
	s.head = f.past.add(s.head, f.past.latest, now)
	s.noted = f.past.latest
}

// finish brings all up to the end of what was read, and puts into p what was asked for. The
// boundaries are those that slices end at.
func (f *follower) finish(l *ledger, p *Profile, end int64) []boundary {
	f.setClock(end)
	if f.maxima != nil {
		p.Maxima, p.MaximumOf = []Maximum{}, []uint32{}
	}
	if f.ages != nil {
		p.Oldest = [][Views]uint64{}
	}
	if f.past == nil {
		return nil
	}
	for i := range l.counts {
		f.settle(l, uint32(i))
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
	need = need || f.maxima != nil && f.maxima.holds(i)
	if h := p.History; h != nil {
		runs := len(h.Runs)
		f.past.appendTo(h, picked, f.samples[i].head, l.counts[i].now)
		if !need && len(h.Runs) == runs+1 && h.Runs[runs].Value == (Value{}) {
			h.Runs, h.First = h.Runs[:runs], h.First[:len(h.First)-1]
			return false
		}
		need = true
	}
	if need && f.ages != nil {
		p.Oldest = append(p.Oldest, f.ages.finish(l, uint32(i)))
	}
	if need && f.maxima != nil {
		f.maxima.sample(p, i)
	}
	return need
}
