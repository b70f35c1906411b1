package heap_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/heap"
)

// good is a capture of two threads with Python and native stacks.
const good = `HEADER version=12 native_traces=true main_tid=1
MEMORY_MAP_START
SEGMENT_HEADER filename=/lib/x.so num_segments=1 addr=0x1000
SEGMENT (nil) 1000
CODE_OBJECT code_id=1 function_name=f filename=f.py firstlineno=1
CODE_OBJECT code_id=2 function_name=g filename=f.py firstlineno=9
NATIVE_TRACE_INDEX ip=0x1010 index=0
NATIVE_TRACE_INDEX ip=0x1020 index=1
CONTEXT_SWITCH tid=1
THREAD main
FRAME_PUSH code_object_id=1 instruction_offset=0
FRAME_PUSH code_object_id=2 instruction_offset=0
ALLOCATION address=0x8 size=10 allocator=malloc native_frame_id=2
ALLOCATION address=0x8 size=0 allocator=free
ALLOCATION address=0x10 size=20 allocator=calloc native_frame_id=1
MEMORY_RECORD time=1700000000001 memory=5
CONTEXT_SWITCH tid=2
ALLOCATION address=0x1000 size=4096 allocator=mmap
ALLOCATION address=0x1000 size=100 allocator=munmap
MEMORY_RECORD time=1700000000002 memory=6
`

