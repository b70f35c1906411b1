package heap

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func sortedPieces(list []piece) []piece {
	slices.SortFunc(list, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), cmp.Compare(a.seq, b.seq))
	})
	return list
}

func (t *rangeTree) all() []piece {
	var list []piece
	t.each(func(p *piece) { list = append(list, *p) })
	return list
}

// The tree holds what a plain list holds, after any additions and cuts.
func TestRangeTree(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		space, longest := 1+r.Uint64N(200), 1+r.Uint64N(60)
		tree, list := newRangeTree(), []piece(nil)
		for n := range uint32(300) {
			start := r.Uint64N(space)
			end := start + r.Uint64N(longest)
			if r.IntN(3) > 0 {
				p := piece{start: start, end: end, seq: n, sample: n % 7, whole: n%2 == 0}
				tree.add(p)
				if start < end {
					list = append(list, p)
				}
				continue
			}
			hit := func(p piece) bool { return p.start < end && start < p.end && start < end }
			var want []piece
			for _, p := range list {
				if hit(p) {
					want = append(want, p)
				}
			}
			list = slices.DeleteFunc(list, hit)
			got := tree.takeHits(nil, start, end)
			if !slices.Equal(sortedPieces(got), sortedPieces(want)) {
				t.Fatalf("seed %d, step %d: hits of [%d, %d):\n got %v\nwant %v", seed, n, start, end, got, want)
			}
		}
		got := tree.all()
		if !slices.IsSortedFunc(got, func(a, b piece) int { return cmp.Compare(a.start, b.start) }) {
			t.Errorf("seed %d: each: not by start: %v", seed, got)
		}
		if !slices.Equal(sortedPieces(got), sortedPieces(list)) {
			t.Fatalf("seed %d:\n got %v\nwant %v", seed, got, list)
		}
		checkTree(t, &tree, len(list))
	}
}

// checkTree looks at the invariants: largest ends, and no node that is neither live nor free.
func checkTree(t *testing.T, tree *rangeTree, live int) {
	t.Helper()
	for i := range tree.nodes {
		n := &tree.nodes[i]
		if most := max(n.end, tree.nodes[n.left].maxEnd, tree.nodes[n.right].maxEnd); n.maxEnd != most && n.start < n.end {
			t.Errorf("node %d: got largest end %d, want %d", i, n.maxEnd, most)
		}
	}
	free := 0
	for i := tree.free; i != 0; i = tree.nodes[i].left {
		free++
	}
	if got := len(tree.nodes) - 1 - free; got != live {
		t.Errorf("got %d nodes in use, want %d", got, live)
	}
}

// Flags that each sets stay.
func TestRangeTreeEach(t *testing.T) {
	tree := newRangeTree()
	for i := range uint64(10) {
		tree.add(piece{start: i, end: i + 2, sample: uint32(i)})
	}
	tree.each(func(p *piece) { p.sample |= flagOld })
	for _, p := range tree.all() {
		if p.sample != uint32(p.start)|flagOld {
			t.Errorf("piece at %d: got sample %#x", p.start, p.sample)
		}
	}
}

// Mappings one after the other, as programs make them, in any order, leave a shallow tree.
func TestRangeTreeDepth(t *testing.T) {
	tree := newRangeTree()
	const n = 1 << 15
	for i := range uint64(n) {
		tree.add(piece{start: i, end: i + 1})
	}
	for range n {
		tree.add(piece{start: 7, end: n})
	}
	if d := tree.depth(tree.root); d > 80 {
		t.Errorf("got depth %d of %d pieces, want about 40", d, 2*n)
	}
}

func (t *rangeTree) depth(i uint32) int {
	if i == 0 {
		return 0
	}
	return 1 + max(t.depth(t.nodes[i].left), t.depth(t.nodes[i].right))
}

func TestRangeEnd(t *testing.T) {
	for _, tt := range []struct{ start, size, want uint64 }{
		{0, 0, 0},
		{4096, 8, 4104},
		{math.MaxUint64 - 8, 8, math.MaxUint64},
		{math.MaxUint64 - 8, 9, math.MaxUint64},
		{math.MaxUint64, 1, math.MaxUint64},
		{math.MaxUint64, math.MaxUint64, math.MaxUint64},
		{1, math.MaxUint64, math.MaxUint64},
	} {
		if got := rangeEnd(tt.start, tt.size); got != tt.want {
			t.Errorf("%#x and %#x bytes: got end %#x, want %#x", tt.start, tt.size, got, tt.want)
		}
	}
}
