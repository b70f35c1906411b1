package heap_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/heap"
)

// inUse gives the bytes of the Go heap in use.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// program is a Builder that is given what a program does which allocates and frees on many stacks.
type program struct {
	*heap.Builder
	r codec.Record
}

func newProgram(t *testing.T, o heap.Options) *program {
	t.Helper()
	b, err := heap.NewBuilder(&codec.Header{Version: 12, Word: 8}, o)
	if err != nil {
		t.Fatal(err)
	}
	return &program{Builder: b}
}

func (p *program) event(f codec.Allocator, address, size uint64) {
	p.r = codec.Record{Kind: codec.KindAllocation, Thread: 1 + address%3, Allocator: f, Address: address, Size: size}
	p.Add(&p.r)
}

// step pushes a frame, allocates and frees, maps, cuts and unmaps, and pops again.
func (p *program) step(i uint64) {
	address := 1<<20 + i%100*64
	p.r = codec.Record{Kind: codec.KindFramePush, Thread: 1 + address%3, Frame: i % 100, Entry: true}
	p.Add(&p.r)
	p.event(codec.Malloc, address, i%100)
	p.event(codec.Free, address, 0)
	if i%4 == 0 {
		p.event(codec.Mmap, 1<<40+address, 3*4096)
		p.event(codec.Munmap, 1<<40+address+4096, 4096)
		p.event(codec.Munmap, 1<<40+address, 3*4096)
	}
	p.r = codec.Record{Kind: codec.KindFramePop, Thread: 1 + address%3, Count: 1}
	p.Add(&p.r)
}

// Memory follows the live blocks and the distinct stacks, not the length of the capture.
func TestMemory(t *testing.T) {
	for _, tt := range []struct {
		o     heap.Options
		steps uint64
	}{
		{heap.Options{}, 5_000_000},
		{heap.Options{LikeMemray: true}, 500_000},
		{heap.Options{LikeMemray: true, Threshold: 1_000_000_000}, 500_000},
	} {
		t.Run(fmt.Sprintf("like Memray %v, threshold %d", tt.o.LikeMemray, tt.o.Threshold), func(t *testing.T) {
			before := inUse()
			p := newProgram(t, tt.o)
			for i := range tt.steps {
				p.step(i)
			}
			if used, most := int64(inUse()-before), int64(4<<20); used > most {
				t.Errorf("got %d bytes in use, want at most %d", used, most)
			}
			runtime.KeepAlive(p)
		})
	}
}

// Memray's ring forgets what is too old to be found, so that addresses that never come again cost nothing.
func TestRingMemory(t *testing.T) {
	for _, threshold := range []int{1, 100} {
		before := inUse()
		p := newProgram(t, heap.Options{LikeMemray: true, Threshold: threshold})
		for i := range uint64(500_000) {
			p.event(codec.Malloc, 48*i+48, 8)
			p.event(codec.Free, 48*i+48, 0)
		}
		if used, most := int64(inUse()-before), int64(4<<20); used > most {
			t.Errorf("threshold %d: got %d bytes in use, want at most %d", threshold, used, most)
		}
		runtime.KeepAlive(p)
	}
}

// What is known already costs no memory.
func TestAddAllocates(t *testing.T) {
	for _, o := range []heap.Options{{}, {LikeMemray: true}, {LikeMemray: true, Threshold: 100}} {
		p := newProgram(t, o)
		for i := range uint64(100_000) { // which makes all samples known
			p.step(i)
		}
		i := uint64(0)
		got := testing.AllocsPerRun(100, func() {
			for range 1000 { // more than a batch holds
				p.step(i)
				i++
			}
		})
		if got != 0 {
			t.Errorf("%+v: got %v allocations for 1000 steps, want none", o, got)
		}
	}
}

