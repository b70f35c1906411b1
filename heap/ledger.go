package heap

import (
	"github.com/memvault/memvault/codec"
)

// op is what an event does.
type op uint8

const (
	opNothing op = iota // an allocation that failed: it counts as an event, and that is all
	opMalloc
	opFree
	opMap
	opUnmap
	opMemory // a memory record: address is its time, size the RSS
	opSweep  // see Builder.sweep
)

// event is what the ledger needs to know of a record.
type event struct {
	address, size uint64
	sample        uint32 // of an allocation
	seq           uint32 // allocations of the thread so far, this one included, modulo 2^32
	thread        uint32
	op            op
}

// batchSize is in events, a power of two. Waking a goroutine costs as much as hundreds of events.
const batchSize = 16384

// batch is a run of events on its way to the ledger.
type batch struct {
	n      int
	counts []uint32 // allocations of each thread, for opSweep
	sites  []uint32 // of the samples that are new in this batch, for maxima
	events [batchSize]event
}

// ledger keeps what is alive, and counts.
//
// The peak, without ever copying a snapshot:
//
//  1. Events (allocations and deallocations) are numbered from 1. An event may change
//     several samples. After all its changes: if total >= peak, then peak = total and
//     peakEvent is its number. So the last of several equal peaks wins, and frees count.
//  2. Before each change of a sample: if it was last touched at or before peakEvent, then
//     what it holds is what it held at the peak. So far: a later peak overrides it.
//  3. At the end of the window the same test is done on every sample.
//  4. At the beginning of a window: peak = total, peakEvent = the event before it.
type ledger struct {
	like      quirk
	threshold uint32
	mapFailed uint64

	event, peakEvent uint64
	total, peak      uint64
	peakTime         int64

	counts  []count // by sample
	live    liveTable
	ranges  rangeTree
	hits    []piece     // scratch
	cuts    uint64      // pieces that were left of mappings
	dropped uint64      // those that were not kept
	fetched uint32      // keeps prefetch from being optimised away
	rings   []ring      // by thread; only for quirkRing
	sizes   *sizeCounts // nil unless asked for

	follower *follower // nil unless asked for

	windowing
}

// count is the numbers of a sample. Its value at the peak is settled lazily: see touch.
type count struct {
	touched     uint64 // number of the event that changed now last
	now, atPeak Value
	total, temp Value
	thread      uint32
}

func newLedger(h *codec.Header, o *Options, w window) *ledger {
	l := &ledger{
		like: o.quirks(), threshold: uint32(o.threshold()), mapFailed: mapFailed(h),
		live: newLiveTable(), ranges: newRangeTree(), follower: newFollower(h, o, w),
	}
	l.windowing = windowing{window: w, series: newSeries(o), bounds: Window{From: h.StartTime}}
	if o.Sizes {
		l.sizes = newSizeCounts()
	}
	if w.hasFrom {
		l.phase = phaseBefore
	}
	return l
}

// ahead is how many events are looked up in the table of live blocks before the first of
// them is carried out. The table is far larger than the caches, and the processor
// fetches what several look-ups need at once, if nothing stands between them.
const ahead = 64

// apply carries out events.
func (l *ledger) apply(b *batch) {
	if len(b.sites) > 0 {
		l.follower.maxima.meet(b.sites)
		b.sites = b.sites[:0]
	}
	for events := b.events[:b.n]; len(events) > 0; {
		n := min(ahead, len(events))
		l.fetched |= l.live.prefetch(events[:n])
		l.carryOut(events[:n], b)
		events = events[n:]
	}
}

func (l *ledger) carryOut(events []event, b *batch) {
	if l.follower != nil && l.follower.watches() {
		for i := range events {
			l.follower.before(l, &events[i])
			l.one(&events[i], b)
		}
		return
	}
	for i := range events {
		l.one(&events[i], b)
	}
}

func (l *ledger) one(e *event, b *batch) {
	switch {
	case e.op == opMemory:
		phase := l.phase
		l.memory(int64(e.address), e.size)
		if l.follower != nil {
			l.follower.memory(l, phase, int64(e.address))
		}
		return
	case e.op == opSweep:
		l.sweep(b.counts)
		return
	case l.phase == phaseAfter:
		return
	}
	l.event++
	switch e.op {
	case opMalloc:
		l.malloc(e)
	case opFree:
		l.free(e)
	case opMap:
		l.mmap(e)
	case opUnmap:
		l.unmap(e)
	}
	if l.total >= l.peak {
		l.peak = l.total
		l.peakEvent = l.event
		l.peakTime = l.lastTime
	}
}

// touch returns the numbers of sample i (with or without flags) for changing what it holds now.
func (l *ledger) touch(i uint32) *count {
	c := &l.counts[i&maskSample]
	if c.touched <= l.peakEvent {
		c.atPeak = c.now
	}
	c.touched = l.event
	return c
}

