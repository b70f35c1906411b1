package heap

import (
	"math"

	"github.com/memvault/memvault/codec"
)

// Builder makes a Profile of records, in one pass and without looking back.
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
type Builder struct {
	head      *codec.Header
	like      quirk
	threshold uint32
	window    window

	event, peakEvent uint64
	total, peak      uint64
	peakTime         int64
	lastTime         int64

	samples sampleTable
	tree    stackTree
	live    liveTable
	ranges  rangeTree
	hits    []piece // scratch

	threads  []*thread
	byID     map[uint64]*thread
	smallIDs [256]*thread
	cur      *thread

	defs    definitions
	natives []Native
	images  imageListings
	rows    rowTables
	series  series

	phase       phase
	bounds      Window
	firstEvent  uint64 // the last event before the window
	kinds       [codec.Kinds]uint64
	unknown     uint64
	sweepBefore uint64 // a thread's allocation number at which old blocks are marked
}

// thread is the state of one thread of the traced process.
type thread struct {
	id     uint64
	index  uint32
	name   string
	stack  []uint32 // nodes, outermost first
	top    uint32   // the last of stack, or 0
	allocs uint64   // allocations so far
	ring   []recent // only for LikeMemray: the latest allocations
	next   int      // where in ring the next one goes
}

// recent is an entry of Memray's ring of latest allocations.
type recent struct {
	address, size uint64
	sample        uint32
}

type phase uint8

const (
	phaseIn     phase = iota // what comes is counted
	phaseBefore              // the window has not begun; what comes is only kept alive
	phaseAfter               // the window is over
)

// NewBuilder returns a Builder for a capture with header h. The error is ErrNeedsEnd or wraps ErrNoWindow.
func NewBuilder(h *codec.Header, o Options) (*Builder, error) {
	w, err := o.window(h)
	if err != nil {
		return nil, err
	}
	b := &Builder{
		head: h, like: o.quirks(), threshold: uint32(o.threshold()), window: w,
		samples: newSampleTable(), tree: newStackTree(), live: newLiveTable(), ranges: newRangeTree(),
		byID: map[uint64]*thread{}, defs: newDefinitions(), natives: make([]Native, 1),
		images: newImageListings(), series: newSeries(),
		sweepBefore: 1 << 31,
	}
	b.cur = &thread{}
	b.bounds = Window{From: h.StartTime}
	if w.hasFrom {
		b.phase = phaseBefore
	}
	return b, nil
}

// Add takes in one record.
func (b *Builder) Add(r *codec.Record) {
	b.kinds[r.Kind]++
	switch r.Kind {
	case codec.KindAllocation:
		if b.phase != phaseAfter {
			b.allocation(r)
		}
	case codec.KindFramePush:
		b.push(r)
	case codec.KindFramePop:
		b.pop(r)
	case codec.KindContextSwitch:
		b.switchTo(r.Thread)
	case codec.KindMemory:
		b.memory(r)
	default:
		b.define(r)
	}
}

func (b *Builder) switchTo(id uint64) {
	if id < uint64(len(b.smallIDs)) {
		if t := b.smallIDs[id]; t != nil {
			b.cur = t
			return
		}
	}
	b.cur = b.threadOf(id)
}

// threadOf gives the thread with this id, which may be new.
func (b *Builder) threadOf(id uint64) *thread {
	t := b.byID[id]
	if t == nil {
		t = &thread{id: id, index: uint32(len(b.threads))}
		b.threads = append(b.threads, t)
		b.byID[id] = t
		if id < uint64(len(b.smallIDs)) {
			b.smallIDs[id] = t
		}
	}
	return t
}

func (b *Builder) push(r *codec.Record) {
	if r.Thread != b.cur.id {
		b.switchTo(r.Thread)
	}
	t := b.cur
	t.top = b.tree.intern(t.top, b.defs.key(b.head, r))
	t.stack = append(t.stack, t.top)
}

func (b *Builder) pop(r *codec.Record) {
	if r.Thread != b.cur.id {
		b.switchTo(r.Thread)
	}
	t := b.cur
	n := r.Count
	if have := uint64(len(t.stack)); n > have {
		b.unknown += n - have
		n = have
	}
	t.stack = t.stack[:len(t.stack)-int(n)]
	t.top = 0
	if len(t.stack) > 0 {
		t.top = t.stack[len(t.stack)-1]
	}
}

// allocation is one event.
func (b *Builder) allocation(r *codec.Record) {
	if r.Thread != b.cur.id {
		b.switchTo(r.Thread)
	}
	b.event++
	switch r.Allocator {
	case codec.Free, codec.PymallocFree:
		b.free(r.Address)
	case codec.Munmap:
		b.unmap(r.Address, r.Size)
	case codec.Mmap:
		b.mmap(r)
	default:
		b.malloc(r)
	}
	if b.total >= b.peak {
		b.peak = b.total
		b.peakEvent = b.event
		b.peakTime = b.lastTime
	}
}

// sampleFor finds the sample that an allocation belongs to.
func (b *Builder) sampleFor(r *codec.Record) uint32 {
	stack, native, org := b.cur.top, uint32(0), uint32(r.Allocator)
	if r.Native != 0 {
		native = uint32(min(r.Native, math.MaxUint32))
		org = origin(b.images.current(), r.Allocator)
	}
	n := &b.tree.nodes[stack]
	if i := n.sample; i != 0 {
		if s := &b.samples.list[i]; s.native == native && s.thread == b.cur.index && s.origin == org {
			return i
		}
	}
	i := b.samples.intern(stack, native, b.cur.index, org)
	n.sample = i
	return i
}

