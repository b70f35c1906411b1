package heap

// windowing is the part of the ledger that knows of time.
type windowing struct {
	window     window
	phase      phase
	bounds     Window
	firstEvent uint64 // the last event before the window
	lastTime   int64
	series     series
}

type phase uint8

const (
	phaseIn     phase = iota // what comes is counted
	phaseBefore              // the window has not begun; what comes is only kept alive
	phaseAfter               // the window is over
)

// memory takes in a memory record, at which windows begin and end.
func (l *ledger) memory(at int64, rss uint64) {
	if l.phase == phaseAfter {
		return
	}
	l.lastTime = at
	if l.phase == phaseBefore && at >= l.window.from {
		l.begin(at)
	}
	if l.phase == phaseBefore {
		return
	}
	l.series.add(Point{Time: at, RSS: rss, Heap: l.total})
	if l.window.hasUntil && at >= l.window.until && at > l.bounds.From {
		l.bounds.Until = at
		l.phase = phaseAfter
	}
}

// kept gives, by sample, what was made in the window and is alive at its end; nil if nothing
// was made before it.
func (l *ledger) kept() []Value {
	if !l.window.hasFrom {
		return nil
	}
	kept := make([]Value, len(l.counts))
	l.live.each(func(k *block) {
		if k.sample&flagBefore == 0 {
			kept[k.sample&maskSample].add(1, k.size)
		}
	})
	l.ranges.each(func(p *piece) {
		if p.sample&flagBefore == 0 {
			kept[p.sample&maskSample].add(1, p.end-p.start)
		}
	})
	return kept
}

// begin starts the window: what is alive stays, and all else counts from here.
func (l *ledger) begin(at int64) {
	l.phase = phaseIn
	l.bounds.From = at
	l.firstEvent = l.event
	l.peak, l.peakEvent, l.peakTime = l.total, l.event, at
	for i := range l.counts {
		l.counts[i].total, l.counts[i].temp = Value{}, Value{}
	}
	l.live.each(func(k *block) { k.sample |= flagBefore })
	l.ranges.each(func(p *piece) { p.sample |= flagBefore })
	clear(l.rings)
	if l.sizes != nil {
		l.sizes = newSizeCounts()
	}
}
