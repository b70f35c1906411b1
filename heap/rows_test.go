package heap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/heap"
)

// rowTexts writes rows as "thread stack: count, bytes".
func rowTexts(p *heap.Profile, v heap.View, merge bool) []string {
	var out []string
	for _, r := range p.Rows(v, merge) {
		thread := fmt.Sprint(p.Threads[r.Sample.Thread].ID)
		if merge {
			thread = "all"
		}
		out = append(out, fmt.Sprintf("%s stack %d native %d: %d, %d", thread, r.Sample.Stack, r.Sample.Native, r.Count, r.Bytes))
	}
	return out
}

const rowsHeader = "HEADER version=12 native_traces=true file_format=AGGREGATED_ALLOCATIONS\n" +
	"CODE_OBJECT code_id=9 function_name=f filename=f.py firstlineno=1\n" +
	"PYTHON_FRAME_INDEX frame_id=0 code_object_id=9 instruction_offset=0\nPYTHON_TRACE_INDEX frame_id=0 parent_index=0\n" +
	"NATIVE_TRACE_INDEX ip=0x1010 index=0\nMEMORY_MAP_START\nMEMORY_MAP_START\n"

func row(thread int, allocator string, native, stack, generation, peak, leaked int) string {
	return fmt.Sprintf("AGGREGATED_ALLOCATION tid=%d allocator=%s native_frame_id=%d python_frame_id=%d native_segment_generation=%d "+
		"n_allocations_in_high_water_mark=%d n_allocations_leaked=%d bytes_in_high_water_mark=%d bytes_leaked=%d\n",
		thread, allocator, native, stack, generation, peak, leaked, 10*peak, 10*leaked)
}

// Rows of aggregated captures that Memray does not tell apart are added up. It counts one allocation
// for each but the first.
func TestRowsAggregated(t *testing.T) {
	for _, tt := range []struct {
		name, rows string
		view       heap.View
		merge      bool
		want, like []string // like is nil when it is the same
	}{
		{"none", "", heap.Peak, false, nil, nil},
		{
			"one", row(1, "malloc", 0, 1, 0, 5, 3), heap.Peak, false,
			[]string{"1 stack 1 native 0: 5, 50"}, nil,
		},
		{
			"leaks", row(1, "malloc", 0, 1, 0, 5, 3), heap.Live, false,
			[]string{"1 stack 1 native 0: 3, 30"}, nil,
		},
		{
			"allocators", row(1, "malloc", 0, 1, 0, 5, 3) + row(1, "calloc", 0, 1, 0, 7, 0), heap.Peak, false,
			[]string{"1 stack 1 native 0: 12, 120"}, []string{"1 stack 1 native 0: 6, 120"},
		},
		{
			"a row of nothing is no row", row(1, "malloc", 0, 1, 0, 5, 3) + row(1, "calloc", 0, 1, 0, 7, 0), heap.Live, false,
			[]string{"1 stack 1 native 0: 3, 30"}, nil,
		},
		{
			"generations", row(1, "malloc", 1, 1, 1, 5, 3) + row(1, "malloc", 1, 1, 2, 7, 2), heap.Live, false,
			[]string{"1 stack 1 native 1: 5, 50"}, []string{"1 stack 1 native 1: 4, 50"},
		},
		{
			"threads apart", row(1, "malloc", 0, 1, 0, 5, 3) + row(2, "malloc", 0, 1, 0, 7, 2), heap.Peak, false,
			[]string{"1 stack 1 native 0: 5, 50", "2 stack 1 native 0: 7, 70"}, nil,
		},
		{
			"threads merged", row(1, "malloc", 0, 1, 0, 5, 3) + row(2, "malloc", 0, 1, 0, 7, 2) + row(2, "calloc", 0, 1, 0, 0, 2), heap.Peak, true,
			[]string{"all stack 1 native 0: 12, 120"}, []string{"all stack 1 native 0: 6, 120"},
		},
		{
			"stacks and native stacks stay apart", row(1, "malloc", 0, 0, 0, 5, 3) + row(1, "malloc", 1, 0, 1, 5, 3) + row(2, "malloc", 0, 1, 0, 7, 2), heap.Peak, true,
			[]string{"all stack 0 native 0: 5, 50", "all stack 0 native 1: 5, 50", "all stack 1 native 0: 7, 70"}, nil,
		},
		{"no total", row(1, "malloc", 0, 1, 0, 5, 3), heap.Total, false, nil, nil},
		{"none temporary", row(1, "malloc", 0, 1, 0, 5, 3), heap.Temporary, false, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, like := range []bool{false, true} {
				want := tt.want
				if like && tt.like != nil {
					want = tt.like
				}
				p := readText(t, rowsHeader+tt.rows, heap.Options{LikeMemray: like})
				if got := rowTexts(p, tt.view, tt.merge); !slices.Equal(got, want) {
					t.Errorf("like Memray %v: got %q, want %q", like, got, want)
				}
			}
		})
	}
}

