package heap_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/heap"
)

// readText reads a capture that is written as text. It adds what is left out: a HEADER line, of
// header 12, and the trailer.
func readText(t *testing.T, text string, o heap.Options) *heap.Profile {
	t.Helper()
	if !strings.HasPrefix(text, "HEADER") {
		text = "HEADER version=12 native_traces=true\n" + text
	}
	if !strings.HasPrefix(text, "HEADER version=6") {
		text += "TRAILER\n" // else zeros at the end are taken for what was never written
	}
	r, err := codec.NewReader(bytes.NewReader(codectest.Capture(t, text)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := heap.Read(r, o)
	if err != nil {
		t.Fatal(err)
	}
	if p.Status.Err != nil {
		t.Fatal(p.Status.Err)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	return p
}

// total gives all four views, summed over the samples.
func total(p *heap.Profile) [heap.Views]heap.Value {
	var sum [heap.Views]heap.Value
	for i := range p.Samples {
		for v, x := range p.Samples[i].Values {
			sum[v].Count += x.Count
			sum[v].Bytes += x.Bytes
		}
	}
	return sum
}

// Sums that no 64 bits can hold stay at the largest number; none begins anew at 0.
func TestSaturation(t *testing.T) {
	const most = math.MaxUint64
	const huge = most - 10
	text := func(format string) string {
		return "CONTEXT_SWITCH tid=1\n" + strings.ReplaceAll(format, "HUGE", fmt.Sprint(uint64(huge)))
	}
	for _, tt := range []struct {
		name, text string
		want       [heap.Views]heap.Value // total, temporary, live, peak
		peak       uint64
	}{
		{
			"one block",
			"ALLOCATION address=0x8 size=HUGE allocator=malloc\n",
			[heap.Views]heap.Value{{1, huge}, {}, {1, huge}, {1, huge}}, huge,
		},
		{
			"two blocks of one sample",
			"ALLOCATION address=0x8 size=HUGE allocator=malloc\nALLOCATION address=0x10 size=HUGE allocator=malloc\n",
			[heap.Views]heap.Value{{2, most}, {}, {2, most}, {2, most}}, most,
		},
		{
			"freed again, which leaves no less than nothing",
			"ALLOCATION address=0x8 size=HUGE allocator=malloc\nALLOCATION address=0x10 size=HUGE allocator=malloc\n" +
				"ALLOCATION address=0x8 size=0 allocator=free\nALLOCATION address=0x10 size=0 allocator=free\n",
			[heap.Views]heap.Value{{2, most}, {2, most}, {0, 0}, {2, most}}, most,
		},
		{
			"mapping to the end of memory and beyond",
			"ALLOCATION address=0xfffffffffffff000 size=HUGE allocator=mmap\n" +
				"ALLOCATION address=0xfffffffffffff800 size=HUGE allocator=mmap\n",
			[heap.Views]heap.Value{{2, most}, {}, {2, most}, {2, most}}, most,
		},
		{
			"all of memory unmapped",
			"ALLOCATION address=0x1000 size=4096 allocator=mmap\nALLOCATION address=0x0 size=HUGE allocator=munmap\n" +
				"ALLOCATION address=0x2000 size=HUGE allocator=munmap\n",
			[heap.Views]heap.Value{{1, 4096}, {}, {}, {1, 4096}}, 4096,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, like := range []bool{false, true} {
				p := readText(t, text(tt.text), heap.Options{LikeMemray: like})
				if got := total(p); got != tt.want {
					t.Errorf("like Memray %v: got %v, want %v", like, got, tt.want)
				}
				if p.PeakBytes != tt.peak {
					t.Errorf("like Memray %v: got peak %d, want %d", like, p.PeakBytes, tt.peak)
				}
			}
		})
	}
}

// stackOf gives the functions of a sample, leaf first.
func stackOf(p *heap.Profile, s *heap.Sample) string {
	var names []string
	for _, f := range p.AppendStack(nil, s) {
		names = append(names, p.Frames[f].Function)
	}
	return strings.Join(names, " < ")
}

// Popping more than was pushed empties the stack, and what does not fit is counted.
func TestDeepPops(t *testing.T) {
	const push = "FRAME_PUSH code_object_id=1 instruction_offset=0\nFRAME_PUSH code_object_id=2 instruction_offset=0\n"
	const code = "CODE_OBJECT code_id=1 function_name=f filename=f.py firstlineno=1\nCODE_OBJECT code_id=2 function_name=g filename=f.py firstlineno=1\n"
	for _, tt := range []struct {
		name, text string
		want       string
		unknown    uint64
	}{
		{"no pop", push, "g < f", 0},
		{"one", push + "FRAME_POP count=1\n", "f", 0},
		{"all", push + "FRAME_POP count=2\n", "", 0},
		{"too many", push + "FRAME_POP count=16\n", "", 14},
		{"too many, then a push", push + "FRAME_POP count=3\nFRAME_PUSH code_object_id=2 instruction_offset=0\n", "g", 1},
		{"nothing pushed", "FRAME_POP count=1\nFRAME_POP count=5\n", "", 6},
		{"of another thread", push + "CONTEXT_SWITCH tid=2\nFRAME_POP count=2\nCONTEXT_SWITCH tid=1\n", "g < f", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := readText(t, code+"CONTEXT_SWITCH tid=1\n"+tt.text+"ALLOCATION address=0x8 size=1 allocator=malloc\n", heap.Options{})
			if got := stackOf(p, &p.Samples[0]); got != tt.want {
				t.Errorf("got stack %q, want %q", got, tt.want)
			}
			if p.Unknown != tt.unknown {
				t.Errorf("got %d unknown, want %d", p.Unknown, tt.unknown)
			}
		})
	}
}

// References to what is nowhere defined give empty frames, no stacks and the empty listing, and are counted.
func TestUnknown(t *testing.T) {
	const header12 = "HEADER version=12 native_traces=true\n"
	const rows = "HEADER version=12 native_traces=true file_format=AGGREGATED_ALLOCATIONS\n"
	const row = "AGGREGATED_ALLOCATION tid=1 allocator=malloc native_frame_id=%d python_frame_id=%d native_segment_generation=%d n_allocations_in_high_water_mark=1 n_allocations_leaked=0 bytes_in_high_water_mark=8 bytes_leaked=0\n"
	const alloc = "ALLOCATION address=0x8 size=8 allocator=malloc\n"
	for _, tt := range []struct {
		name, text string
		unknown    uint64
	}{
		{"nothing", header12 + "CONTEXT_SWITCH tid=1\n" + alloc, 0},
		{"code object", header12 + "CONTEXT_SWITCH tid=1\nFRAME_PUSH code_object_id=9 instruction_offset=0\n" + alloc, 1},
		{"wide code object", header12 + "CONTEXT_SWITCH tid=1\nFRAME_PUSH code_object_id=0xffffffffffffffff instruction_offset=-9223372036854775808\n" + alloc, 1},
		{"frame", "HEADER version=11\nCONTEXT_SWITCH tid=1\nFRAME_PUSH frame_id=9\n" + alloc, 1},
		{"wide frame", "HEADER version=11\nCONTEXT_SWITCH tid=1\nFRAME_PUSH frame_id=0xffffffffffffffff\n" + alloc, 1},
		{"frame, twice", "HEADER version=11\nCONTEXT_SWITCH tid=1\nFRAME_PUSH frame_id=9\nFRAME_PUSH frame_id=9\n" + alloc, 1},
		{"native node", header12 + "CONTEXT_SWITCH tid=1\nALLOCATION address=0x8 size=8 allocator=malloc native_frame_id=5\n", 1},
		{"largest native node", header12 + "CONTEXT_SWITCH tid=1\nALLOCATION address=0x8 size=8 allocator=malloc native_frame_id=0xffffffffffffffff\n", 1},
		{"native parent", header12 + "NATIVE_TRACE_INDEX ip=0x10 index=7\n", 1},
		{"native node as its own parent", header12 + "NATIVE_TRACE_INDEX ip=0x10 index=1\n", 1},
		{"row, stack", rows + fmt.Sprintf(row, 0, 1, 0), 1},
		{"row, native node", rows + fmt.Sprintf(row, 1, 0, 1), 1},
		{"row, generation", rows + "NATIVE_TRACE_INDEX ip=0x10 index=0\n" + fmt.Sprintf(row, 1, 0, 1), 1},
		{"trace, frame", rows + "PYTHON_TRACE_INDEX frame_id=3 parent_index=0\n", 1},
		{"trace, code object", rows + "PYTHON_FRAME_INDEX frame_id=0 code_object_id=9 instruction_offset=0\nPYTHON_TRACE_INDEX frame_id=0 parent_index=0\n", 1},
		{"trace, parent", rows + "CODE_OBJECT code_id=9 function_name=f filename=f.py firstlineno=1\n" +
			"PYTHON_FRAME_INDEX frame_id=0 code_object_id=9 instruction_offset=0\nPYTHON_TRACE_INDEX frame_id=0 parent_index=1\n", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := readText(t, tt.text, heap.Options{Native: true})
			if p.Unknown != tt.unknown {
				t.Errorf("got %d unknown, want %d", p.Unknown, tt.unknown)
			}
			for i := range p.Samples {
				s := &p.Samples[i]
				if got := stackOf(p, s); strings.Trim(got, " <") != "" {
					t.Errorf("got stack %q", got)
				}
				if got := p.AppendNative(nil, s); len(got) > 1 {
					t.Errorf("got native stack %x", got)
				}
				if n := len(p.Images[s.Images]); n != 0 {
					t.Errorf("got %d images", n)
				}
			}
		})
	}
}

