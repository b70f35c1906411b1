package speedscope_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/internal/converttest"
	"github.com/memvault/memvault/convert/speedscope"
	"github.com/memvault/memvault/heap"
)

// document is the whole file.
type document struct {
	Schema string `json:"$schema"`
	Shared struct{ Frames []frame }
	// Profiles are all of type sampled.
	Profiles           []profile
	Name               string
	ActiveProfileIndex int
	Exporter           string
}

type frame struct {
	Name, File string
	Line       int
}

type profile struct {
	Type, Name, Unit string
	StartValue       uint64
	EndValue         uint64
	Samples          [][]int
	Weights          []uint64
}

func parse(t *testing.T, text []byte) *document {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var doc document
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
	return &doc
}

// write writes p, and checks what is true of every file.
func write(t *testing.T, p *heap.Profile, o speedscope.Options) *document {
	t.Helper()
	var buf bytes.Buffer
	stats, err := speedscope.Write(&buf, p, o)
	if err != nil {
		t.Fatal(err)
	}
	doc := parse(t, buf.Bytes())
	samples := 0
	for i := range doc.Profiles {
		doc.check(t, &doc.Profiles[i])
		samples += len(doc.Profiles[i].Samples)
	}
	want := speedscope.Stats{Bytes: int64(buf.Len()), Profiles: len(doc.Profiles), Samples: samples}
	if stats != want {
		t.Errorf("stats: got %+v, want %+v", stats, want)
	}
	return doc
}

func (d *document) check(t *testing.T, p *profile) {
	t.Helper()
	sum := uint64(0)
	for _, w := range p.Weights {
		if sum += w; w == 0 {
			t.Errorf("%s: a sample weighs nothing", p.Name)
		}
	}
	if len(p.Samples) != len(p.Weights) || p.EndValue != sum || p.StartValue != 0 || p.Type != "sampled" {
		t.Errorf("%s: %d samples, %d weights, of %d in all, from %d to %d, %s", p.Name,
			len(p.Samples), len(p.Weights), sum, p.StartValue, p.EndValue, p.Type)
	}
	for _, s := range p.Samples {
		if len(s) == 0 || slices.Min(s) < 0 || slices.Max(s) >= len(d.Shared.Frames) {
			t.Errorf("%s: sample %v of %d frames", p.Name, s, len(d.Shared.Frames))
		}
	}
}

// names gives the profiles' names, with what they weigh.
func (d *document) names() []string {
	var out []string
	for _, p := range d.Profiles {
		out = append(out, fmt.Sprintf("%s: %d", p.Name, p.EndValue))
	}
	return out
}

// lines gives the samples of a profile as folded stacks.
func (d *document) lines(i int) []string {
	var out []string
	for k, s := range d.Profiles[i].Samples {
		var names []string
		for _, f := range s {
			names = append(names, d.Shared.Frames[f].Name)
		}
		out = append(out, fmt.Sprintf("%s %d", strings.Join(names, ";"), d.Profiles[i].Weights[k]))
	}
	return out
}

// What is written of all captures is what "memray transform speedscope" of 1.20.0 writes, in its
// order; only the exporter differs.
func TestLikeMemray(t *testing.T) {
	compared := 0
	for _, c := range converttest.Captures(t) {
		t.Run(c.Name, func(t *testing.T) {
			text, ok := c.Memray(t, "speedscope")
			if !ok {
				t.Skipf("Memray %s does not write the format", c.Release())
			}
			p := c.Read(t, converttest.LikeMemray)
			if p.Header.NativeTraces {
				t.Skip("Memray gives hybrid stacks, which need symbols")
			}
			compared++
			got, want := write(t, p, speedscope.Options{LikeMemray: true, Views: []heap.View{heap.Peak}}), parse(t, text)
			if want.Exporter != "memray@1.20.0" || got.Exporter != "memvault" {
				t.Errorf("exporter: got %s, Memray has %s", got.Exporter, want.Exporter)
			}
			got.Exporter = want.Exporter
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%.2000v\nwant\n%.2000v", got, want)
			}
		})
	}
	if compared < 15 {
		t.Errorf("compared %d captures, want 15", compared)
	}
}