// A hostile capture costs memory in proportion to its length at most, whatever it is made of.
func TestHostileMemory(t *testing.T) {
	const records = 20_000
	native := codec.Header{Version: 12, NativeTraces: true}
	for _, tt := range []struct {
		name   string
		header codec.Header
		record func(i uint64) []codec.Record
	}{
		{"threads", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindContextSwitch, Thread: i + 1}}
		}},
		{"thread names", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindThreadName, Thread: i + 1, Name: []byte("x")}}
		}},
		{"rings", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindAllocation, Thread: i + 1, Allocator: codec.Malloc, Address: 8}}
		}},
		{"code objects", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindCode, Code: i}}
		}},
		{"frames", codec.Header{Version: 11}, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindFrame, Frame: i}}
		}},
		{"a deep stack", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindFramePush, Thread: 1, Frame: 1}}
		}},
		{"a deep stack that allocates", native, func(i uint64) []codec.Record {
			return []codec.Record{
				{Kind: codec.KindFramePush, Thread: 1, Frame: 1},
				{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Malloc, Address: 8, Size: 1},
			}
		}},
		{"many stacks", native, func(i uint64) []codec.Record {
			return []codec.Record{
				{Kind: codec.KindFramePush, Thread: 1, Frame: 1, Instruction: int64(i)},
				{Kind: codec.KindFramePop, Thread: 1, Count: 1},
			}
		}},
		{"wide frame keys", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindFramePush, Thread: 1, Frame: 1<<40 + i}}
		}},
		{"generations", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindMapStart}, {Kind: codec.KindImage, Address: i}}
		}},
		{"empty generations", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindMapStart}}
		}},
		{"images", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindImage, Address: i}}
		}},
		{"segments", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindImage, Address: i, Count: 1}, {Kind: codec.KindSegment, Address: i}}
		}},
		{"native nodes", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindNativeTrace, IP: i, Parent: i}}
		}},
		{"native stacks", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Malloc, Address: 8, Size: 1, Native: i}}
		}},
		{"blocks", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Malloc, Address: 8 * i, Size: 1}}
		}},
		{"mappings", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Mmap, Address: 8, Size: 8}}
		}},
		{"pieces", native, func(i uint64) []codec.Record {
			if i == 0 {
				return []codec.Record{{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Mmap, Address: 8, Size: 1 << 40}}
			}
			return []codec.Record{{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Munmap, Address: 16 * i, Size: 8}}
		}},
		{"memory records", native, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindMemory, Time: 1}}
		}},
		{"rows", codec.Header{Version: 12, Format: codec.AggregatedAllocations}, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindAggregated, Thread: i, Allocator: codec.Malloc}}
		}},
		{"stacks of rows", codec.Header{Version: 12, Format: codec.AggregatedAllocations}, func(i uint64) []codec.Record {
			return []codec.Record{{Kind: codec.KindPythonTrace, Frame: i, Parent: i}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := codectest.NewWriter(tt.header)
			for i := range uint64(records) {
				for _, r := range tt.record(i) {
					w.Record(&r)
				}
			}
			b, err := w.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range []heap.Options{{Native: true}, {Native: true, LikeMemray: true}} {
				const fixed, perByte = 16 << 20, 300
				if got, most := allocated(t, b, o), uint64(fixed+perByte*len(b)); got > most {
					t.Errorf("%+v: got %d bytes allocated for a capture of %d, want at most %d", o, got, len(b), most)
				}
			}
		})
	}
}

// Mappings that lie over each other are cut all at once, into more pieces each time. That is exact as
// long as it stays within what the length of the capture allows.
func TestOverlaps(t *testing.T) {
	for _, tt := range []struct {
		maps, cuts int
		exact      bool
	}{
		{100, 100, true},
		{700, 700, true},
		{4000, 4000, false},
	} {
		before := inUse()
		b, err := heap.NewBuilder(&codec.Header{Version: 12, Word: 8}, heap.Options{})
		if err != nil {
			t.Fatal(err)
		}
		event := func(f codec.Allocator, address, size uint64) {
			b.Add(&codec.Record{Kind: codec.KindAllocation, Thread: 1, Allocator: f, Address: address, Size: size})
		}
		for range tt.maps {
			event(codec.Mmap, 8, 1<<40)
		}
		for i := range uint64(tt.cuts) {
			event(codec.Munmap, 16*i+16, 8)
		}
		if used, most := int64(inUse()-before), int64(256<<20); used > most {
			t.Errorf("%d mappings cut %d times: got %d bytes in use, want at most %d", tt.maps, tt.cuts, used, most)
		}
		p, err := b.Profile(codec.Status{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(); err != nil {
			t.Error(err)
		}
		exact := heap.Value{
			Count: uint64(tt.maps * (tt.cuts + 1)), Bytes: uint64(tt.maps) * (1<<40 - 8*uint64(tt.cuts)),
		}
		got := p.Samples[0].Values[heap.Live]
		if tt.exact && (got != exact || p.Dropped != 0) || !tt.exact && p.Dropped == 0 {
			t.Errorf("%d mappings cut %d times: got %v, %d dropped, want %v", tt.maps, tt.cuts, got, p.Dropped, exact)
		}
	}
}

// allocated gives how many bytes in all are allocated for reading a capture.
func allocated(t *testing.T, b []byte, o heap.Options) uint64 {
	t.Helper()
	r, err := codec.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := heap.Read(r, o); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