// A record of no known thread belongs to thread 0, not to the first one that comes. No capture
// holds such, but a Builder may be given them.
func TestThreadZero(t *testing.T) {
	h := codec.Header{Version: 12, Word: 8}
	b, err := heap.NewBuilder(&h, heap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range []uint64{0, 5, math.MaxUint64} {
		b.Add(&codec.Record{Kind: codec.KindFramePop, Thread: thread, Count: 1})
		b.Add(&codec.Record{Kind: codec.KindAllocation, Thread: thread, Allocator: codec.Malloc, Address: 8, Size: 1})
	}
	p, err := b.Profile(codec.Status{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	var got []uint64
	for _, s := range p.Samples {
		got = append(got, p.Threads[s.Thread].ID)
	}
	if want := []uint64{0, 5, math.MaxUint64}; !slices.Equal(got, want) {
		t.Errorf("got samples of threads %d, want %d", got, want)
	}
}

// The last name of a thread holds, whenever it comes; ids above 255 and below are alike.
func TestThreads(t *testing.T) {
	const alloc = "ALLOCATION address=0x8 size=8 allocator=malloc\n"
	for _, tt := range []struct {
		name, text string
		want       []heap.Thread
	}{
		{"none", "HEADER version=12\n", nil},
		{"no name", "CONTEXT_SWITCH tid=3\n" + alloc, []heap.Thread{{ID: 3}}},
		{"main", "CONTEXT_SWITCH tid=3\n" + alloc + "CONTEXT_SWITCH tid=1\n" + alloc, []heap.Thread{{ID: 3}, {ID: 1, Main: true}}},
		{"no main thread before header 9", "HEADER version=8 main_tid=1\nCONTEXT_SWITCH tid=1\n" + alloc, []heap.Thread{{ID: 1}}},
		{"two names", "CONTEXT_SWITCH tid=3\nTHREAD a\n" + alloc + "THREAD b\n", []heap.Thread{{ID: 3, Name: "b"}}},
		{"name taken back", "CONTEXT_SWITCH tid=3\nTHREAD a\n" + alloc + "THREAD \"\"\n", []heap.Thread{{ID: 3}}},
		{"name after all", "CONTEXT_SWITCH tid=3\n" + alloc + "CONTEXT_SWITCH tid=4\nTHREAD io\n", []heap.Thread{{ID: 3}, {ID: 4, Name: "io"}}},
		{"large ids", "CONTEXT_SWITCH tid=255\n" + alloc + "CONTEXT_SWITCH tid=256\n" + alloc + "CONTEXT_SWITCH tid=255\nTHREAD a\n" + "CONTEXT_SWITCH tid=256\nTHREAD b\n",
			[]heap.Thread{{ID: 255, Name: "a"}, {ID: 256, Name: "b"}}},
		{"not UTF-8", "CONTEXT_SWITCH tid=3\nTHREAD \"worker-\\xe9\\xff\"\n" + alloc, []heap.Thread{{ID: 3, Name: "worker-\uFFFD"}}},
		{"of header 6", "HEADER version=6\nTHREAD 0x7f0010 x\nTHREAD 0x7f0020 y\n", []heap.Thread{{ID: 0x7f0010, Name: "x"}, {ID: 0x7f0020, Name: "y"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := readText(t, tt.text, heap.Options{}).Threads; !slices.Equal(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// Names become valid UTF-8, and what differs only in invalid bytes stays apart as a frame.
func TestNames(t *testing.T) {
	p := readText(t, `CODE_OBJECT code_id=1 function_name="f\xff" filename="a\xe9.py" firstlineno=1
CODE_OBJECT code_id=2 function_name="größe" filename="a.py" firstlineno=1
CODE_OBJECT code_id=2 function_name="second" filename="a.py" firstlineno=1
CONTEXT_SWITCH tid=1
FRAME_PUSH code_object_id=1 instruction_offset=0
FRAME_PUSH code_object_id=2 instruction_offset=0
ALLOCATION address=0x8 size=8 allocator=malloc
`, heap.Options{})
	if got, want := stackOf(p, &p.Samples[0]), "größe < f\uFFFD"; got != want {
		t.Errorf("got stack %q, want %q", got, want)
	}
}

// The outer frames of the main thread are hidden, as many as the header says, and no others.
func TestHiddenFrames(t *testing.T) {
	const text = `CODE_OBJECT code_id=1 function_name=runner filename=f.py firstlineno=1
CODE_OBJECT code_id=2 function_name=main filename=f.py firstlineno=1
CONTEXT_SWITCH tid=%d
FRAME_PUSH code_object_id=1 instruction_offset=0
FRAME_PUSH code_object_id=2 instruction_offset=0
ALLOCATION address=0x8 size=8 allocator=malloc
`
	for _, tt := range []struct {
		thread, skip uint64
		want         string
	}{
		{1, 0, "main < runner"},
		{1, 1, "main"},
		{1, 2, ""},
		{1, 3, ""},
		{1, math.MaxUint64, ""},
		{2, 1, "main < runner"},
	} {
		p := readText(t, fmt.Sprintf("HEADER version=12 main_tid=1 skipped_frames_on_main_tid=%d\n"+text, tt.skip, tt.thread), heap.Options{})
		if got := stackOf(p, &p.Samples[0]); got != tt.want {
			t.Errorf("thread %d, %d hidden: got stack %q, want %q", tt.thread, tt.skip, got, tt.want)
		}
	}
}
