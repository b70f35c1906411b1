package heap

import (
	"math"
	"slices"
	"testing"
)

// Beyond the distinct sizes that are kept apart, sizes are rounded; the largest stays exact.
func TestSizesBounded(t *testing.T) {
	s := newSizeCounts()
	s.max = 2
	for _, size := range []uint64{0, 7, 7, 65535, 70001, 70002, 70001, 70003, 70007, 1<<40 + 1, math.MaxUint64} {
		s.add(size)
	}
	want := []SizeCount{
		{0, 1}, {7, 2}, {65535, 1}, {69952, 2}, {70001, 2}, {70002, 1}, {1 << 40, 1}, {math.MaxUint64, 1},
	}
	if got := s.list(); !slices.Equal(got, want) {
		t.Errorf("sizes:\n got %v\nwant %v", got, want)
	}
	if s.rounded != 4 {
		t.Errorf("rounded: got %d, want 4", s.rounded)
	}
}

// However many distinct sizes there are, the table stays small, and none is off by a thousandth.
func TestRoundSize(t *testing.T) {
	distinct := map[uint64]bool{}
	for size := uint64(smallSizes); size < 1<<30; size += size / 5000 {
		r := roundSize(size)
		if r > size || float64(size-r) > float64(size)/1000 {
			t.Fatalf("%d is rounded to %d", size, r)
		}
		distinct[r] = true
	}
	if n, most := len(distinct), (30-16)<<(sizeBits-1); n > most {
		t.Errorf("%d distinct sizes up to 2^30, want at most %d", n, most)
	}
}
