package flamegraph_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/flamegraph"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/expected"
)

// embedded is the data of a page, as the package comment describes it.
type embedded struct {
	Strings []string
	Files   struct{ Name, Module, Place []int }
	Places  []string
	Frames  struct{ Function, File, Line []int }
	Nodes   struct{ Up, Frame []int }
	Samples struct{ Node, Thread []int }
	Views   []struct {
		Name         string
		Bytes, Count []uint64
	}
	Threads []struct {
		Name, ID string
		Main     bool
	}
	Series struct {
		Time      []int64
		RSS, Heap []uint64
		Stride    int
	}
	Start, End int64
	Peak       struct {
		Bytes uint64
		Time  *int64
	}
	Window    *struct{ From, Until int64 }
	Threshold int
}

func write(t testing.TB, p *heap.Profile, o flamegraph.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := flamegraph.Write(&b, p, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var dataElement = regexp.MustCompile(`(?s)<script id="data" type="application/json">(.*)</script>\n$`)

func dataOf(t testing.TB, page []byte) *embedded {
	t.Helper()
	m := dataElement.FindSubmatch(page)
	if m == nil {
		t.Fatalf("no data element at the end of the page: %.200q", page[max(len(page)-200, 0):])
	}
	d := new(embedded)
	dec := json.NewDecoder(bytes.NewReader(m[1]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		t.Fatal(err)
	}
	return d
}

// stacks gives the text of the stack of each node, leaf first; of the root it is empty.
func (d *embedded) stacks() []string {
	out, parents, at := []string{""}, []int{0}, 0
	for i, up := range d.Nodes.Up {
		for range up {
			at = parents[at]
		}
		f := d.Nodes.Frame[i]
		file := d.Strings[d.Files.Name[d.Frames.File[f]]]
		text := fmt.Sprintf("%s;%s;%d|", d.Strings[d.Frames.Function[f]], file, d.Frames.Line[f])
		if text == "<stack trace unavailable>;;0|" {
			text = ""
		}
		parents = append(parents, at)
		out = append(out, text+out[at])
		at = i + 1
	}
	return out
}

// sums adds up a view by text stack, and by thread if asked to.
func (d *embedded) sums(view string, threads bool) map[string]heap.Value {
	out := map[string]heap.Value{}
	stacks := d.stacks()
	for _, v := range d.Views {
		if v.Name != view {
			continue
		}
		for i, node := range d.Samples.Node {
			key := stacks[node]
			if threads {
				t := d.Threads[d.Samples.Thread[i]]
				key = t.ID + " " + t.Name + " " + key
			}
			add(out, key, heap.Value{Count: v.Count[i], Bytes: v.Bytes[i]})
		}
	}
	return out
}

func add(sums map[string]heap.Value, key string, v heap.Value) {
	if v == (heap.Value{}) {
		return
	}
	old := sums[key]
	sums[key] = heap.Value{Count: old.Count + v.Count, Bytes: old.Bytes + v.Bytes}
}

func compareSums(t *testing.T, what string, got, want map[string]heap.Value) {
	t.Helper()
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if got[k] != want[k] {
			t.Errorf("%s: %s: got %+v, want %+v", what, k, got[k], want[k])
		}
	}
}

func forCaptures(t *testing.T, f func(t *testing.T, capture string)) {
	paths, err := filepath.Glob(filepath.Join(captures, "*", "*.expected.json.gz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no captures in %s: %v", captures, err)
	}
	for _, path := range paths {
		capture := strings.TrimSuffix(path, ".expected.json.gz")
		name, _ := filepath.Rel(captures, capture)
		t.Run(filepath.ToSlash(name), func(t *testing.T) { f(t, capture) })
	}
}

// The page of each capture holds the sums of the Profile, by stack as AppendStack gives
// it and by thread.
func TestProfiles(t *testing.T) {
	forCaptures(t, func(t *testing.T, capture string) {
		p := readCapture(t, capture, heap.Options{})
		page := write(t, p, flamegraph.Options{})
		d := dataOf(t, page)
		for v := range heap.View(heap.Views) {
			if p.Aggregated && (v == heap.Total || v == heap.Temporary) {
				continue
			}
			want := map[string]heap.Value{}
			for i := range p.Samples {
				s := &p.Samples[i]
				thread := p.Threads[s.Thread]
				add(want, fmt.Sprintf("%#x %s %s", thread.ID, thread.Name, stackText(p, s)), s.Values[v])
			}
			compareSums(t, v.String(), d.sums(v.String(), true), want)
		}
		checkShape(t, d)
		if again := write(t, readCapture(t, capture, heap.Options{}), flamegraph.Options{}); !bytes.Equal(page, again) {
			t.Error("the same capture gives different pages")
		}
	})
}

func stackText(p *heap.Profile, s *heap.Sample) string {
	var stack []expected.Frame
	for _, i := range p.AppendStack(nil, s) {
		f := &p.Frames[i]
		stack = append(stack, expected.Frame{Function: f.Function, File: f.File, Line: max(f.Line, 0)})
	}
	return expected.Key(stack)
}

// checkShape looks for columns of unequal length, doubled texts and rows out of order.
func checkShape(t *testing.T, d *embedded) {
	t.Helper()
	lengths := [][]int{
		{len(d.Files.Name), len(d.Files.Module), len(d.Files.Place)},
		{len(d.Frames.Function), len(d.Frames.File), len(d.Frames.Line)},
		{len(d.Nodes.Up), len(d.Nodes.Frame)},
		{len(d.Samples.Node), len(d.Samples.Thread), len(d.Views[0].Bytes), len(d.Views[0].Count)},
		{len(d.Series.Time), len(d.Series.RSS), len(d.Series.Heap)},
	}
	for i, l := range lengths {
		if slices.Min(l) != slices.Max(l) {
			t.Errorf("table %d: columns of lengths %d", i, l)
		}
	}
	texts := slices.Sorted(slices.Values(d.Strings))
	if n := len(slices.Compact(texts)); n != len(d.Strings) {
		t.Errorf("%d strings, %d different ones", len(d.Strings), n)
	}
	stacks := d.stacks()[1:]
	slices.Sort(stacks)
	if n := len(slices.Compact(stacks)); n != len(d.Nodes.Up) {
		t.Errorf("%d nodes, %d different stacks", len(d.Nodes.Up), n)
	}
	if !slices.IsSorted(d.Samples.Node) {
		t.Error("samples are not sorted by node")
	}
}

// With LikeMemray the page of each capture holds what its release says.
func TestLikeMemray(t *testing.T) {
	forCaptures(t, func(t *testing.T, capture string) {
		want, err := expected.Load(capture + ".expected.json.gz")
		if err != nil {
			t.Fatal(err)
		}
		p := readCapture(t, capture, heap.Options{LikeMemray: true})
		merged := dataOf(t, write(t, p, flamegraph.Options{}))
		split := dataOf(t, write(t, p, flamegraph.Options{SplitThreads: true}))
		for _, view := range slices.Sorted(maps.Keys(want.Views)) {
			base, byThread := strings.CutSuffix(view, "_by_thread")
			sums := map[string]heap.Value{}
			for _, r := range want.Views[view] {
				key := expected.Key(r.Stack)
				if name := r.ThreadName; byThread {
					if name == fmt.Sprintf("%#x", r.Thread) {
						name = "" // older releases put the id where there is no name
					}
					key = fmt.Sprintf("%#x %s %s", r.Thread, name, key)
				}
				add(sums, key, heap.Value{Count: r.Count, Bytes: r.Bytes})
			}
			d := merged
			if byThread {
				d = split
			}
			compareSums(t, view, d.sums(base, byThread), sums)
		}
	})
}

// Outer frames are hidden on the main thread alone, also where stacks share nodes.
func TestHiddenFrames(t *testing.T) {
	p := newProfiler()
	p.Header.SkippedFrames = 2
	a, b, c := frame("a", "a.py", 1), frame("b", "b.py", 2), frame("c", "c.py", 3)
	p.add(0, 100, a, b, c)
	p.add(1, 10, a, b, c)
	p.add(0, 1, a, b)
	got := dataOf(t, write(t, p.Profile, flamegraph.Options{})).sums("peak", true)
	compareSums(t, "peak", got, map[string]heap.Value{
		"0x1 MainThread c;c.py;3|":               {Count: 2, Bytes: 100},
		"0x2 worker c;c.py;3|b;b.py;2|a;a.py;1|": {Count: 1, Bytes: 10},
		"0x1 MainThread ":                        {Count: 1, Bytes: 1},
	})
}

// In a window, leaks are what was made in it and is alive at its end.
func TestLeaksOfWindow(t *testing.T) {
	p := newProfiler()
	p.add(0, 100, frame("old", "a.py", 1))
	p.add(0, 10, frame("new", "a.py", 2))
	p.Window = &heap.Window{From: start + second, Until: start + 2*second}
	p.Kept = []heap.Value{{}, {Count: 1, Bytes: 5}}
	d := dataOf(t, write(t, p.Profile, flamegraph.Options{}))
	compareSums(t, "leaks", d.sums("leaks", false), map[string]heap.Value{"new;a.py;2|": {Count: 1, Bytes: 5}})
	if got := d.sums("peak", false); len(got) != 2 {
		t.Errorf("peak: got %v, want both", got)
	}
}

// Frames that look the same are one, whatever else is known of them.
func TestMergeByText(t *testing.T) {
	p := newProfiler()
	f, entry := frame("f", "f.py", 1), frame("f", "f.py", 1)
	entry.Entry, entry.FirstLine = true, 1
	p.add(0, 100, f, frame("g", "f.py", 2))
	p.add(0, 10, entry, frame("g", "f.py", 2))
	d := dataOf(t, write(t, p.Profile, flamegraph.Options{}))
	if len(d.Nodes.Up) != 2 || len(d.Samples.Node) != 1 {
		t.Errorf("got %d nodes and %d samples, want 2 and 1", len(d.Nodes.Up), len(d.Samples.Node))
	}
}

// Memray ends stacks that are deeper than Python allows by default.
func TestTooDeep(t *testing.T) {
	p := newProfiler()
	var stack []heap.Frame
	for i := range int32(500) {
		stack = append(stack, frame("f", "f.py", i+1))
	}
	p.add(0, 100, stack...)
	p.add(0, 10, stack[:402]...)
	for _, tt := range []struct {
		like        bool
		nodes, rows int
		deepest     string
	}{
		{false, 500, 2, "f;f.py;500|"},
		{true, 402, 1, "<STACK TOO DEEP>;...;0|"},
	} {
		p.LikeMemray = tt.like
		d := dataOf(t, write(t, p.Profile, flamegraph.Options{}))
		stacks := d.stacks()
		if got := stacks[len(stacks)-1]; len(d.Nodes.Up) != tt.nodes || len(d.Samples.Node) != tt.rows || !strings.HasPrefix(got, tt.deepest) {
			t.Errorf("like Memray %v: got %d nodes, %d samples, the deepest %.40s; want %d, %d, %s",
				tt.like, len(d.Nodes.Up), len(d.Samples.Node), got, tt.nodes, tt.rows, tt.deepest)
		}
	}
}

// A chain of calls that never return, with an allocation in each, costs its length and
// not the square of it.
func TestEndlessRecursion(t *testing.T) {
	const n = 200_000
	p := newProfiler()
	p.Frames = []heap.Frame{frame("f", "f.py", 1)}
	for i := range uint32(n) {
		p.Stacks = append(p.Stacks, heap.Stack{Parent: i, Depth: i + 1})
		s := heap.Sample{Stack: i + 1, Allocator: codec.Malloc}
		s.Values[heap.Peak] = heap.Value{Count: 1, Bytes: 1}
		p.Samples = append(p.Samples, s)
	}
	if page := write(t, p.Profile, flamegraph.Options{}); len(page) > 40*n {
		t.Errorf("the page has %d bytes for %d nodes, want at most 40 a node", len(page), n)
	}
}

func TestViews(t *testing.T) {
	p := small()
	tests := []struct {
		name       string
		aggregated bool
		views      []heap.View
		want       string // names, or the error
	}{
		{"all", false, nil, "peak leaks temporary total"},
		{"aggregated", true, nil, "peak leaks"},
		{"chosen", false, []heap.View{heap.Live, heap.Total}, "leaks total"},
		{"chosen of aggregated", true, []heap.View{heap.Total, heap.Peak}, "peak"},
		{"chosen twice", false, []heap.View{heap.Peak, heap.Live, heap.Peak}, "peak leaks"},
		{"none", false, []heap.View{}, "no view left: none is selected"},
		{"unknown", true, []heap.View{heap.Total}, "no view left: an aggregated capture knows only leaks and peak"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.Aggregated = tt.aggregated
			var b bytes.Buffer
			var got string
			if err := flamegraph.Write(&b, p, flamegraph.Options{Views: tt.views}); err != nil {
				got = err.Error()
			} else {
				var names []string
				for _, v := range dataOf(t, b.Bytes()).Views {
					names = append(names, v.Name)
				}
				got = strings.Join(names, " ")
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Sums of hostile sizes stay at the largest number.
func TestSaturation(t *testing.T) {
	p := newProfiler()
	for range 2 {
		p.add(0, 1, frame("f", "f.py", 1))
	}
	for i := range p.Samples {
		p.Samples[i].Values[heap.Peak] = heap.Value{Count: 1 << 63, Bytes: 1<<64 - 2}
	}
	v := dataOf(t, write(t, p.Profile, flamegraph.Options{})).Views[0]
	if v.Bytes[0] != 1<<64-1 || v.Count[0] != 1<<64-1 {
		t.Errorf("got %d bytes and %d allocations, want the largest number for both", v.Bytes[0], v.Count[0])
	}
}

func TestSeries(t *testing.T) {
	p := small()
	p.Window = &heap.Window{From: start + 10*second, Until: start + 20*second}
	d := dataOf(t, write(t, p, flamegraph.Options{}))
	at := d.Start
	for i, point := range p.Series {
		at += d.Series.Time[i]
		if got := (heap.Point{Time: at, RSS: d.Series.RSS[i], Heap: d.Series.Heap[i]}); got != point {
			t.Fatalf("point %d: got %+v, want %+v", i, got, point)
		}
	}
	if d.Start != start || d.End != start+60*second || d.Series.Stride != 1 {
		t.Errorf("got start %d, end %d, stride %d", d.Start, d.End, d.Series.Stride)
	}
	if d.Peak.Bytes != 10_000_000 || d.Peak.Time == nil || *d.Peak.Time != p.PeakTime {
		t.Errorf("peak: got %+v", d.Peak)
	}
	if d.Window == nil || d.Window.From != p.Window.From || d.Window.Until != p.Window.Until {
		t.Errorf("window: got %+v, want %+v", d.Window, p.Window)
	}
}
