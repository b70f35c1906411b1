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
}
