package heap

import (
	"math"

	"github.com/memvault/memvault/codec"
)

// Builder makes a Profile of records, in one pass and without looking back. It keeps the
// stacks and finds the sample of every allocation; a ledger, which may run beside it, does
// the counting.
type Builder struct {
	head   *codec.Header
	like   quirk
	window window
	native bool // whether native stacks are kept

	tree     stackTree
	samples  sampleTable
	threads  []*thread
	byID     map[uint64]*thread
	smallIDs [256]*thread
	cur      *thread // nil before the first

	defs    definitions
	natives []Native
	images  imageListings
	rows    rowTables

	sites  *siteTable // nil unless maxima are asked for
	sited  int        // how many samples the ledger has been told the sites of
	batch  *batch     // of events, not yet in the ledger
	ledger *ledger
	send   func(*batch) *batch // passes a batch to the ledger and gives an empty one

	kinds   [codec.Kinds]uint64
	unknown uint64
}

// thread is the state of one thread of the traced process.
type thread struct {
	id      uint64
	index   uint32
	name    string
	stack   []uint32 // nodes, outermost first
	top     uint32   // the last of stack, or 0
	allocs  uint64   // allocations so far
	sweepAt uint64   // the number of allocations at which old blocks are marked
}

// sweepEvery is how many allocations a thread makes before old blocks are marked once more.
const sweepEvery = 1 << 31

// NewBuilder returns a Builder for a capture with header h. The error is ErrNeedsEnd or wraps ErrNoWindow.
func NewBuilder(h *codec.Header, o Options) (*Builder, error) {
	w, err := o.window(h)
	if err != nil {
		return nil, err
	}
	b := &Builder{
		head: h, like: o.quirks(), window: w,
		native:  o.Native || h.Format == codec.AggregatedAllocations,
		samples: newSampleTable(), tree: newStackTree(),
		byID: map[uint64]*thread{}, defs: newDefinitions(), natives: make([]Native, 1),
		images: newImageListings(),
		batch:  new(batch), ledger: newLedger(h, &o, w),
	}
	if o.Maxima {
		b.sites = newSiteTable(h, b.like)
	}
	b.send = func(full *batch) *batch {
		b.ledger.apply(full)
		full.n = 0
		return full
	}
	return b, nil
}

// Add takes in one record.
func (b *Builder) Add(r *codec.Record) {
	b.kinds[r.Kind]++
	switch r.Kind {
	case codec.KindAllocation:
		b.allocation(r)
	case codec.KindFramePush:
		b.push(r)
	case codec.KindFramePop:
		b.pop(r)
	case codec.KindContextSwitch:
		b.switchTo(r.Thread)
	case codec.KindMemory:
		b.emit(event{op: opMemory, address: uint64(r.Time), size: r.RSS})
	default:
		b.define(r)
	}
}

// emit passes an event on to the ledger.
func (b *Builder) emit(e event) {
	b.batch.events[b.batch.n] = e
	b.emitted()
}

// emitted passes the batch on when it is full.
func (b *Builder) emitted() {
	if b.batch.n++; b.batch.n == batchSize {
		b.batch = b.send(b.batch)
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
		t = &thread{id: id, index: uint32(len(b.threads)), sweepAt: sweepEvery}
		b.threads = append(b.threads, t)
		b.byID[id] = t
		if id < uint64(len(b.smallIDs)) {
			b.smallIDs[id] = t
		}
	}
	return t
}

func (b *Builder) push(r *codec.Record) {
	if b.cur == nil || r.Thread != b.cur.id {
		b.switchTo(r.Thread)
	}
	t := b.cur
	t.top = b.tree.intern(t.top, b.defs.key(b.head, r))
	t.stack = append(t.stack, t.top)
}

func (b *Builder) pop(r *codec.Record) {
	if b.cur == nil || r.Thread != b.cur.id {
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

// allocation passes an allocation or a deallocation on, with its sample.
func (b *Builder) allocation(r *codec.Record) {
	if b.cur == nil || r.Thread != b.cur.id {
		b.switchTo(r.Thread)
	}
	t := b.cur
	e := &b.batch.events[b.batch.n&(batchSize-1)]
	e.address, e.size, e.thread = r.Address, r.Size, t.index
	switch a := r.Allocator; {
	case a == codec.Free || a == codec.PymallocFree:
		e.op = opFree
	case a == codec.Munmap:
		e.op = opUnmap
	case b.failed(r):
		e.op = opNothing
	default:
		t.allocs++
		e.op = opMalloc
		if a == codec.Mmap {
			e.op = opMap
		}
		e.sample = b.sampleFor(r)
	}
	e.seq = uint32(t.allocs)
	b.emitted()
	if t.allocs >= t.sweepAt {
		b.sweep()
	}
}

// failed reports whether the record is of a call that gave no memory, which Memray records
// all the same: null pointers of malloc up to 1.9.0 and of pymalloc to this day, and
// MAP_FAILED up to 1.9.0 (facts: section 7.5).
func (b *Builder) failed(r *codec.Record) bool {
	return !b.like.has(quirkFailed) && gaveNothing(b.head, r)
}

func gaveNothing(h *codec.Header, r *codec.Record) bool {
	if r.Allocator == codec.Mmap {
		return r.Address == mapFailed(h)
	}
	return r.Address == 0
}

func mapFailed(h *codec.Header) uint64 { return math.MaxUint64 >> (64 - 8*uint(h.Word)) }

// sampleFor finds the sample that an allocation belongs to.
func (b *Builder) sampleFor(r *codec.Record) uint32 {
	k := sampleKey{stack: b.cur.top, thread: b.cur.index, origin: uint32(r.Allocator)}
	if r.Native != 0 && b.native {
		k.native = uint32(min(r.Native, math.MaxUint32))
		k.origin = origin(b.images.current(), r.Allocator)
	}
	n := &b.tree.nodes[k.stack]
	if i := n.sample; i != 0 && b.samples.keys[i] == k {
		return i
	}
	i := b.samples.intern(k)
	n.sample = i
	if b.sites != nil && int(i) > b.sited {
		b.site(k)
	}
	return i
}

// site tells the ledger the site of a new sample.
func (b *Builder) site(k sampleKey) {
	b.sited++
	t := b.threads[k.thread]
	s := b.sites.of(b.head, &b.tree, &b.defs, k.stack, b.isMain(t))
	b.batch.sites = append(b.batch.sites, s)
}

// isMain reports whether t is the thread that started tracking (header 9 on).
func (b *Builder) isMain(t *thread) bool { return b.head.Version >= 9 && t.id == b.head.MainThread }

// sweep has the ledger mark the blocks of threads that have allocated much since, before
// the 32 bits of their numbers begin anew.
func (b *Builder) sweep() {
	b.batch.counts = make([]uint32, len(b.threads))
	for i, t := range b.threads {
		b.batch.counts[i] = uint32(t.allocs)
		t.sweepAt = t.allocs + sweepEvery
	}
	b.emit(event{op: opSweep})
	b.flush()
}

// flush passes on what has been gathered.
func (b *Builder) flush() {
	if b.batch.n > 0 {
		b.batch = b.send(b.batch)
	}
}
