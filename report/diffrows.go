package report

import (
	"github.com/memvault/memvault/heap"
)

// diffBuilder sums two captures up by what rows are of. Functions and files are matched by the
// names of their modules, so that captures of different installations can be
// compared; where the file does not tell a module, by the file.
type diffBuilder struct {
	by    DiffBy
	names interner[diffName]
	rows  []diffValues
	index map[diffKey]uint32 // to rows
	nodes []diffNode         // of stacks; index 0 is no stack
	child map[diffNode]uint32
}

// diffName is what a frame is matched by; file is the name of a module where there is one.
type diffName struct{ function, file string }

// diffKey is a name or a stack.
type diffKey struct{ name, node uint32 }

// diffNode is a stack of functions: a name, called from another stack.
type diffNode struct{ parent, name uint32 }

type diffValues struct {
	diffKey
	sides
	file string // as the latest capture that has it tells
}

func newDiffBuilder(by DiffBy) *diffBuilder {
	b := &diffBuilder{by: by, index: map[diffKey]uint32{}, nodes: make([]diffNode, 1), child: map[diffNode]uint32{}}
	b.names.of(diffName{function: noStack})
	return b
}

// add adds the samples of a capture to one side.
func (b *diffBuilder) add(p *heap.Profile, side int) {
	f := b.frames(p)
	if b.by == ByStack {
		b.addStacks(p, f, side)
		return
	}
	for i := range p.Samples {
		s := &p.Samples[i]
		k, file := diffKey{}, ""
		if s.Stack != 0 {
			frame := p.Stacks[s.Stack].Frame
			k.name, file = f[frame], p.Frames[frame].File
		}
		b.row(k, file).add(p, i, side)
	}
}

func (v *diffValues) add(p *heap.Profile, i, side int) {
	for view := range heap.View(heap.Views) {
		v.sides[side][view] = sum(v.sides[side][view], p.Value(i, view))
	}
}

func (b *diffBuilder) row(k diffKey, file string) *diffValues {
	i, ok := b.index[k]
	if !ok {
		i = uint32(len(b.rows))
		b.index[k] = i
		b.rows = append(b.rows, diffValues{diffKey: k})
	}
	b.rows[i].file = file
	return &b.rows[i]
}

// frames gives the name of each frame of p.
func (b *diffBuilder) frames(p *heap.Profile) []uint32 {
	m := heap.NewModules(&p.Header)
	out := make([]uint32, len(p.Frames))
	for i := range p.Frames {
		f := &p.Frames[i]
		mod := m.Of(f.File)
		n := diffName{function: mod.Qualified(f.Function), file: mod.Name}
		if mod.Place == heap.PlaceUnknown {
			n.file = f.File
		}
		if b.by == ByFile {
			n.function = ""
		}
		out[i] = b.names.of(n)
	}
	return out
}

// addStacks adds the samples by their stacks, which are looked at once each.
func (b *diffBuilder) addStacks(p *heap.Profile, f []uint32, side int) {
	var hidden [2]uint32 // of threads that are not the main one, and of that
	hidden[1] = uint32(min(p.Header.SkippedFrames, 1<<32-1))
	var nodes [2][]uint32 // beside Profile.Stacks
	for main := range nodes {
		nodes[main] = make([]uint32, len(p.Stacks))
		for i := 1; i < len(p.Stacks); i++ {
			s := &p.Stacks[i]
			if s.Depth > hidden[main] {
				nodes[main][i] = b.node(diffNode{nodes[main][s.Parent], f[s.Frame]})
			}
		}
	}
	for i := range p.Samples {
		s := &p.Samples[i]
		main := 0
		if p.Threads[s.Thread].Main {
			main = 1
		}
		k, file := diffKey{node: nodes[main][s.Stack]}, ""
		if k.node != 0 {
			k.name, file = b.nodes[k.node].name, p.Frames[p.Stacks[s.Stack].Frame].File
		}
		b.row(k, file).add(p, i, side)
	}
}

func (b *diffBuilder) node(n diffNode) uint32 {
	i, ok := b.child[n]
	if !ok {
		i = uint32(len(b.nodes))
		b.child[n] = i
		b.nodes = append(b.nodes, n)
	}
	return i
}

// name tells what a row is of; stacks are cut at so many frames.
func (b *diffBuilder) name(r *diffValues, limit int) (function, file string, stack []string) {
	function, file = b.names.values[r.name].function, r.file
	if b.by == ByFile && r.name == 0 {
		return noStack, "", nil
	}
	for i := r.node; i != 0; i = b.nodes[i].parent {
		if len(stack) == limit {
			return function, file, append(stack, tooDeep)
		}
		stack = append(stack, b.names.values[b.nodes[i].name].function)
	}
	return function, file, stack
}