// All samples of all captures are there, sorted, in profiles that add up to the views.
func TestCaptures(t *testing.T) {
	for _, c := range converttest.Captures(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := c.Read(t, heap.Options{Slices: 5})
			doc := write(t, p, speedscope.Options{})
			var want []string
			views := []heap.View{heap.Peak, heap.Live, heap.Temporary, heap.Total}
			if p.Aggregated {
				views = views[:2]
			}
			for _, v := range views {
				var sum heap.Value
				for i := range p.Samples {
					sum.Bytes += p.Samples[i].Values[v].Bytes
					sum.Count += p.Samples[i].Values[v].Count
				}
				title := []string{"Total", "Temporary", "Leaked", "Peak"}[v]
				want = append(want, fmt.Sprintf("%s bytes: %d", title, sum.Bytes), fmt.Sprintf("%s allocations: %d", title, sum.Count))
			}
			if got := doc.names(); !slices.Equal(got[:len(want)], want) {
				t.Errorf("got %q, want %q", got, want)
			}
			for _, x := range doc.Profiles {
				if !slices.IsSortedFunc(x.Samples, slices.Compare[[]int]) {
					t.Errorf("%s: samples are not sorted by stack", x.Name)
				}
			}
			if p.Aggregated != (p.History == nil) {
				t.Errorf("aggregated %t, history %v", p.Aggregated, p.History)
			}
			if p.History != nil {
				last := doc.Profiles[len(doc.Profiles)-1]
				if n := len(p.History.Ends); !strings.HasSuffix(last.Name, fmt.Sprintf("(slice %d of %d), bytes", n, n)) {
					t.Errorf("last profile: got %s of %d slices", last.Name, n)
				}
				if last.EndValue != doc.Profiles[2].EndValue {
					t.Errorf("last slice: got %d bytes, leaked are %d", last.EndValue, doc.Profiles[2].EndValue)
				}
			}
		})
	}
}

// model has a main thread and another, and an allocation without a stack.
func model() *heap.Profile {
	value := func(n uint64) [heap.Views]heap.Value {
		return [heap.Views]heap.Value{
			heap.Peak: {Count: 1, Bytes: n}, heap.Live: {Count: 2, Bytes: n + 1}, heap.Total: {Count: 3, Bytes: 3 * n},
		}
	}
	return &heap.Profile{
		Header: codec.Header{Version: 13, CommandLine: "etl.py \"x\" \x1b"},
		Frames: []heap.Frame{
			{Function: "main", File: "/lib/python3.12/site-packages/etl/run.py", Line: 1},
			{Function: "big", File: "/srv/a.py", Line: 7},
			{Function: "<small>", File: "/srv/a.py", Line: 8},
		},
		Stacks:  []heap.Stack{{}, {Depth: 1}, {Parent: 1, Frame: 1, Depth: 2}, {Parent: 1, Frame: 2, Depth: 2}, {Parent: 3, Frame: 2, Depth: 3}},
		Threads: []heap.Thread{{ID: 1, Name: "MainThread", Main: true}, {ID: 26}},
		Samples: []heap.Sample{
			{Stack: 4, Values: value(3)},
			{Stack: 3, Values: value(5)},
			{Stack: 2, Values: value(100)},
			{Stack: 2, Thread: 1, Values: value(1000)},
			{Stack: 1, Values: value(7)},
			{Stack: 0, Thread: 1, Values: value(9)},
		},
	}
}

