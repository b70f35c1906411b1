package speedscope

import (
	"cmp"
	"slices"
	"sort"

	"github.com/memvault/memvault/convert/internal/stacks"
)

// folding replaces what is small. A node is small if all that it holds, what it calls included, is
// less than a number of bytes; what small nodes hold goes to an entry "other" of the innermost
// node that is not small. If no number is given but a limit on the samples, it is the smallest
// with which they are few enough.
type folding struct {
	tree       *stacks.Tree
	minBytes   uint64
	maxSamples int
	other      uint32   // index of the frame that stands for what was folded
	last       []uint32 // by node: the last one below it, or itself
	held       []uint64 // scratch, by node: bytes, what it calls included
	list       []entry  // scratch
}

func newFolding(t *stacks.Tree, o *Options) *folding {
	return &folding{tree: t, minBytes: o.MinBytes, maxSamples: o.MaxSamples, other: uint32(len(t.Frames))}
}

// fold gives what is left of a list of entries. Both are sorted by node.
func (f *folding) fold(list []entry) []entry {
	if f.minBytes == 0 && (f.maxSamples <= 0 || len(list) <= f.maxSamples) {
		return list
	}
	f.prepare()
	f.each(list, func(n uint32, bytes uint64) { f.held[n] = stacks.AddSaturated(f.held[n], bytes) })
	out := f.at(list, f.minBytes)
	if f.maxSamples > 0 && len(out) > f.maxSamples {
		out = f.at(list, f.enough(list))
	}
	f.each(list, func(n uint32, _ uint64) { f.held[n] = 0 })
	return out
}

// each calls do with every node of every stack but the root, and what the entry weighs.
func (f *folding) each(list []entry, do func(node uint32, bytes uint64)) {
	for i := range list {
		for n := list[i].node; n != 0; n = f.tree.Nodes[n].Parent {
			do(n, list[i].Bytes)
		}
	}
}

// enough gives the smallest number of bytes with which a list becomes short enough. With a larger
// one it never becomes longer: what was an entry or more becomes one at most.
func (f *folding) enough(list []entry) uint64 {
	var sizes []uint64
	for _, bytes := range f.held {
		if bytes > 0 {
			sizes = append(sizes, bytes)
		}
	}
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	i := sort.Search(len(sizes), func(i int) bool { return len(f.at(list, sizes[i])) <= f.maxSamples })
	if i == len(sizes) {
		return 1<<64 - 1 // all of it becomes one
	}
	return sizes[i]
}

// at folds what holds less than so many bytes. The result is valid until the next call.
func (f *folding) at(list []entry, least uint64) []entry {
	out := f.list[:0]
	for _, e := range list {
		n := e.node
		for n != 0 && f.held[n] < least {
			n = f.tree.Nodes[n].Parent
		}
		if n == e.node {
			out = append(out, e)
			continue
		}
		out = append(out, entry{node: n, other: true, Value: e.Value})
	}
	f.list = out
	return f.merge(out)
}

// merge sorts entries and sums equal ones. The "other" of a node is the last below it.
func (f *folding) merge(list []entry) []entry {
	slices.SortFunc(list, func(a, b entry) int {
		c := cmp.Compare(f.position(&a), f.position(&b))
		if c != 0 || a.other != b.other {
			return cmp.Or(c, boolCompare(a.other, b.other))
		}
		return cmp.Compare(f.tree.Nodes[b.node].Depth, f.tree.Nodes[a.node].Depth)
	})
	return sum(list)
}

// position is the node that an entry comes at, or behind.
func (f *folding) position(e *entry) uint32 {
	if e.other {
		return f.last[e.node]
	}
	return e.node
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func (f *folding) prepare() {
	if f.held != nil {
		return
	}
	f.held = make([]uint64, len(f.tree.Nodes))
	f.last = make([]uint32, len(f.tree.Nodes))
	for i := len(f.last) - 1; i >= 0; i-- {
		f.last[i] = max(f.last[i], uint32(i))
		if parent := f.tree.Nodes[i].Parent; i > 0 {
			f.last[parent] = max(f.last[parent], f.last[i])
		}
	}
}
