package heap_test

import (
	"fmt"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// trace is a capture as records, and how it is to be read.
type trace struct {
	header  codec.Header
	records []codec.Record

	like        bool
	n           int    // the threshold
	from, until *int64 // in milliseconds since 1970 UTC
	complete    bool   // the reader saw the end

	options heap.Options
}

// dice gives numbers from 0 to n-1: random ones, or those that bytes of a fuzzer stand for.
type dice func(n int) int

// tracer makes traces in which everything that is special happens often: few threads, frames,
// addresses and sizes.
type tracer struct {
	trace
	roll      dice
	threads   []uint64
	addresses int
	time      int64
}

const traceFrames = 4 // the last one is nowhere defined

// makeTrace makes a trace of so many steps, with so many different addresses.
func makeTrace(roll dice, steps, addresses int) trace {
	t := &tracer{roll: roll, addresses: addresses}
	t.makeHeader()
	t.define()
	if t.header.Version < 8 {
		// Captures without a trailer show by their number of allocations alone that they are complete.
		t.block(t.threads[0])
	}
	for range steps {
		t.step()
	}
	t.header.EndTime = t.time + 5
	t.makeOptions()
	return t.trace
}

func (t *tracer) makeHeader() {
	t.header = codec.Header{
		Version: codec.MinVersion + t.roll(codec.MaxVersion-codec.MinVersion+1), Word: 8,
		NativeTraces: true, StartTime: 1_700_000_000_000, PID: 1, PythonAllocator: 1,
	}
	t.time = t.header.StartTime
	if t.roll(4) == 0 {
		t.header.Word = 4
	}
	t.threads = []uint64{1, 2, 0x7fff_0010}
	if t.header.Version >= 12 {
		t.header.PythonVersion = 0x030c0100
	}
}

func (t *tracer) add(r codec.Record) { t.records = append(t.records, r) }

func (t *tracer) define() {
	for i := range uint64(traceFrames - 1) {
		name, file := fmt.Appendf(nil, "f%d", i), []byte("a.py")
		if t.header.Version < 12 {
			t.add(codec.Record{Kind: codec.KindFrame, Frame: i, Function: name, File: file, Entry: true})
		} else {
			t.add(codec.Record{Kind: codec.KindCode, Code: i, Function: name, File: file})
		}
	}
	t.add(codec.Record{Kind: codec.KindNativeTrace, IP: 0x1000})
	t.add(codec.Record{Kind: codec.KindNativeTrace, IP: 0x2000, Parent: 1})
}

func (t *tracer) step() {
	thread := t.threads[min(t.roll(8)/3, len(t.threads)-1)]
	switch k := t.roll(32); {
	case k < 4:
		t.add(codec.Record{Kind: codec.KindFramePush, Thread: thread, Frame: uint64(t.roll(traceFrames)), Entry: true})
	case k < 6:
		t.add(codec.Record{Kind: codec.KindFramePop, Thread: thread, Count: uint64(1 + t.roll(3))})
	case k < 9:
		t.time += int64(t.roll(3))
		t.add(codec.Record{Kind: codec.KindMemory, Time: t.time, RSS: uint64(t.roll(1000))})
	case k == 9:
		t.add(codec.Record{Kind: codec.KindThreadName, Thread: thread, Name: fmt.Appendf(nil, "t%d", t.roll(4))})
	case k < 22:
		t.block(thread)
	default:
		t.mapping(thread)
	}
}

// block allocates or frees by address. Address 0 is that of a call that failed.
func (t *tracer) block(thread uint64) {
	all := []codec.Allocator{codec.Malloc, codec.Free, codec.Realloc, codec.Free, codec.Calloc}
	if t.header.Version > 6 {
		all = append(all, codec.PymallocMalloc, codec.PymallocFree)
	}
	r := codec.Record{
		Kind: codec.KindAllocation, Thread: thread, Allocator: all[t.roll(len(all))],
		Address: 8 * uint64(t.roll(t.addresses)), Size: []uint64{0, 8, 8, 16, 1, 24}[t.roll(6)],
	}
	if r.Allocator.Frees() {
		r.Size = 0
	}
	t.allocation(r)
}

// mapping maps or unmaps a range, which may have no length, or hit several mappings or none.
func (t *tracer) mapping(thread uint64) {
	r := codec.Record{
		Kind: codec.KindAllocation, Thread: thread, Allocator: codec.Mmap,
		Address: 8 * uint64(t.roll(t.addresses)), Size: 8 * uint64(t.roll(5)),
	}
	switch t.roll(16) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		r.Allocator = codec.Munmap
	case 8:
		if t.header.Version < 12 { // later ones lose its low bits, and record no calls that failed
			r.Address = mapFailed(t.header.Word)
		}
	}
	t.allocation(r)
}

func (t *tracer) allocation(r codec.Record) {
	if !r.Allocator.Frees() {
		r.Native = uint64(max(0, t.roll(6)-3))
		r.HasNative = r.Native != 0
	}
	t.add(r)
}

func (t *tracer) makeOptions() {
	t.like = t.roll(2) == 0
	t.n = []int{0, 1, 2, 5, 33, 1 << 20}[t.roll(6)]
	t.options = heap.Options{LikeMemray: t.like, Threshold: t.n, End: t.header.EndTime, Sizes: true, Native: true}
	t.options.Oldest = t.roll(3) == 0
	if t.n == 0 {
		t.options.Threshold = -1
	}
	if t.roll(2) == 0 {
		return
	}
	from := t.roll(8)
	until := from + 1 + t.roll(6)
	if t.roll(4) > 0 {
		t.from, t.options.From = t.bound(from)
	}
	if t.roll(4) > 0 {
		t.until, t.options.Until = t.bound(until)
	}
}

// bound is so many milliseconds after the start, told in one way or the other.
func (t *tracer) bound(ms int) (*int64, heap.Bound) {
	at := t.header.StartTime + int64(ms)
	text := fmt.Sprintf("%dms", ms)
	if t.roll(3) == 0 && at < t.header.EndTime {
		text = fmt.Sprintf("-%dms", t.header.EndTime-at)
	}
	b, err := heap.ParseBound(text)
	if err != nil {
		panic(err)
	}
	return &at, b
}