func TestProfiles(t *testing.T) {
	tests := []struct {
		name         string
		o            speedscope.Options
		names, lines []string // of the profiles; samples of the first
	}{
		{"all", speedscope.Options{},
			[]string{"Peak bytes: 1124", "Peak allocations: 6", "Leaked bytes: 1130", "Leaked allocations: 12",
				"Temporary bytes: 0", "Temporary allocations: 0", "Total bytes: 3372", "Total allocations: 18"},
			[]string{"<stack trace unavailable> 9", "etl.run.main 7", "etl.run.main;a.<small> 5",
				"etl.run.main;a.<small>;a.<small> 3", "etl.run.main;a.big 1100"}},
		{"views", speedscope.Options{Views: []heap.View{heap.Total, heap.Peak}, BareNames: true},
			[]string{"Total bytes: 3372", "Total allocations: 18", "Peak bytes: 1124", "Peak allocations: 6"},
			[]string{"<stack trace unavailable> 27", "main 21", "main;<small> 15", "main;<small>;<small> 9", "main;big 3300"}},
		{"threads", speedscope.Options{Views: []heap.View{heap.Peak}, SplitThreads: true},
			[]string{"Peak bytes, thread 0x1a: 1009", "Peak allocations, thread 0x1a: 2",
				"Peak bytes, thread 0x1 (MainThread): 115", "Peak allocations, thread 0x1 (MainThread): 4"},
			[]string{"<stack trace unavailable> 9", "etl.run.main;a.big 1000"}},
		{"least bytes", speedscope.Options{Views: []heap.View{heap.Peak}, MinBytes: 9},
			[]string{"Peak bytes: 1124", "Peak allocations: 6"},
			[]string{"<stack trace unavailable> 9", "etl.run.main 7", "etl.run.main;a.big 1100", "etl.run.main;(other) 8"}},
		{"all is small", speedscope.Options{Views: []heap.View{heap.Peak}, MinBytes: 1 << 40},
			[]string{"Peak bytes: 1124", "Peak allocations: 6"}, []string{"(other) 1124"}},
		{"few samples", speedscope.Options{Views: []heap.View{heap.Peak}, MaxSamples: 4},
			[]string{"Peak bytes: 1124", "Peak allocations: 6"},
			[]string{"<stack trace unavailable> 9", "etl.run.main 7", "etl.run.main;a.big 1100", "etl.run.main;(other) 8"}},
		{"one sample", speedscope.Options{Views: []heap.View{heap.Peak}, MaxSamples: 1},
			[]string{"Peak bytes: 1124", "Peak allocations: 6"}, []string{"(other) 1124"}},
		{"enough samples", speedscope.Options{Views: []heap.View{heap.Peak}, MaxSamples: 5},
			[]string{"Peak bytes: 1124", "Peak allocations: 6"},
			[]string{"<stack trace unavailable> 9", "etl.run.main 7", "etl.run.main;a.<small> 5",
				"etl.run.main;a.<small>;a.<small> 3", "etl.run.main;a.big 1100"}},
		{"deep", speedscope.Options{Views: []heap.View{heap.Peak}, MaxDepth: 2},
			[]string{"Peak bytes: 1124", "Peak allocations: 6"},
			[]string{"<stack trace unavailable> 9", "etl.run.main 7", "etl.run.main;(stack too deep) 1108"}},
		{"like Memray", speedscope.Options{LikeMemray: true, Views: []heap.View{heap.Live, heap.Peak}, MinBytes: 50},
			[]string{"Memory: 1120", "Allocations: 10"},
			[]string{"main;<small>;<small> 4", "main;<small> 6", "main;big 1102", "main 8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := write(t, model(), tt.o)
			if got := doc.names(); !slices.Equal(got, tt.names) {
				t.Errorf("profiles:\n got %q\nwant %q", got, tt.names)
			}
			if got := doc.lines(0); !slices.Equal(got, tt.lines) {
				t.Errorf("samples:\n got %q\nwant %q", got, tt.lines)
			}
			if doc.Name != model().Header.CommandLine || doc.ActiveProfileIndex != 0 {
				t.Errorf("name %q, active profile %d", doc.Name, doc.ActiveProfileIndex)
			}
		})
	}
}

