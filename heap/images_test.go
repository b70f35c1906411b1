package heap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/heap"
)

// imageNames writes listings as "a b | a c".
func imageNames(lists [][]heap.Image) string {
	var out []string
	for _, list := range lists {
		var names []string
		for _, i := range list {
			names = append(names, fmt.Sprintf("%s@%x", i.File, i.Bias))
		}
		slices.Sort(names)
		out = append(out, strings.Join(names, " "))
	}
	return strings.Join(out, " | ")
}

// generation writes a listing of images such as "a@1000".
func generation(images ...string) string {
	var b strings.Builder
	b.WriteString("MEMORY_MAP_START\n")
	for _, i := range images {
		file, bias, _ := strings.Cut(i, "@")
		fmt.Fprintf(&b, "SEGMENT_HEADER filename=%s num_segments=1 addr=0x%s\nSEGMENT (nil) 1000\n", file, bias)
	}
	return b.String()
}

// A listing that only adds images takes the place of the one before; one in which an image is gone
// (dlclose) is another. What is listed again is the same as before.
func TestListings(t *testing.T) {
	const alloc = "ALLOCATION address=0x8 size=8 allocator=malloc native_frame_id=1\n"
	a, b, c := "a@1000", "b@2000", "c@2000" // c is loaded where b was
	for _, tt := range []struct {
		name     string
		listings [][]string
		want     string
		of       []uint32 // the listing of what is allocated after each generation
	}{
		{"none", nil, "", nil},
		{"one", [][]string{{a}}, " | a@1000", []uint32{1}},
		{"the same again", [][]string{{a, b}, {b, a}}, " | a@1000 b@2000", []uint32{1, 1}},
		{"one that grows", [][]string{{a}, {a, b}}, " | a@1000 b@2000", []uint32{1, 1}},
		{"one that grows, then as before", [][]string{{a}, {a, b}, {a}}, " | a@1000 b@2000", []uint32{1, 1, 1}},
		{"dlclose", [][]string{{a, b}, {a}}, " | a@1000 b@2000 | a@1000", []uint32{1, 2}},
		{"another in its place", [][]string{{a, b}, {a, c}}, " | a@1000 b@2000 | a@1000 c@2000", []uint32{1, 2}},
		{"to and fro", [][]string{{a, b}, {a, c}, {a, b}, {a, c}}, " | a@1000 b@2000 | a@1000 c@2000", []uint32{1, 2, 1, 2}},
		{"grown, lost, another", [][]string{{a}, {a, b}, {a}, {a, c}}, " | a@1000 b@2000 | a@1000 c@2000", []uint32{1, 1, 1, 2}},
		{"elsewhere", [][]string{{"a@1000"}, {"a@3000"}}, " | a@1000 | a@3000", []uint32{1, 2}},
		{"an image twice", [][]string{{a, a}}, " | a@1000", []uint32{1}},
		{"nothing loaded", [][]string{{}}, " | ", []uint32{1}},
		{"nothing, then something", [][]string{{}, {a}}, " | a@1000", []uint32{1, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var text strings.Builder
			text.WriteString("NATIVE_TRACE_INDEX ip=0x1010 index=0\n")
			for i, l := range tt.listings {
				fmt.Fprintf(&text, "%sCONTEXT_SWITCH tid=%d\n%s", generation(l...), i+1, alloc)
			}
			p := readText(t, text.String(), heap.Options{Native: true})
			if got := imageNames(p.Images); got != tt.want {
				t.Errorf("got listings %q, want %q", got, tt.want)
			}
			var of []uint32
			for _, s := range p.Samples {
				of = append(of, s.Images)
			}
			if !slices.Equal(of, tt.of) {
				t.Errorf("got samples of listings %d, want %d", of, tt.of)
			}
		})
	}
}

