package report

import (
	"cmp"
	"slices"

	"github.com/memvault/memvault/heap"
)

// Tree is who called whom, in the keys of the data behind `memray tree`.
type Tree struct {
	View string    `json:"view"`
	Root *TreeNode `json:"root"`
	// Elided is what Root counts but its children do not, since N left it out.
	Elided Elided `json:"elided_locations"`

	options TreeOptions
	hide    bool // what Memray finds not interesting
}

// TreeNode is a frame, called from its parent.
type TreeNode struct {
	Location    Location `json:"location"`
	Value       uint64   `json:"value"` // in bytes
	Allocations uint64   `json:"n_allocations"`
	// Thread is "merged thread" if there are several.
	Thread       string      `json:"thread_id"`
	Interesting  bool        `json:"interesting"`
	ImportSystem bool        `json:"import_system"`
	Children     []*TreeNode `json:"children"` // largest first
}

// Location is a Frame that JSON has as [function, file, line].
type Location Frame

// MarshalJSON gives the array.
func (l Location) MarshalJSON() ([]byte, error) {
	return marshal([]any{l.Function, l.File, l.Line})
}

// Elided is rows that are not shown.
type Elided struct {
	Cutoff      int    `json:"cutoff"`
	Locations   int    `json:"n_locations"`
	Allocations uint64 `json:"n_allocations"`
	Bytes       uint64 `json:"n_bytes"`
}

// TreeOptions add to Options what is printed; all of it is in the struct.
type TreeOptions struct {
	// Options.N is how many of the largest stacks are shown; those of different threads count apart.
	Options
	// Depth is how many levels are printed; 0 is all. A call that is the only one at its
	// place is on the level of its caller.
	Depth int
	// MinPercent is the share of all bytes below which calls are printed as one line.
	MinPercent float64
}

// memrayBiggest is how many stacks Memray's tree shows unless told otherwise.
const memrayBiggest = 200

// memrayDepth is how many frames it shows of one.
const memrayDepth = 402

// NewTree makes the tree of a view. If p is like Memray's and o.N is 0, it is 200, and stacks that
// the capture does not tell have no node.
func NewTree(p *heap.Profile, o TreeOptions) *Tree {
	rows := p.Rows(o.View, false)
	slices.SortStableFunc(rows, func(a, b heap.Row) int { return cmp.Compare(b.Bytes, a.Bytes) })
	if p.LikeMemray && o.N == 0 {
		o.N = memrayBiggest
	}
	shown := firstN(rows, o.N)
	t := &Tree{View: o.View.String(), options: o, hide: p.LikeMemray}
	t.elide(rows[len(shown):])
	b := treeBuilder{calls: newCalls(p, shown, o.SplitThreads), limit: maxFrames, mark: true}
	if p.LikeMemray {
		b.limit, b.mark = memrayDepth, false
	}
	b.first, b.list = b.children()
	t.Root = b.node(0, 0)
	t.Root.Value = saturated(t.Root.Value, t.Elided.Bytes)
	t.Root.Allocations = saturated(t.Root.Allocations, t.Elided.Allocations)
	return t
}

func (t *Tree) elide(rows []heap.Row) {
	t.Elided.Cutoff = t.options.N
	t.Elided.Locations = len(rows)
	for i := range rows {
		t.Elided.Allocations = saturated(t.Elided.Allocations, rows[i].Count)
		t.Elided.Bytes = saturated(t.Elided.Bytes, rows[i].Bytes)
	}
}

type treeBuilder struct {
	*calls
	first, list []uint32 // of children
	limit       int
	mark        bool // what is cut, and what has no stack
}

// node gives node i, which is so many frames deep, with what is below it.
func (b *treeBuilder) node(i uint32, depth int) *TreeNode {
	n := &b.nodes[i]
	out := &TreeNode{
		Location: Location{Function: "<ROOT>"}, Value: n.total.Bytes, Allocations: n.total.Count,
		Thread: b.threadOf(n), Interesting: true, Children: []*TreeNode{},
	}
	switch {
	case n.thread:
		out.Location.Function = b.threads[n.frame].String()
	case i != 0:
		f := &b.frames[n.frame]
		out.Location = Location(*f)
		out.ImportSystem = f.importSystem()
		out.Interesting = !out.ImportSystem && f.interesting()
		depth++
	}
	below := b.list[b.first[i]:b.first[i+1]]
	if depth == b.limit && len(below) > 0 {
		b.cut(out, n)
		return out
	}
	for _, c := range below {
		out.Children = append(out.Children, b.node(c, depth))
	}
	if b.mark && (i == 0 || n.thread) && n.own != (heap.Value{}) {
		out.add(noStack, n.own)
	}
	slices.SortStableFunc(out.Children, func(a, b *TreeNode) int { return cmp.Compare(b.Value, a.Value) })
	return out
}

// cut puts one node in place of all that n called.
func (b *treeBuilder) cut(out *TreeNode, n *callNode) {
	if b.mark {
		out.add(tooDeep, heap.Value{Count: n.total.Count - n.own.Count, Bytes: n.total.Bytes - n.own.Bytes})
	}
}

func (n *TreeNode) add(name string, v heap.Value) {
	n.Children = append(n.Children, &TreeNode{
		Location: Location{Function: name}, Value: v.Bytes, Allocations: v.Count,
		Thread: n.Thread, Interesting: true, Children: []*TreeNode{},
	})
}

func (b *treeBuilder) threadOf(n *callNode) string {
	switch n.by {
	case 0:
		return ""
	case manyThreads:
		return mergedThread
	}
	return b.threads[n.by-1].String()
}
