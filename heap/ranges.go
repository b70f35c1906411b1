package heap

import (
	"math"
	"math/rand/v2"
)

// piece is what is left of a mapping: the half-open range of addresses [start, end).
type piece struct {
	start, end uint64
	seq        uint32 // as in block
	sample     uint32 // as in block
	whole      bool   // nothing has been unmapped from it yet
}

// rangeTree holds the live pieces, which may overlap, in a treap ordered by start; each
// node knows the largest end below it. Finding the pieces that a range hits costs
// O(log n + hits). (A B-tree does not do: overlapping pieces need the largest end.)
type rangeTree struct {
	nodes []rangeNode // index 0 is nil
	root  uint32
	free  uint32 // list of unused nodes, through left
}

type rangeNode struct {
	piece
	maxEnd      uint64
	left, right uint32
	priority    uint32
}

func newRangeTree() rangeTree { return rangeTree{nodes: make([]rangeNode, 1)} }

// rangeEnd gives start+size, at most the largest address.
func rangeEnd(start, size uint64) uint64 {
	if end := start + size; end >= start {
		return end
	}
	return math.MaxUint64
}

func (t *rangeTree) update(i uint32) {
	n := &t.nodes[i]
	n.maxEnd = max(n.end, t.nodes[n.left].maxEnd, t.nodes[n.right].maxEnd)
}

// split parts the tree below i into pieces that start before key, and the others; pieces
// that start at key go left if equal is set.
func (t *rangeTree) split(i uint32, key uint64, equal bool) (left, right uint32) {
	if i == 0 {
		return 0, 0
	}
	if s := t.nodes[i].start; s < key || equal && s == key {
		l, r := t.split(t.nodes[i].right, key, equal)
		t.nodes[i].right = l
		t.update(i)
		return i, r
	}
	l, r := t.split(t.nodes[i].left, key, equal)
	t.nodes[i].left = r
	t.update(i)
	return l, i
}

func (t *rangeTree) merge(l, r uint32) uint32 {
	switch {
	case l == 0:
		return r
	case r == 0:
		return l
	case t.nodes[l].priority >= t.nodes[r].priority:
		t.nodes[l].right = t.merge(t.nodes[l].right, r)
		t.update(l)
		return l
	}
	t.nodes[r].left = t.merge(l, t.nodes[r].left)
	t.update(r)
	return r
}

// add makes p a live piece. Pieces without length are not kept.
func (t *rangeTree) add(p piece) {
	if p.start >= p.end {
		return
	}
	i := t.free
	if i != 0 {
		t.free = t.nodes[i].left
	} else {
		i = uint32(len(t.nodes))
		t.nodes = append(t.nodes, rangeNode{})
	}
	t.nodes[i] = rangeNode{piece: p, maxEnd: p.end, priority: rand.Uint32()}
	l, r := t.split(t.root, p.start, true)
	t.root = t.merge(t.merge(l, i), r)
}

// takeHits removes every piece that shares an address with [start, end) and appends it to hits.
func (t *rangeTree) takeHits(hits []piece, start, end uint64) []piece {
	if start >= end {
		return hits
	}
	before, after := t.split(t.root, end, false) // before: pieces that start before end
	before, hits = t.cut(before, start, hits)
	t.root = t.merge(before, after)
	return hits
}

// cut removes the pieces below i that end after start, and returns what is left.
func (t *rangeTree) cut(i uint32, start uint64, hits []piece) (uint32, []piece) {
	if i == 0 || t.nodes[i].maxEnd <= start {
		return i, hits
	}
	var l, r uint32
	l, hits = t.cut(t.nodes[i].left, start, hits)
	hit := t.nodes[i].end > start
	if hit {
		hits = append(hits, t.nodes[i].piece)
	}
	r, hits = t.cut(t.nodes[i].right, start, hits)
	if hit {
		t.nodes[i] = rangeNode{left: t.free}
		t.free = i
		return t.merge(l, r), hits
	}
	t.nodes[i].left, t.nodes[i].right = l, r
	t.update(i)
	return i, hits
}

// appendHits appends every piece that shares an address with [start, end) to hits.
func (t *rangeTree) appendHits(hits []piece, start, end uint64) []piece {
	if start >= end {
		return hits
	}
	return t.find(t.root, start, end, hits)
}

func (t *rangeTree) find(i uint32, start, end uint64, hits []piece) []piece {
	if i == 0 || t.nodes[i].maxEnd <= start {
		return hits
	}
	n := &t.nodes[i]
	hits = t.find(n.left, start, end, hits)
	if n.start >= end {
		return hits
	}
	if n.end > start {
		hits = append(hits, n.piece)
	}
	return t.find(n.right, start, end, hits)
}

// each calls f for every live piece, by start; f may change its flags.
func (t *rangeTree) each(f func(p *piece)) { t.walk(t.root, f) }

func (t *rangeTree) walk(i uint32, f func(p *piece)) {
	for i != 0 {
		t.walk(t.nodes[i].left, f)
		f(&t.nodes[i].piece)
		i = t.nodes[i].right
	}
}