// Of events, allocators are added up without any such rule, and rows come in the order of the
// first allocations.
func TestRowsOfEvents(t *testing.T) {
	const text = `CODE_OBJECT code_id=1 function_name=f filename=f.py firstlineno=1
CONTEXT_SWITCH tid=2
FRAME_PUSH code_object_id=1 instruction_offset=0
ALLOCATION address=0x8 size=1 allocator=malloc
ALLOCATION address=0x10 size=2 allocator=calloc
ALLOCATION address=0x18 size=4 allocator=calloc
CONTEXT_SWITCH tid=3
ALLOCATION address=0x20 size=8 allocator=malloc
FRAME_PUSH code_object_id=1 instruction_offset=0
ALLOCATION address=0x28 size=16 allocator=malloc
ALLOCATION address=0x30 size=0 allocator=malloc
ALLOCATION address=0x20 size=0 allocator=free
`
	for _, tt := range []struct {
		view  heap.View
		merge bool
		want  []string
	}{
		{heap.Total, false, []string{"2 stack 1 native 0: 3, 7", "3 stack 0 native 0: 1, 8", "3 stack 1 native 0: 2, 16"}},
		{heap.Total, true, []string{"all stack 1 native 0: 5, 23", "all stack 0 native 0: 1, 8"}},
		{heap.Live, true, []string{"all stack 1 native 0: 5, 23"}},
		{heap.Live, false, []string{"2 stack 1 native 0: 3, 7", "3 stack 1 native 0: 2, 16"}},
		{heap.Temporary, true, nil},
	} {
		for _, like := range []bool{false, true} {
			p := readText(t, text, heap.Options{LikeMemray: like})
			if got := rowTexts(p, tt.view, tt.merge); !slices.Equal(got, tt.want) {
				t.Errorf("%s, merged %v, like Memray %v:\n got %q\nwant %q", tt.view, tt.merge, like, got, tt.want)
			}
		}
	}
}

// The main thread's outer frames are hidden, so its rows are other ones than those of threads whose
// frames are not; Memray merges them all the same.
func TestRowsOfMainThread(t *testing.T) {
	const text = `CODE_OBJECT code_id=1 function_name=f filename=f.py firstlineno=1
CONTEXT_SWITCH tid=1
FRAME_PUSH code_object_id=1 instruction_offset=0
ALLOCATION address=0x8 size=1 allocator=malloc
CONTEXT_SWITCH tid=2
FRAME_PUSH code_object_id=1 instruction_offset=0
ALLOCATION address=0x10 size=2 allocator=malloc
`
	for _, tt := range []struct {
		skip int
		like bool
		want []string
	}{
		{0, false, []string{"all stack 1 native 0: 2, 3"}},
		{0, true, []string{"all stack 1 native 0: 2, 3"}},
		{1, false, []string{"all stack 1 native 0: 1, 1", "all stack 1 native 0: 1, 2"}},
		{1, true, []string{"all stack 1 native 0: 2, 3"}},
	} {
		p := readText(t, fmt.Sprintf("HEADER version=12 main_tid=1 skipped_frames_on_main_tid=%d\n", tt.skip)+text, heap.Options{LikeMemray: tt.like})
		if got := rowTexts(p, heap.Total, true); !slices.Equal(got, tt.want) {
			t.Errorf("%d hidden, like Memray %v: got %q, want %q", tt.skip, tt.like, got, tt.want)
		}
	}
}

// Rows repeat the names of threads, so those of hostile length are cut.
func TestThreadString(t *testing.T) {
	for _, tt := range []struct {
		thread heap.Thread
		want   string
	}{
		{heap.Thread{ID: 26}, "0x1a"},
		{heap.Thread{ID: 1, Name: "MainThread"}, "0x1 (MainThread)"},
		{heap.Thread{ID: 1, Name: strings.Repeat("é", 1<<20)}, "0x1 (" + strings.Repeat("é", 500) + "...)"},
	} {
		if got := tt.thread.String(); got != tt.want {
			t.Errorf("got %.40q of %d bytes, want %.40q of %d", got, len(got), tt.want, len(tt.want))
		}
	}
}
