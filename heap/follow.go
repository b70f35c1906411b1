package heap

import (
	"github.com/memvault/memvault/codec"
)

// follower keeps what the ledger has no need of: what was alive over time, and what the first
// and the largest was. For the latter it looks at what each event is about to change before the ledger
// does, so that the ledger is as fast as ever when there is no follower.
type follower struct {
	end    int64   // when the time that is read will end, if that is known; else 0
	clock  int64   // of the latest memory record
	past   *past   // nil unless asked for
	ages   *ages   // nil unless asked for
	maxima *maxima // nil unless asked for
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
		f.ages = &ages{}
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

// watches reports whether the follower wants to see events before they are carried out.
func (f *follower) watches() bool { return f.ages != nil || f.maxima != nil }

// memory takes in a memory record; phase is that before it.
func (f *follower) memory(l *ledger, phase phase, at int64) {
	switch {
	case phase == phaseBefore && l.phase == phaseIn:
		f.begin(l, at)
	case phase == phaseIn:
		f.setClock(at)
		if f.past != nil && at >= f.past.next {
			f.past.tick(at, l.counts)
		}
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
}

func (f *follower) setClock(at int64) {
	f.clock = max(f.clock, at)
	if f.maxima != nil {
		f.maxima.clock = f.clock
	}
}

// before looks at what e will change.
func (f *follower) before(l *ledger, e *event) {
	if f.ages != nil && l.phase != phaseAfter && e.op != opMemory {
		f.ages.before(l, e)
	}
	if f.maxima != nil && l.phase == phaseIn {
		f.maxima.before(l, e)
	}
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
		f.past.appendTo(h, picked, i, l.counts[i].now)
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