// allocate counts an allocation for its sample.
func (l *ledger) allocate(e *event) *count {
	for int(e.sample) >= len(l.counts) {
		l.counts = append(l.counts, count{})
	}
	c := l.touch(e.sample)
	c.thread = e.thread
	c.total.add(1, e.size)
	if l.sizes != nil {
		l.sizes.add(e.size)
	}
	if l.like.has(quirkRing) {
		l.remember(e)
	}
	return c
}

func (l *ledger) malloc(e *event) {
	old := l.live.put(block{address: e.address, size: e.size, seq: e.seq, sample: e.sample})
	if old.sample != 0 {
		l.replaced(old)
	}
	l.allocate(e).now.add(1, e.size)
	l.total = satAdd(l.total, e.size)
}

// replaced frees a block whose address was given out again without a free that was seen.
// Memray forgets it too, but leaves its size in the running total.
func (l *ledger) replaced(old block) {
	l.touch(old.sample).now.sub(1, old.size)
	if !l.like.has(quirkTotal) {
		l.total = satSub(l.total, old.size)
	}
}

func (l *ledger) free(e *event) {
	if l.like.has(quirkRing) {
		l.findRecent(e)
	}
	old := l.live.take(e.address)
	if old.sample == 0 {
		return
	}
	c := l.touch(old.sample)
	c.now.sub(1, old.size)
	l.total = satSub(l.total, old.size)
	if l.atOnce(c, old.sample, old.seq, e) {
		c.temp.add(1, old.size)
	}
}

// atOnce reports whether what e frees whole is temporary: made in the window by the same
// thread, with at most threshold other allocations of it since.
func (l *ledger) atOnce(c *count, sample, seq uint32, e *event) bool {
	return e.seq-seq <= l.threshold && c.thread == e.thread &&
		sample&(flagOld|flagBefore) == 0 && !l.like.has(quirkRing)
}

func (l *ledger) mmap(e *event) {
	c := l.allocate(e)
	if e.size == 0 {
		return
	}
	c.now.add(1, e.size)
	l.total = satAdd(l.total, e.size)
	if e.address != l.mapFailed {
		l.ranges.add(piece{
			start: e.address, end: rangeEnd(e.address, e.size), seq: e.seq, sample: e.sample, whole: true,
		})
	}
}

// How many pieces may be left of mappings that were cut: so many, and so many for each event.
const (
	maxCuts         = 1 << 20
	maxCutsPerEvent = 16
)

// keepRest keeps [start, end) of p. A hostile capture can have thousands of mappings that lie
// over each other cut thousands of times: beyond what any program could do, the rest is
// taken for unmapped as well.
func (l *ledger) keepRest(c *count, p piece, start, end uint64) {
	if l.cuts >= maxCuts+maxCutsPerEvent*l.event {
		c.now.sub(0, end-start)
		l.total = satSub(l.total, end-start)
		l.dropped++
		return
	}
	l.cuts++
	p.start, p.end, p.whole = start, end, false
	c.now.Count++
	l.ranges.add(p)
}

// unmap takes a range out of every piece that it hits. What is left of one, up to two
// pieces, counts as an allocation each, as Memray has it.
func (l *ledger) unmap(e *event) {
	if l.like.has(quirkRing) {
		l.findRecent(e)
	}
	start, end := e.address, rangeEnd(e.address, e.size)
	l.hits = l.ranges.takeHits(l.hits[:0], start, end)
	newest := -1
	for k, p := range l.hits {
		lo, hi := max(p.start, start), min(p.end, end)
		c := l.touch(p.sample)
		c.now.sub(1, hi-lo)
		l.total = satSub(l.total, hi-lo)
		if p.whole && p.start == start && p.end == end && l.atOnce(c, p.sample, p.seq, e) &&
			(newest < 0 || e.seq-p.seq < e.seq-l.hits[newest].seq) {
			newest = k
		}
		if p.start < lo {
			l.keepRest(c, p, p.start, lo)
		}
		if hi < p.end {
			l.keepRest(c, p, hi, p.end)
		}
	}
	if newest >= 0 {
		p := l.hits[newest]
		l.counts[p.sample&maskSample].temp.add(1, p.end-p.start)
	}
}

// sweep marks what can no longer become temporary, given the allocations of each thread.
func (l *ledger) sweep(counts []uint32) {
	mark := func(seq, sample uint32) uint32 {
		if counts[l.counts[sample&maskSample].thread]-seq > l.threshold {
			return sample | flagOld
		}
		return sample
	}
	l.live.each(func(k *block) { k.sample = mark(k.seq, k.sample) })
	l.ranges.each(func(p *piece) { p.sample = mark(p.seq, p.sample) })
}