// Each row breaks a good profile in one way.
func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(p *heap.Profile)
		want   string // what the message begins with; empty when it is still good
	}{
		{"good", func(*heap.Profile) {}, ""},
		{"no stacks", func(p *heap.Profile) { p.Stacks = nil }, "no root stack"},
		{"no natives", func(p *heap.Profile) { p.Natives = nil }, "no root stack"},
		{"no listings", func(p *heap.Profile) { p.Images = nil }, "no root stack"},
		{"root with a frame", func(p *heap.Profile) { p.Stacks[0].Frame = 1 }, "root stack, native node or listing that is not empty"},
		{"root with an address", func(p *heap.Profile) { p.Natives[0].IP = 1 }, "root stack, native node or listing that is not empty"},
		{"images in the empty listing", func(p *heap.Profile) { p.Images[0] = p.Images[1] }, "root stack, native node or listing that is not empty"},
		{"stack that is its own parent", func(p *heap.Profile) { p.Stacks[1].Parent = 1 }, "stack 1: "},
		{"parent after its child", func(p *heap.Profile) { p.Stacks[1].Parent = 2 }, "stack 1: "},
		{"frame out of range", func(p *heap.Profile) { p.Stacks[2].Frame = uint32(len(p.Frames)) }, "stack 2: "},
		{"wrong depth", func(p *heap.Profile) { p.Stacks[2].Depth = 3 }, "stack 2: "},
		{"native node as its own parent", func(p *heap.Profile) { p.Natives[2].Parent = 2 }, "native node 2: parent 2"},
		{"function", func(p *heap.Profile) { p.Frames[0].Function = "\xff" }, "frame 0: not UTF-8"},
		{"file", func(p *heap.Profile) { p.Frames[1].File = "a\xc3" }, "frame 1: not UTF-8"},
		{"thread's name", func(p *heap.Profile) { p.Threads[0].Name = "\xff" }, "thread 0: not UTF-8"},
		{"image's file", func(p *heap.Profile) { p.Images[1][0].File = "\xff" }, "listing 1: not UTF-8"},
		{"sample's stack", func(p *heap.Profile) { p.Samples[0].Stack = 3 }, "sample 0: stack 3 of 3"},
		{"sample's native node", func(p *heap.Profile) { p.Samples[0].Native = 3 }, "sample 0: native node 3 of 3"},
		{"sample's listing", func(p *heap.Profile) { p.Samples[1].Images = 2 }, "sample 1: listing 2 of 2"},
		{"sample's thread", func(p *heap.Profile) { p.Samples[2].Thread = 2 }, "sample 2: thread 2 of 2"},
		{"no allocator", func(p *heap.Profile) { p.Samples[0].Allocator = 0 }, "sample 0: allocator allocator 0"},
		{"allocator that frees", func(p *heap.Profile) { p.Samples[0].Allocator = codec.Munmap }, "sample 0: allocator munmap"},
		{"row of what frees", func(p *heap.Profile) { p.Samples[0].Allocator = codec.Munmap; p.Aggregated = true }, ""},
		{"more temporary than all", func(p *heap.Profile) { p.Samples[0].Values[heap.Temporary].Count = 2 }, "sample 0: temporary {2 10}, total {1 10}"},
		{"more bytes temporary than all", func(p *heap.Profile) { p.Samples[0].Values[heap.Temporary].Bytes = 11 }, "sample 0: temporary {1 11}, total {1 10}"},
		{"more temporary than all, as in Memray", func(p *heap.Profile) { p.Samples[0].Values[heap.Temporary].Count = 2; p.LikeMemray = true }, ""},
		{"more alive than allocated", func(p *heap.Profile) { p.Samples[1].Values[heap.Live].Bytes = 21 }, "sample 1: alive {1 21}, "},
		{"more at the peak than allocated", func(p *heap.Profile) { p.Samples[1].Values[heap.Peak].Bytes = 21 }, "sample 1: alive {1 20}, at the peak {1 21}, "},
		{"more alive than allocated in the window", func(p *heap.Profile) { p.Samples[1].Values[heap.Peak].Bytes = 21; p.Window = &heap.Window{} }, ""},
		{"a piece more", func(p *heap.Profile) { p.Samples[2].Values[heap.Live].Count = 2 }, ""},
		{"values kept of other samples", func(p *heap.Profile) { p.Kept = make([]heap.Value, 2) }, "2 values kept of 3 samples"},
		{"oldest of other samples", func(p *heap.Profile) { p.Oldest = make([][heap.Views]uint64, 2) }, "2 oldest of 3 samples"},
		{"maxima of other samples", func(p *heap.Profile) { p.Maxima = make([]heap.Maximum, 4) }, "4 maxima, of 0 of 3 samples"},
		{"history of other samples", func(p *heap.Profile) { p.History = &heap.History{Ends: []int64{1}, First: []int{0}} }, "history: "},
		{"too many points", func(p *heap.Profile) { p.Series = make([]heap.Point, heap.MaxSeries+1) }, "20001 points in the series"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := readText(t, good, heap.Options{Native: true})
			if len(p.Samples) != 3 || len(p.Stacks) != 3 || len(p.Natives) != 3 || len(p.Images) != 2 || len(p.Threads) != 2 {
				t.Fatalf("not the profile that this test is about: %+v", p)
			}
			tt.damage(p)
			err := p.Check()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

// Captures of all versions, formats and words, with records of every kind and odd values, give good
// profiles in every mode.
func TestCheckSamples(t *testing.T) {
	for version := codec.MinVersion; version <= codec.MaxVersion; version++ {
		for _, format := range []codec.Format{codec.AllAllocations, codec.AggregatedAllocations} {
			for _, word := range []int{8, 4} {
				if format == codec.AggregatedAllocations && version < 10 {
					continue
				}
				h := codectest.Header(version, format, word)
				w := codectest.NewWriter(h)
				for _, r := range codectest.Sample(h) {
					w.Record(&r)
				}
				b, err := w.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range []heap.Options{{}, {LikeMemray: true}, {Native: true, Sizes: true, Slices: 3, Maxima: true, Oldest: true}} {
					r, err := codec.NewReader(bytes.NewReader(b))
					if err != nil {
						t.Fatal(err)
					}
					p, err := heap.Read(r, o)
					if err == nil {
						err = p.Check()
					}
					if err != nil {
						t.Errorf("version %d, %s, word %d, %+v: %v", version, format, word, o, err)
					}
				}
			}
		}
	}
}