// touch returns sample i for changing what it holds now.
func (b *Builder) touch(i uint32) *sample {
	s := &b.samples.list[i&maskSample]
	if s.touched <= b.peakEvent {
		s.atPeak = s.now
	}
	s.touched = b.event
	return s
}

// mapFailed is MAP_FAILED, which Memray recorded as the address of a mapping up to 1.9.0;
// likewise null pointers of malloc, and of pymalloc to this day (facts: section 7.5).
func mapFailed(h *codec.Header) uint64 { return math.MaxUint64 >> (64 - 8*uint(h.Word)) }

func (b *Builder) malloc(r *codec.Record) {
	if r.Address == 0 && !b.like.has(quirkFailed) {
		return
	}
	t := b.cur
	t.allocs++
	i := b.sampleFor(r)
	old := b.live.put(block{address: r.Address, size: r.Size, seq: uint32(t.allocs), sample: i})
	if old.sample != 0 {
		b.replaced(old)
	}
	s := b.touch(i)
	s.now.add(1, r.Size)
	s.total.add(1, r.Size)
	b.total = satAdd(b.total, r.Size)
	if b.like.has(quirkRing) {
		b.remember(r, i)
	}
	if t.allocs >= b.sweepBefore {
		b.sweep()
	}
}

// replaced frees a block whose address was given out again without a free that was seen.
// Memray forgets it too, but leaves its size in the running total.
func (b *Builder) replaced(old block) {
	b.touch(old.sample).now.sub(1, old.size)
	if !b.like.has(quirkTotal) {
		b.total = satSub(b.total, old.size)
	}
}

func (b *Builder) free(address uint64) {
	if b.like.has(quirkRing) {
		b.freeLike(address, 0, false)
	}
	old := b.live.take(address)
	if old.sample == 0 {
		return
	}
	s := b.touch(old.sample)
	s.now.sub(1, old.size)
	b.total = satSub(b.total, old.size)
	if old.sample&(flagOld|flagBefore) == 0 && uint32(b.cur.allocs)-old.seq <= b.threshold &&
		s.thread == b.cur.index && !b.like.has(quirkRing) {
		s.temp.add(1, old.size)
	}
}

func (b *Builder) mmap(r *codec.Record) {
	failed := r.Address == mapFailed(b.head)
	if failed && !b.like.has(quirkFailed) {
		return
	}
	t := b.cur
	t.allocs++
	i := b.sampleFor(r)
	s := b.touch(i)
	s.total.add(1, r.Size)
	if r.Size != 0 {
		s.now.add(1, r.Size)
		b.total = satAdd(b.total, r.Size)
	}
	if !failed {
		b.ranges.add(piece{
			start: r.Address, end: rangeEnd(r.Address, r.Size),
			seq: uint32(t.allocs), sample: i, whole: true,
		})
	}
	if b.like.has(quirkRing) {
		b.remember(r, i)
	}
}

// unmap takes [address, address+size) out of every piece that it hits. What is left of
// one, up to two pieces, each counts as an allocation, as Memray has it.
func (b *Builder) unmap(address, size uint64) {
	if b.like.has(quirkRing) {
		b.freeLike(address, size, true)
	}
	end := rangeEnd(address, size)
	b.hits = b.ranges.takeHits(b.hits[:0], address, end)
	newest := -1
	for k := range b.hits {
		p := b.hits[k]
		lo, hi := max(p.start, address), min(p.end, end)
		s := b.touch(p.sample)
		s.now.sub(1, hi-lo)
		b.total = satSub(b.total, hi-lo)
		if p.whole && p.start == address && p.end == end && (newest < 0 || p.seq >= b.hits[newest].seq) {
			newest = k
		}
		p.whole = false
		if p.start < lo {
			s.now.Count++
			left := p
			left.end = lo
			b.ranges.add(left)
		}
		if hi < p.end {
			s.now.Count++
			right := p
			right.start = hi
			b.ranges.add(right)
		}
	}
	if newest >= 0 && !b.like.has(quirkRing) {
		b.temporaryMapping(b.hits[newest])
	}
}

// temporaryMapping counts p, which was unmapped whole, if that was at once.
func (b *Builder) temporaryMapping(p piece) {
	s := &b.samples.list[p.sample&maskSample]
	if p.sample&(flagOld|flagBefore) == 0 && s.thread == b.cur.index && uint32(b.cur.allocs)-p.seq <= b.threshold {
		s.temp.add(1, p.end-p.start)
	}
}

// sweep marks the blocks of threads that have allocated much since, before the 32 bits of
// their numbers could begin anew.
func (b *Builder) sweep() {
	old := func(seq, i uint32) uint32 {
		t := b.threads[b.samples.list[i&maskSample].thread]
		if uint32(t.allocs)-seq > b.threshold {
			i |= flagOld
		}
		return i
	}
	b.live.each(func(k *block) { k.sample = old(k.seq, k.sample) })
	b.ranges.each(func(p *piece) { p.sample = old(p.seq, p.sample) })
	b.sweepBefore += 1 << 31
}
