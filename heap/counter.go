package heap

import (
	"sync/atomic"
	"unsafe"

	"github.com/memvault/memvault/codec"
)

// Totals is what a capture says of the whole heap.
type Totals struct {
	// Peak is Profile.PeakBytes; Live is what is alive at the end. Both are in bytes.
	Peak, Live uint64
	// Allocations does not count deallocations. It is 0 in aggregated captures, which do not tell.
	Allocations uint64
}

// Counter counts what Totals holds, and nothing else, in one pass. It keeps the live blocks but
// no stacks, so it needs far less memory than a Builder, and Memory tells how much.
//
// The ledger takes in one batch on a goroutine of its own while Add fills the next.
type Counter struct {
	// Limit ends the counting when Memory is more: Over reports that then. 0 sets no limit.
	Limit int64

	over        bool
	head        *codec.Header
	ledger      *ledger
	batch       *batch // being filled
	other       *batch // being taken in, until idle is closed
	idle        chan struct{}
	memory      atomic.Int64
	allocations uint64
	rows        Totals
}

// NewCounter returns a Counter for a capture with header h.
func NewCounter(h *codec.Header) *Counter {
	c := &Counter{head: h, ledger: newLedger(h, &Options{}, window{}), batch: new(batch), other: new(batch)}
	c.idle = make(chan struct{})
	close(c.idle)
	c.memory.Store(c.measure())
	return c
}

// Add takes in one record.
func (c *Counter) Add(r *codec.Record) {
	switch r.Kind {
	case codec.KindAllocation:
		c.allocation(r)
	case codec.KindAggregated:
		c.rows.Peak = satAdd(c.rows.Peak, r.Row.PeakBytes)
		c.rows.Live = satAdd(c.rows.Live, r.Row.LeakedBytes)
	}
}

// allocation passes an event on, as Builder.allocation does, but all of them are of one sample.
func (c *Counter) allocation(r *codec.Record) {
	e := &c.batch.events[c.batch.n]
	*e = event{address: r.Address, size: r.Size, sample: 1}
	switch a := r.Allocator; {
	case a == codec.Free || a == codec.PymallocFree:
		e.op = opFree
	case a == codec.Munmap:
		e.op = opUnmap
	case gaveNothing(c.head, r):
		e.op = opNothing
	case a == codec.Mmap:
		e.op = opMap
		c.allocations++
	default:
		e.op = opMalloc
		c.allocations++
	}
	if c.batch.n++; c.batch.n == batchSize {
		c.flush()
	}
}

// flush hands the batch to the ledger, once that has taken in the last one.
func (c *Counter) flush() {
	<-c.idle
	if c.over = c.over || c.Limit > 0 && c.Memory() > c.Limit; c.over {
		c.batch.n = 0
		return
	}
	c.batch, c.other = c.other, c.batch
	c.batch.n = 0
	idle := make(chan struct{})
	c.idle = idle
	go func() {
		defer close(idle)
		c.ledger.apply(c.other)
		c.memory.Store(c.measure())
	}()
}

// Totals gives what has been counted so far.
func (c *Counter) Totals() Totals {
	if c.head.Format == codec.AggregatedAllocations {
		return c.rows
	}
	c.flush()
	<-c.idle
	return Totals{Peak: c.ledger.peak, Live: c.ledger.total, Allocations: c.allocations}
}

// Memory is how many bytes the Counter held after the last batch, and may hold at the next growth of its
// tables, when the old one and the new one are there at once. It is cheap, and grows with the live blocks
// and mappings.
func (c *Counter) Memory() int64 { return c.memory.Load() }

// Over reports whether counting has ended because of Limit: Totals then means nothing.
func (c *Counter) Over() bool { return c.over }

func (c *Counter) measure() int64 {
	const growth = 9 // quarters: a slice, and its successor that is a quarter longer
	l := c.ledger
	blocks := int64(l.live.n+1) * int64(unsafe.Sizeof(*l.live.scratch)+unsafe.Sizeof(segmentInfo{}))
	folder := int64(len(l.live.dir)) * int64(unsafe.Sizeof(segment{})) * 3 // it doubles
	pieces := int64(cap(l.ranges.nodes))*int64(unsafe.Sizeof(rangeNode{})) +
		int64(cap(l.hits))*int64(unsafe.Sizeof(piece{})) + int64(cap(l.series.points))*int64(unsafe.Sizeof(Point{}))
	return blocks + folder + pieces*growth/4 + 2*int64(unsafe.Sizeof(*c.batch))
}
