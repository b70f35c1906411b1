package heap

import (
	"cmp"
	"math/bits"
	"slices"
)

// SizeCount is how many allocations were of one size, in bytes.
type SizeCount struct {
	Size, Count uint64
}

// The sizes that are counted apart: those below smallSizes, in a slice, as nearly all
// allocations are; and maxSizes distinct larger ones. Beyond that, so that a hostile capture
// costs no more, a size is rounded down to its sizeBits highest bits.
const (
	smallSizes = 1 << 16
	maxSizes   = 1 << 20
	sizeBits   = 11
)

// sizeCounts counts allocations by size.
type sizeCounts struct {
	small   []uint64 // by size
	large   map[uint64]uint64
	max     int    // distinct large sizes
	largest uint64 // as it was, though large may hold it rounded
	rounded uint64
}

func newSizeCounts() *sizeCounts {
	return &sizeCounts{small: make([]uint64, smallSizes), large: map[uint64]uint64{}, max: maxSizes}
}

func (s *sizeCounts) add(size uint64) {
	if size < smallSizes {
		s.small[size]++
		return
	}
	s.addLarge(size)
}

func (s *sizeCounts) addLarge(size uint64) {
	s.largest = max(s.largest, size)
	if _, ok := s.large[size]; !ok && len(s.large) >= s.max {
		size = roundSize(size)
		s.rounded++
	}
	s.large[size]++
}

func roundSize(size uint64) uint64 {
	drop := max(bits.Len64(size)-sizeBits, 0)
	return size >> drop << drop
}

// list gives the counts by ascending size. The largest size is exact in any case.
func (s *sizeCounts) list() []SizeCount {
	out := []SizeCount{}
	for size, n := range s.small {
		if n > 0 {
			out = append(out, SizeCount{uint64(size), n})
		}
	}
	for size, n := range s.large {
		out = append(out, SizeCount{size, n})
	}
	slices.SortFunc(out, func(a, b SizeCount) int { return cmp.Compare(a.Size, b.Size) })
	if n := len(out); n > 0 && s.largest > out[n-1].Size {
		out[n-1].Size = s.largest
	}
	return out
}