// A program that loads one library after the other has one listing, and one sample a place.
func TestManyGenerations(t *testing.T) {
	var text strings.Builder
	text.WriteString("NATIVE_TRACE_INDEX ip=0x1010 index=0\nCONTEXT_SWITCH tid=1\n")
	var images []string
	for i := range 200 {
		images = append(images, fmt.Sprintf("lib%d.so@%x", i, i*0x10000))
		text.WriteString(generation(images...))
		text.WriteString("ALLOCATION address=0x8 size=8 allocator=malloc native_frame_id=1\n")
	}
	p := readText(t, text.String(), heap.Options{Native: true})
	if len(p.Images) != 2 || len(p.Images[1]) != 200 || len(p.Samples) != 1 {
		t.Errorf("got %d listings and %d samples, want 2 and 1", len(p.Images), len(p.Samples))
	}
}

// Images that were listed before any MEMORY_MAP_START, or after the listing was used, are in no
// later one; no release writes such.
func TestStrayImages(t *testing.T) {
	const image = "SEGMENT_HEADER filename=stray num_segments=1 addr=0x5000\nSEGMENT (nil) 1000\n"
	const alloc = "ALLOCATION address=0x8 size=8 allocator=malloc native_frame_id=1\n"
	for _, tt := range []struct{ name, text, want string }{
		{"before the first", image + generation("a@1000"), " | a@1000"},
		{"after a use", generation("a@1000") + alloc + image + generation("b@1000"), " | a@1000 | b@1000"},
	} {
		p := readText(t, "CONTEXT_SWITCH tid=1\nNATIVE_TRACE_INDEX ip=0x1010 index=0\n"+tt.text, heap.Options{Native: true})
		if got := imageNames(p.Images); got != tt.want {
			t.Errorf("%s: got listings %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Segments keep their order and belong to their image.
func TestSegments(t *testing.T) {
	p := readText(t, `MEMORY_MAP_START
SEGMENT_HEADER filename=a num_segments=2 addr=0x7000
SEGMENT (nil) 10
SEGMENT 0x2000 20
SEGMENT_HEADER filename="b\xff" num_segments=0 addr=0x9000
`, heap.Options{Native: true})
	want := []heap.Image{
		{File: "a", Bias: 0x7000, Segments: []heap.Segment{{Address: 0, Size: 0x10}, {Address: 0x2000, Size: 0x20}}},
		{File: "b\uFFFD", Bias: 0x9000},
	}
	equal := func(a, b heap.Image) bool {
		return a.File == b.File && a.Bias == b.Bias && slices.Equal(a.Segments, b.Segments)
	}
	if len(p.Images) != 2 || !slices.EqualFunc(p.Images[1], want, equal) {
		t.Errorf("got listings %+v, want %+v", p.Images, want)
	}
}

// Rows of aggregated captures name the generation that their addresses belong to.
func TestRowGenerations(t *testing.T) {
	const row = "AGGREGATED_ALLOCATION tid=%d allocator=malloc native_frame_id=1 python_frame_id=0 native_segment_generation=%d n_allocations_in_high_water_mark=1 n_allocations_leaked=0 bytes_in_high_water_mark=8 bytes_leaked=0\n"
	var text strings.Builder
	text.WriteString("HEADER version=12 native_traces=true file_format=AGGREGATED_ALLOCATIONS\nNATIVE_TRACE_INDEX ip=0x1010 index=0\n" +
		generation("a@1000") + generation("a@1000", "b@2000") + generation("a@1000", "c@2000"))
	for thread, generation := range []int{1, 2, 3, 2, 0, 4} {
		fmt.Fprintf(&text, row, thread+1, generation)
	}
	p := readText(t, text.String(), heap.Options{})
	var of []uint32
	for _, s := range p.Samples {
		of = append(of, s.Images)
	}
	if want := []uint32{1, 1, 2, 1, 0, 0}; !slices.Equal(of, want) {
		t.Errorf("got rows of listings %d, want %d", of, want)
	}
	if p.Unknown != 1 {
		t.Errorf("got %d unknown, want that of generation 4", p.Unknown)
	}
}
