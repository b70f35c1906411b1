package gprof2dot_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/gprof2dot"
	"github.com/memvault/memvault/convert/internal/converttest"
	"github.com/memvault/memvault/heap"
)

// document is the whole file.
type document struct {
	Version int
	Costs   []struct{ Description, Unit string }
	Events  []struct {
		Callchain []int
		Cost      []uint64
	}
	Functions []struct{ Name, Module string }
}

func parse(t *testing.T, text []byte) document {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var doc document
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func write(t *testing.T, p *heap.Profile, o gprof2dot.Options) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := gprof2dot.Write(&buf, p, o); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// events are the chains of calls as text, with their cost.
func (d *document) events() []string {
	var out []string
	for _, e := range d.Events {
		var b strings.Builder
		for _, f := range e.Callchain {
			fmt.Fprintf(&b, "%s;%s|", d.Functions[f].Name, d.Functions[f].Module)
		}
		out = append(out, fmt.Sprintf("%v %s", e.Cost, b.String()))
	}
	return out
}

// What is written of all captures is what "memray transform gprof2dot" of their release writes; with
// 1.20.0, which has an order, nothing differs.
func TestLikeMemray(t *testing.T) {
	compared := 0
	for _, c := range converttest.Captures(t) {
		t.Run(c.Name, func(t *testing.T) {
			text, ok := c.Memray(t, "gprof2dot")
			if !ok {
				t.Skipf("Memray %s gives none of it", c.Release())
			}
			p := c.Read(t, converttest.LikeMemray)
			if p.Header.NativeTraces {
				t.Skip("Memray gives hybrid stacks, which need symbols")
			}
			compared++
			got, want := parse(t, write(t, p, gprof2dot.Options{View: heap.Peak})), parse(t, text)
			if c.Release() == "1.20.0" {
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got\n%.2000v\nwant\n%.2000v", got, want)
				}
				return
			}
			g, w := got.events(), want.events()
			slices.Sort(g)
			slices.Sort(w)
			if !slices.Equal(g, w) || !reflect.DeepEqual(got.Costs, want.Costs) || got.Version != want.Version {
				t.Errorf("got %d events\n%.2000q\nwant %d\n%.2000q", len(g), g, len(w), w)
			}
		})
	}
	if compared < 40 {
		t.Errorf("compared %d captures, want 40", compared)
	}
}

// model has a function on two lines, and an allocation without a stack.
func model() *heap.Profile {
	value := func(count, bytes uint64) [heap.Views]heap.Value {
		return [heap.Views]heap.Value{heap.Peak: {Count: count, Bytes: bytes}}
	}
	return &heap.Profile{
		Frames: []heap.Frame{
			{Function: "<module>", File: "/srv/a.py", Line: 1},
			{Function: "load", File: "/srv/a.py", Line: 7},
			{Function: "load", File: "/srv/a.py", Line: 8},
		},
		Stacks:  []heap.Stack{{}, {Depth: 1}, {Parent: 1, Frame: 1, Depth: 2}, {Parent: 1, Frame: 2, Depth: 2}},
		Threads: []heap.Thread{{ID: 1}},
		Samples: []heap.Sample{
			{Stack: 1, Allocator: codec.Malloc, Values: value(1, 50)},
			{Stack: 2, Allocator: codec.Malloc, Values: value(4, 300)},
			{Stack: 3, Allocator: codec.Mmap, Values: value(1, 4096)},
			{Stack: 0, Allocator: codec.Malloc, Values: value(7, 8)},
		},
	}
}

func TestWrite(t *testing.T) {
	const functions = `"functions": [{"name":"\u003cmodule\u003e","module":"/srv/a.py"},` +
		`{"name":"\u003cstack trace unavailable\u003e","module":""},{"name":"load","module":"/srv/a.py"}]`
	tests := []struct {
		name string
		o    gprof2dot.Options
		want string
	}{
		{"bytes", gprof2dot.Options{View: heap.Peak}, `{"version": 0, "costs": [{"description": "Memory", "unit": "bytes"}], "events": [` +
			`{"callchain": [2, 0], "cost": [4396]}, {"callchain": [0], "cost": [50]}, {"callchain": [1], "cost": [8]}], ` + functions},
		{"counts", gprof2dot.Options{View: heap.Peak, Counts: true}, `{"version": 0, "costs": [{"description": "Allocations", "unit": "allocations"}], "events": [` +
			`{"callchain": [1], "cost": [7]}, {"callchain": [2, 0], "cost": [5]}, {"callchain": [0], "cost": [1]}], ` + functions},
		{"nothing", gprof2dot.Options{View: heap.Live}, `{"version": 0, "costs": [{"description": "Memory", "unit": "bytes"}], "events": [], ` + functions},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := write(t, model(), tt.o)
			parse(t, got)
			if text := strings.Join(strings.Fields(string(got)), " "); text != strings.Replace(tt.want+"}", "]}", "] }", 1) && text != tt.want+" }" {
				t.Errorf("got\n%s\nwant\n%s }", text, tt.want)
			}
		})
	}
}

// gprof2dot and Graphviz make a picture of it.
func TestTool(t *testing.T) {
	for _, tool := range []string{"gprof2dot", "dot"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s; .ci/tools installs it", tool)
		}
	}
	p := converttest.Find(t, "memray-1.20.0-py3.12/mixed.bin").Read(t, heap.Options{})
	dot := run(t, write(t, p, gprof2dot.Options{View: heap.Peak}), "gprof2dot", "-f", "json", "-n", "0", "-e", "0")
	if !strings.Contains(string(dot), "peak_then_drop") {
		t.Errorf("gprof2dot: got no function peak_then_drop:\n%.2000s", dot)
	}
	svg := run(t, dot, "dot", "-Tsvg")
	if !strings.Contains(string(svg), "</svg>") || !strings.Contains(string(svg), "peak_then_drop") {
		t.Errorf("dot: got no picture of peak_then_drop: %.500s", svg)
	}
}

func run(t *testing.T, in []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := err.(*exec.ExitError); ok {
			t.Logf("%s", exit.Stderr)
		}
		t.Fatalf("%s: %v", name, err)
	}
	return out
}
