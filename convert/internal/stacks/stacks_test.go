package stacks_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/internal/converttest"
	"github.com/memvault/memvault/convert/internal/stacks"
	"github.com/memvault/memvault/heap"
)

// lines gives the nodes but the root as stacks, in their order.
func lines(t *stacks.Tree) []string {
	var out []string
	for i := range t.Nodes[1:] {
		out = append(out, line(t, uint32(i+1)))
	}
	return out
}

func line(t *stacks.Tree, node uint32) string {
	var names []string
	for _, f := range t.AppendPath(nil, node) {
		names = append(names, fmt.Sprintf("%s:%d", t.Frames[f].Name, t.Frames[f].Line))
	}
	return strings.Join(names, ";")
}

// model has frames in a bad order, two that show the same, and a main thread whose outer frame is hidden.
func model() *heap.Profile {
	return &heap.Profile{
		Header: codec.Header{Version: 13, SkippedFrames: 1},
		Frames: []heap.Frame{
			{Function: "z", File: "/srv/a.py", Line: 1},
			{Function: "b", File: "/srv/a.py", Line: 2},
			{Function: "b", File: "/srv/a.py", Line: 2, Entry: true},
			{Function: "a", File: "/srv/a.py", Line: -1},
			{Function: "", File: ""},
		},
		Stacks: []heap.Stack{
			{}, {Frame: 0, Depth: 1}, {Parent: 1, Frame: 1, Depth: 2}, {Parent: 1, Frame: 2, Depth: 2},
			{Parent: 2, Frame: 3, Depth: 3}, {Parent: 3, Frame: 4, Depth: 3},
		},
		Threads: []heap.Thread{{ID: 1, Main: true}, {ID: 2}},
		Samples: []heap.Sample{
			{Stack: 5, Thread: 1}, {Stack: 4, Thread: 1}, {Stack: 2, Thread: 0}, {Stack: 3, Thread: 1}, {Stack: 1, Thread: 0}, {Stack: 0, Thread: 1},
		},
	}
}

func TestTree(t *testing.T) {
	tests := []struct {
		name    string
		o       stacks.Options
		nodes   []string
		samples []string
	}{
		{"names", stacks.Options{},
			[]string{"<stack trace unavailable>:0", "a.b:2", "a.z:1", "a.z:1;a.b:2", "a.z:1;a.b:2;<unknown>:0", "a.z:1;a.b:2;a.a:0"},
			[]string{"a.z:1;a.b:2;<unknown>:0", "a.z:1;a.b:2;a.a:0", "a.b:2", "a.z:1;a.b:2", "<stack trace unavailable>:0", "<stack trace unavailable>:0"}},
		{"bare names, no lines", stacks.Options{BareNames: true, NoLines: true},
			[]string{"<stack trace unavailable>:0", "b:0", "z:0", "z:0;b:0", "z:0;b:0;<unknown>:0", "z:0;b:0;a:0"},
			[]string{"z:0;b:0;<unknown>:0", "z:0;b:0;a:0", "b:0", "z:0;b:0", "<stack trace unavailable>:0", "<stack trace unavailable>:0"}},
		{"cut", stacks.Options{BareNames: true, MaxDepth: 2},
			[]string{"<stack trace unavailable>:0", "b:2", "z:1", "z:1;(stack too deep):0"},
			[]string{"z:1;(stack too deep):0", "z:1;(stack too deep):0", "b:2", "z:1;(stack too deep):0", "<stack trace unavailable>:0", "<stack trace unavailable>:0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := model()
			tree := stacks.New(p, tt.o)
			if got := lines(tree); !slices.Equal(got, tt.nodes) {
				t.Errorf("nodes:\n got %q\nwant %q", got, tt.nodes)
			}
			var got []string
			for i := range p.Samples {
				got = append(got, line(tree, tree.Node(&p.Samples[i])))
			}
			if !slices.Equal(got, tt.samples) {
				t.Errorf("samples:\n got %q\nwant %q", got, tt.samples)
			}
		})
	}
}

// In trees of random profiles, samples keep their stacks, nodes come in the order of their stacks, and
// sums are those of the samples.
func TestRandom(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := random(r)
		checkTree(t, fmt.Sprintf("seed %d", seed), p)
	}
}

func TestCaptures(t *testing.T) {
	for _, c := range converttest.Captures(t) {
		checkTree(t, c.Name, c.Read(t, heap.Options{}))
	}
}

func checkTree(t *testing.T, name string, p *heap.Profile) {
	t.Helper()
	tree := stacks.New(p, stacks.Options{BareNames: true})
	want := make([]heap.Value, len(tree.Nodes))
	for i := range p.Samples {
		s := &p.Samples[i]
		var frames []string
		for _, f := range slices.Backward(p.AppendStack(nil, s)) {
			frame := &p.Frames[f]
			frames = append(frames, fmt.Sprintf("%s:%d", frame.Function, max(frame.Line, 0)))
		}
		if len(frames) == 0 {
			frames = []string{stacks.Unavailable + ":0"}
		}
		n := tree.Node(s)
		if got := line(tree, n); got != strings.Join(frames, ";") {
			t.Fatalf("%s: sample %d: got %s, want %s", name, i, got, strings.Join(frames, ";"))
		}
		want[n] = stacks.Add(want[n], s.Values[heap.Peak])
	}
	if got := tree.Sum(heap.Peak); !slices.Equal(got, want) {
		t.Errorf("%s: sums: got %v, want %v", name, got, want)
	}
	var before []uint32
	for i := range tree.Nodes[1:] {
		path := tree.AppendPath(nil, uint32(i+1))
		if n := tree.Nodes[i+1]; slices.Compare(before, path) >= 0 || int(n.Depth) != len(path) || n.Parent > uint32(i) {
			t.Fatalf("%s: node %d: %+v, path %v behind %v", name, i+1, n, path, before)
		}
		before = path
	}
}

func random(r *rand.Rand) *heap.Profile {
	p := &heap.Profile{
		Header: codec.Header{SkippedFrames: uint64(r.IntN(3))},
		Stacks: make([]heap.Stack, 1), Threads: []heap.Thread{{ID: 1, Main: true}, {ID: 2}},
	}
	for i := range 6 {
		p.Frames = append(p.Frames, heap.Frame{Function: fmt.Sprintf("f%d", i%4), File: "a.py", Line: int32(i % 2)})
	}
	for i := range 1 + r.IntN(40) {
		parent := uint32(r.IntN(i + 1))
		p.Stacks = append(p.Stacks, heap.Stack{Parent: parent, Frame: uint32(r.IntN(6)), Depth: p.Stacks[parent].Depth + 1})
	}
	for range r.IntN(40) {
		s := heap.Sample{Stack: uint32(r.IntN(len(p.Stacks))), Thread: uint32(r.IntN(2))}
		s.Values[heap.Peak] = heap.Value{Count: r.Uint64N(3), Bytes: r.Uint64N(9)}
		p.Samples = append(p.Samples, s)
	}
	return p
}

func TestCheckSize(t *testing.T) {
	if err := stacks.CheckSize(1 << 20); err != nil {
		t.Errorf("a million frames: %v", err)
	}
	if err := stacks.CheckSize(1 << 40); err == nil {
		t.Error("more frames than a disk holds: got no error")
	}
}

func TestAdd(t *testing.T) {
	const most = 1<<64 - 1
	if got, want := stacks.Add(heap.Value{Count: most, Bytes: 2}, heap.Value{Count: 1, Bytes: 3}), (heap.Value{Count: most, Bytes: 5}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
