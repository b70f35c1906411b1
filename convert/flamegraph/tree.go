package flamegraph

import "github.com/memvault/memvault/heap"

// Frames that stand for what is not there.
const (
	noStack = "<stack trace unavailable>"
	tooDeep = "<STACK TOO DEEP>"
)

// memrayDepth is the depth at which Memray's flame graph ends a stack with the frame tooDeep,
// under Python's usual recursion limit (reporters/flamegraph.py, MAX_STACKS).
const memrayDepth = 402

// line tells frames apart as a reader would: by what they show.
type line struct {
	function, file string
	line           int32
}

// tree merges the stacks of a Profile by their text. Node 0 is the root.
type tree struct {
	p        *heap.Profile
	nodes    []node
	children map[node]uint32
	lines    []line
	lineIDs  map[line]uint32
	byFrame  []uint32    // beside p.Frames: index into lines, plus 1; 0 is not known yet
	known    [2][]uint32 // beside p.Stacks: the node of it with and without hidden frames; 0 is not known yet
	path     []uint32    // reused
	maxDepth uint32
}

type node struct {
	parent uint32
	line   uint32
}

func newTree(p *heap.Profile) *tree {
	t := &tree{
		p: p, nodes: make([]node, 1), children: map[node]uint32{}, lineIDs: map[line]uint32{},
		byFrame: make([]uint32, len(p.Frames)), maxDepth: 1<<32 - 1,
	}
	if p.LikeMemray {
		t.maxDepth = memrayDepth
	}
	t.known[0] = make([]uint32, len(p.Stacks))
	t.known[1] = t.known[0]
	if p.Header.SkippedFrames > 0 {
		t.known[1] = make([]uint32, len(p.Stacks))
	}
	return t
}

// node gives the node of the stack of s. Each node of the capture's tree is looked up once,
// so chains of calls that never return cost no more than their length.
func (t *tree) node(s *heap.Sample) uint32 {
	hidden, known := uint32(0), t.known[0]
	if t.p.Threads[s.Thread].Main { // the rule of heap.Profile.AppendStack
		hidden, known = uint32(min(t.p.Header.SkippedFrames, 1<<32-1)), t.known[1]
	}
	stacks, n, out := t.p.Stacks, s.Stack, uint32(0)
	t.path = t.path[:0]
	for ; n != 0 && stacks[n].Depth > hidden; n = stacks[n].Parent {
		if known[n] != 0 {
			out = known[n]
			break
		}
		t.path = append(t.path, n)
	}
	for i := len(t.path) - 1; i >= 0; i-- {
		n := t.path[i]
		out = t.step(out, &stacks[n], stacks[n].Depth-hidden)
		known[n] = out
	}
	if out == 0 {
		return t.child(0, t.line(line{function: noStack}))
	}
	return out
}

// step gives the child of a node at a depth, or the node itself below memrayDepth.
func (t *tree) step(parent uint32, s *heap.Stack, depth uint32) uint32 {
	switch {
	case depth > t.maxDepth:
		return parent
	case depth == t.maxDepth:
		return t.child(parent, t.line(line{function: tooDeep, file: "..."}))
	}
	i := t.byFrame[s.Frame]
	if i == 0 {
		f := &t.p.Frames[s.Frame]
		i = t.line(line{f.Function, f.File, max(f.Line, 0)}) + 1
		t.byFrame[s.Frame] = i
	}
	return t.child(parent, i-1)
}

func (t *tree) child(parent, line uint32) uint32 {
	n := node{parent, line}
	i, ok := t.children[n]
	if !ok {
		i = uint32(len(t.nodes))
		t.nodes = append(t.nodes, n)
		t.children[n] = i
	}
	return i
}

func (t *tree) line(l line) uint32 {
	i, ok := t.lineIDs[l]
	if !ok {
		i = uint32(len(t.lines))
		t.lines = append(t.lines, l)
		t.lineIDs[l] = i
	}
	return i
}

// preorder gives the nodes but the root so that each follows its parent or a sibling's
// subtree, children in the order of their making; and for each how many levels its parent
// is above the node before.
func (t *tree) preorder() (order, up []uint32) {
	first, next := make([]uint32, len(t.nodes)), make([]uint32, len(t.nodes))
	for i := uint32(len(t.nodes) - 1); i > 0; i-- {
		parent := t.nodes[i].parent
		next[i], first[parent] = first[parent], i
	}
	order, up = make([]uint32, 0, len(t.nodes)-1), make([]uint32, 0, len(t.nodes)-1)
	climbed := uint32(0)
	for n := first[0]; n != 0; {
		order, up = append(order, n), append(up, climbed)
		climbed = 0
		if first[n] != 0 {
			n = first[n]
			continue
		}
		for n != 0 && next[n] == 0 {
			n = t.nodes[n].parent
			climbed++
		}
		if n != 0 {
			n = next[n]
			climbed++
		}
	}
	return order, up
}
