package report

import (
	"github.com/memvault/memvault/heap"
)

// calls is one view as a tree of calls. Frames that read alike are one, so a node is a
// text stack. Walking each sample's stack to its end could take the square of a
// capture's size, so all reports that need whole stacks go by this tree.
type calls struct {
	frames  []Frame
	threads []heap.Thread
	split   bool
	// nodes: a parent comes before its children; index 0 is the root. With threads split the
	// children of the root are the threads.
	nodes []callNode
}

type callNode struct {
	parent uint32
	// frame is an index into calls.frames, or into calls.threads plus 1 where thread is set.
	frame  uint32
	thread bool
	// by is the thread of all rows of the node and below it, plus 1, or manyThreads. Rows that
	// Profile.Rows has merged are of the first thread.
	by uint32
	// own is what was allocated in the frame itself, total also in what it called.
	own, total heap.Value
}

// callBuilder makes calls of rows.
type callBuilder struct {
	p *heap.Profile
	*calls
	ofFrame []uint32             // of p.Frames
	byStack map[rootedKey]uint32 // node of a stack of p
	byChild map[childKey]uint32
	walk    []uint32 // scratch
}

// rootedKey: below which node a stack was entered, how many frames of it are hidden, and the stack.
type rootedKey struct{ root, hidden, stack uint32 }

type childKey struct {
	parent, frame uint32
	thread        bool
}

// newCalls makes the tree of rows, which Profile.Rows gave.
func newCalls(p *heap.Profile, rows []heap.Row, splitThreads bool) *calls {
	b := &callBuilder{
		p: p, calls: &calls{threads: p.Threads, split: splitThreads, nodes: make([]callNode, 1)},
		byStack: map[rootedKey]uint32{}, byChild: map[childKey]uint32{},
	}
	b.frames, b.ofFrame = frames(p)
	for i := range rows {
		r := &rows[i]
		root := uint32(0)
		if splitThreads {
			root = b.child(childKey{0, r.Sample.Thread, true})
		}
		n := &b.nodes[b.node(root, r.Sample)]
		n.own = sum(n.own, r.Value)
		n.see(r.Sample.Thread + 1)
	}
	for i := len(b.nodes) - 1; i >= 0; i-- {
		n := &b.nodes[i]
		n.total = sum(n.total, n.own)
		if i > 0 {
			parent := &b.nodes[n.parent]
			parent.total = sum(parent.total, n.total)
			parent.see(n.by)
		}
	}
	return b.calls
}

const manyThreads = 1<<32 - 1

// see notes a thread of the node.
func (n *callNode) see(by uint32) {
	switch {
	case by == 0:
	case n.by == 0:
		n.by = by
	case n.by != by:
		n.by = manyThreads
	}
}

// node gives the node of the stack of s below root.
func (b *callBuilder) node(root uint32, s *heap.Sample) uint32 {
	hidden := uint32(0)
	if b.p.Threads[s.Thread].Main {
		hidden = uint32(min(b.p.Header.SkippedFrames, 1<<32-1))
	}
	b.walk = b.walk[:0]
	at := root
	for i := s.Stack; i != 0 && b.p.Stacks[i].Depth > hidden; i = b.p.Stacks[i].Parent {
		if n, ok := b.byStack[rootedKey{root, hidden, i}]; ok {
			at = n
			break
		}
		b.walk = append(b.walk, i)
	}
	for k := len(b.walk) - 1; k >= 0; k-- {
		i := b.walk[k]
		at = b.child(childKey{at, b.ofFrame[b.p.Stacks[i].Frame], false})
		b.byStack[rootedKey{root, hidden, i}] = at
	}
	return at
}

func (b *callBuilder) child(k childKey) uint32 {
	n, ok := b.byChild[k]
	if !ok {
		n = uint32(len(b.nodes))
		b.byChild[k] = n
		b.nodes = append(b.nodes, callNode{parent: k.parent, frame: k.frame, thread: k.thread})
	}
	return n
}

// children gives the children of each node: those of i are list[first[i]:first[i+1]], in
// the order of the nodes.
func (c *calls) children() (first, list []uint32) {
	first = make([]uint32, len(c.nodes)+1)
	for _, n := range c.nodes[1:] {
		first[n.parent+1]++
	}
	for i := range c.nodes {
		first[i+1] += first[i]
	}
	list = make([]uint32, len(c.nodes)-1)
	next := append([]uint32(nil), first...)
	for i := 1; i < len(c.nodes); i++ {
		parent := c.nodes[i].parent
		list[next[parent]] = uint32(i)
		next[parent]++
	}
	return first, list
}

// depthFirst calls enter for each node but the root before those below it, and leave after them.
func (c *calls) depthFirst(enter, leave func(node uint32)) {
	first, list := c.children()
	next := append([]uint32(nil), first...)
	path := []uint32{0}
	for len(path) > 0 {
		at := path[len(path)-1]
		if next[at] < first[at+1] {
			child := list[next[at]]
			next[at]++
			enter(child)
			path = append(path, child)
			continue
		}
		path = path[:len(path)-1]
		if at != 0 {
			leave(at)
		}
	}
}
