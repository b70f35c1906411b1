package stacks

import (
	"cmp"
	"math"
	"slices"

	"github.com/memvault/memvault/heap"
)

// builder collects the nodes of a tree, in the order in which they are met.
type builder struct {
	p        *heap.Profile
	o        Options
	modules  *heap.Modules
	frames   []Frame
	frameIDs map[Frame]uint32
	byFrame  []uint32 // beside p.Frames: index into frames, plus 1; 0 is not known yet
	nodes    []Node
	children map[Node]uint32 // by parent and frame
	known    [2][]uint32     // beside p.Stacks; 0 is not known yet
	path     []uint32        // scratch
}

func newBuilder(p *heap.Profile, o Options) *builder {
	b := &builder{
		p: p, o: o, modules: heap.NewModules(&p.Header), frameIDs: map[Frame]uint32{},
		byFrame: make([]uint32, len(p.Frames)), nodes: make([]Node, 1), children: map[Node]uint32{},
	}
	b.known[0] = make([]uint32, len(p.Stacks))
	b.known[1] = b.known[0]
	if p.Header.SkippedFrames > 0 {
		b.known[1] = make([]uint32, len(p.Stacks))
	}
	return b
}

// add makes the nodes of the stack of s. Each stack of the Profile is looked at once, so chains
// of calls that never return cost no more than their length.
func (b *builder) add(s *heap.Sample) {
	which := mainIndex(b.p, s)
	known, hidden := b.known[which], uint32(0)
	if which == 1 { // the rule of heap.Profile.AppendStack
		hidden = uint32(min(b.p.Header.SkippedFrames, math.MaxUint32))
	}
	stacks, n, at := b.p.Stacks, s.Stack, uint32(0)
	b.path = b.path[:0]
	for ; n != 0 && stacks[n].Depth > hidden; n = stacks[n].Parent {
		if known[n] != 0 {
			at = known[n]
			break
		}
		b.path = append(b.path, n)
	}
	for _, n := range slices.Backward(b.path) {
		at = b.step(at, &stacks[n])
		known[n] = at
	}
	if at == 0 {
		known[s.Stack] = b.child(0, b.frame(Frame{Name: Unavailable}))
	}
}

// step gives the node of s below that of its caller. Where stacks are cut that is one for all
// that would be deeper.
func (b *builder) step(parent uint32, s *heap.Stack) uint32 {
	limit := uint32(b.o.MaxDepth)
	if limit > 0 && b.nodes[parent].Depth >= limit {
		return parent
	}
	if limit > 0 && b.nodes[parent].Depth == limit-1 {
		return b.child(parent, b.frame(Frame{Name: TooDeep}))
	}
	i := b.byFrame[s.Frame]
	if i == 0 {
		i = b.frame(b.shown(&b.p.Frames[s.Frame])) + 1
		b.byFrame[s.Frame] = i
	}
	return b.child(parent, i-1)
}

func (b *builder) shown(f *heap.Frame) Frame {
	out := Frame{Name: cmp.Or(f.Function, "<unknown>"), File: f.File, Line: max(f.Line, 0)}
	if b.o.NoLines {
		out.Line = 0
	}
	if !b.o.BareNames {
		out.Name = b.modules.Of(f.File).Qualified(f.Function)
	}
	return out
}

func (b *builder) frame(f Frame) uint32 {
	i, ok := b.frameIDs[f]
	if !ok {
		i = uint32(len(b.frames))
		b.frames = append(b.frames, f)
		b.frameIDs[f] = i
	}
	return i
}

func (b *builder) child(parent, frame uint32) uint32 {
	k := Node{Parent: parent, Frame: frame}
	i, ok := b.children[k]
	if !ok {
		i = uint32(len(b.nodes))
		b.nodes = append(b.nodes, Node{Parent: parent, Frame: frame, Depth: b.nodes[parent].Depth + 1})
		b.children[k] = i
	}
	return i
}

// sortFrames puts the frames into t and tells where each has gone.
func (b *builder) sortFrames(t *Tree) (rank []uint32) {
	order := make([]uint32, len(b.frames))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int { return compareFrames(b.frames[x], b.frames[y]) })
	rank = make([]uint32, len(order))
	t.Frames = make([]Frame, len(order))
	for i, old := range order {
		rank[old] = uint32(i)
		t.Frames[i] = b.frames[old]
	}
	return rank
}

// sortNodes puts the nodes into t, in preorder with siblings in the order of their frames,
// and tells where each has gone.
func (b *builder) sortNodes(t *Tree, rank []uint32) (number []uint32) {
	first, next := b.siblings(rank)
	number = make([]uint32, len(b.nodes))
	t.Nodes = append(make([]Node, 0, len(b.nodes)), Node{})
	for n := first[0]; n != 0; {
		old := b.nodes[n]
		number[n] = uint32(len(t.Nodes))
		t.Nodes = append(t.Nodes, Node{Parent: number[old.Parent], Frame: rank[old.Frame], Depth: old.Depth})
		if first[n] != 0 {
			n = first[n]
			continue
		}
		for n != 0 && next[n] == 0 {
			n = b.nodes[n].Parent
		}
		n = next[n] // that of the root is 0
	}
	return number
}

// siblings links the children of each node by the order of their frames.
func (b *builder) siblings(rank []uint32) (first, next []uint32) {
	byFrame := make([]uint32, len(rank)) // the latest node of a frame
	before := make([]uint32, len(b.nodes))
	for i := 1; i < len(b.nodes); i++ {
		f := rank[b.nodes[i].Frame]
		before[i], byFrame[f] = byFrame[f], uint32(i)
	}
	first, next = make([]uint32, len(b.nodes)), make([]uint32, len(b.nodes))
	for _, n := range slices.Backward(byFrame) {
		for ; n != 0; n = before[n] {
			parent := b.nodes[n].Parent
			next[n], first[parent] = first[parent], n
		}
	}
	return first, next
}
