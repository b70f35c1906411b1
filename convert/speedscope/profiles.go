package speedscope

import (
	"cmp"
	"slices"

	"github.com/memvault/memvault/convert/internal/stacks"
	"github.com/memvault/memvault/heap"
)

// entry is what a stack weighs.
type entry struct {
	node uint32
	// other tells that it is what was folded below node, not node itself.
	other bool
	heap.Value
}

func bytesOf(e *entry) uint64  { return e.Bytes }
func countsOf(e *entry) uint64 { return e.Count }

// source makes lists of entries, sorted by node.
type source struct {
	p       *heap.Profile
	tree    *stacks.Tree
	folding *folding
}

// view gives the entries of a view, over all threads.
func (s *source) view(v heap.View) []entry {
	var list []entry
	for i, value := range s.tree.Sum(v) {
		if value != (heap.Value{}) {
			list = append(list, entry{node: uint32(i), Value: value})
		}
	}
	return list
}

// eachThread calls f with the entries of each thread, those that hold most bytes first.
func (s *source) eachThread(v heap.View, f func(thread string, list []entry)) {
	byThread := map[uint32][]entry{}
	held := map[uint32]uint64{}
	for _, r := range s.p.Rows(v, false) {
		t := r.Sample.Thread
		byThread[t] = append(byThread[t], entry{node: s.tree.Node(r.Sample), Value: r.Value})
		held[t] = stacks.AddSaturated(held[t], r.Bytes)
	}
	var threads []uint32
	for t := range byThread {
		threads = append(threads, t)
	}
	slices.SortFunc(threads, func(a, b uint32) int { return cmp.Or(cmp.Compare(held[b], held[a]), cmp.Compare(a, b)) })
	for _, t := range threads {
		f(s.p.Threads[t].String(), merged(byThread[t]))
	}
}

// merged sorts entries by node and sums those of one node.
func merged(list []entry) []entry {
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.node, b.node) })
	return sum(list)
}

// sum sums neighbours that are of the same stack.
func sum(list []entry) []entry {
	out := list[:0]
	for _, e := range list {
		if n := len(out); n > 0 && out[n-1].node == e.node && out[n-1].other == e.other {
			out[n-1].Value = stacks.Add(out[n-1].Value, e.Value)
			continue
		}
		out = append(out, e)
	}
	return out
}

// slice gives the entries of a slice of the History.
func (s *source) slice(i int) []entry {
	var list []entry
	for k := range s.p.Samples {
		if v := s.p.History.At(k, i); v != (heap.Value{}) {
			list = append(list, entry{node: s.tree.Node(&s.p.Samples[k]), Value: v})
		}
	}
	return merged(list)
}

// pair writes the two profiles of a view, one in bytes and one in allocations.
func (f *file) pair(t *stacks.Tree, other uint32, title, thread string, list []entry) {
	if thread != "" {
		thread = ", thread " + thread
	}
	f.profile(t, other, title+" bytes"+thread, "bytes", list, bytesOf)
	f.profile(t, other, title+" allocations"+thread, "none", list, countsOf)
}

// profile writes one. Stacks that weigh nothing are left out.
func (f *file) profile(t *stacks.Tree, other uint32, name, unit string, list []entry, weight func(*entry) uint64) {
	total := uint64(0)
	for i := range list {
		total = stacks.AddSaturated(total, weight(&list[i]))
	}
	f.beginProfile(name, unit, total)
	var path []uint32
	first := true
	for i := range list {
		if e := &list[i]; weight(e) > 0 {
			path = t.AppendPath(path[:0], e.node)
			if e.other {
				path = append(path, other)
			}
			f.sample(first, path)
			first = false
		}
	}
	f.beginWeights()
	first = true
	for i := range list {
		if w := weight(&list[i]); w > 0 {
			f.weight(first, w)
			first = false
		}
	}
	f.endProfile()
}