func TestAggregated(t *testing.T) {
	p := model()
	p.Aggregated = true
	doc := write(t, p, speedscope.Options{})
	if got, want := doc.names(), []string{"Peak bytes: 1124", "Peak allocations: 6", "Leaked bytes: 1130", "Leaked allocations: 12"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := speedscope.Write(&bytes.Buffer{}, p, speedscope.Options{Views: []heap.View{heap.Total}}); err == nil {
		t.Error("total alone: got no error")
	}
}

// Only without a limit of the depth could a chain of calls fill the disk.
func TestLimit(t *testing.T) {
	p := converttest.Chain(50_000, "f")
	var buf bytes.Buffer
	if _, err := speedscope.Write(&buf, p, speedscope.Options{MaxDepth: -1}); err == nil || buf.Len() > 0 {
		t.Errorf("got %d bytes, error %v; want an error before the first", buf.Len(), err)
	}
	if _, err := speedscope.Write(io.Discard, p, speedscope.Options{MaxDepth: 20}); err != nil {
		t.Error(err)
	}
}

func TestSlices(t *testing.T) {
	p := model()
	p.History = &heap.History{From: 1000, Ends: []int64{1250, 3000}}
	for range p.Samples {
		p.History.First = append(p.History.First, len(p.History.Runs))
		p.History.Runs = append(p.History.Runs, heap.Run{Until: 1, Value: heap.Value{Bytes: 10}}, heap.Run{Until: 2})
	}
	p.History.First = append(p.History.First, len(p.History.Runs))
	doc := write(t, p, speedscope.Options{Views: []heap.View{heap.Peak}})
	want := []string{"Peak bytes: 1124", "Peak allocations: 6",
		"Alive after 0.250 s (slice 1 of 2), bytes: 60", "Alive after 2.000 s (slice 2 of 2), bytes: 0"}
	if got := doc.names(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whatever is folded, what each frame that is kept weighs with all it calls stays the same, no
// kept stack is small, and no smaller limit would have been kept.
func TestFolding(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := random(r)
		all := write(t, p, speedscope.Options{Views: []heap.View{heap.Peak}})
		o := speedscope.Options{Views: []heap.View{heap.Peak}, MinBytes: r.Uint64N(60), MaxSamples: r.IntN(20)}
		some := write(t, p, o)
		if o.MaxSamples > 0 && len(some.Profiles[0].Samples) > o.MaxSamples {
			t.Fatalf("seed %d: got %d samples, want at most %d", seed, len(some.Profiles[0].Samples), o.MaxSamples)
		}
		want := held(all)
		for stack, bytes := range held(some) {
			if !strings.HasSuffix(stack, "(other);") && (bytes != want[stack] || bytes < o.MinBytes) {
				t.Fatalf("seed %d: %s holds %d bytes, want %d, and at least %d", seed, stack, bytes, want[stack], o.MinBytes)
			}
		}
		if got, want := some.names(), all.names(); !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %q, want %q", seed, got, want)
		}
	}
}

// held gives what each stack weighs with all that it calls.
func held(d *document) map[string]uint64 {
	out := map[string]uint64{}
	for k, s := range d.Profiles[0].Samples {
		var stack strings.Builder
		for _, f := range s {
			stack.WriteString(d.Shared.Frames[f].Name + ";")
			out[stack.String()] += d.Profiles[0].Weights[k]
		}
	}
	return out
}

func random(r *rand.Rand) *heap.Profile {
	p := &heap.Profile{Stacks: make([]heap.Stack, 1), Threads: make([]heap.Thread, 1)}
	for i := range 5 {
		p.Frames = append(p.Frames, heap.Frame{Function: fmt.Sprintf("f%d", i), File: "/srv/a.py"})
	}
	for i := range 40 {
		parent := uint32(r.IntN(i + 1))
		p.Stacks = append(p.Stacks, heap.Stack{Parent: parent, Frame: uint32(r.IntN(5)), Depth: p.Stacks[parent].Depth + 1})
		if r.IntN(3) > 0 {
			var s heap.Sample
			s.Stack = uint32(i)
			s.Values[heap.Peak] = heap.Value{Count: 1, Bytes: 1 + r.Uint64N(40)}
			p.Samples = append(p.Samples, s)
		}
	}
	return p
}
