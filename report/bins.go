package report

import (
	"math"
	"math/big"

	"github.com/memvault/memvault/heap"
)

// Bin is a range of allocation sizes, both ends included, in bytes.
type Bin struct {
	Min   uint64 `json:"min_bytes"`
	Max   uint64 `json:"max_bytes"`
	Count uint64 `json:"count"`
}

// bins is how many there are.
const bins = 10

// histogram sorts sizes into ten ranges of equal length on a logarithmic scale, as Memray does
// (facts: section 10.4): sizes of 0 belong to the first, and each but the last range ends
// one byte before the next begins. The edges are integers cut from floating-point
// numbers, so these must be those of Python to the last bit. Where Memray fails, as
// without any size but 0 or 1, all edges are 1. Without allocations there are no bins.
func histogram(sizes []heap.SizeCount) []Bin {
	if len(sizes) == 0 {
		return []Bin{}
	}
	s := scaleOf(sizes)
	out := make([]Bin, bins)
	start := uint64(0)
	for i := range out {
		end := s.edge(i)
		out[i] = Bin{Min: start, Max: end}
		if i < bins-1 && end > 0 {
			out[i].Max = end - 1
		}
		start = end
	}
	for _, c := range sizes {
		b := &out[s.bin(c.Size)]
		b.Count += c.Count
	}
	return out
}

// scale is the natural logarithm of the smallest size but 0, and the width of a bin in it.
type scale struct{ low, step float64 }

func scaleOf(sizes []heap.SizeCount) scale {
	smallest := sizes[0].Size
	if smallest == 0 && len(sizes) > 1 {
		smallest = sizes[1].Size
	}
	low := logOf(max(smallest, 1))
	high := logOf(max(sizes[len(sizes)-1].Size, 1))
	if low == high {
		low /= 2
	}
	return scale{low: low, step: (high - low) / bins}
}

// edge is the upper end of bin i.
func (s scale) edge(i int) uint64 {
	// The conversion keeps the compiler from fusing what Python does in two steps.
	e := expRounded(s.low + float64(s.step*float64(i+1)))
	if e >= math.MaxUint64 {
		return math.MaxUint64
	}
	return uint64(e)
}

func (s scale) bin(size uint64) int {
	switch {
	case size == 0:
		return 0
	case s.step == 0:
		return bins - 1
	}
	// Only near an edge does the last bit of the logarithm count.
	q := (math.Log(float64(size)) - s.low) / s.step
	if math.Abs(q-math.Round(q)) > 1e-6 {
		return min(int(q), bins-1)
	}
	return min(int(floorDiv(logOf(size)-s.low, s.step)), bins-1)
}

// floorDiv is x // y in Python, for positive y.
func floorDiv(x, y float64) float64 {
	mod := math.Mod(x, y)
	div := (x - mod) / y
	if mod < 0 {
		div--
	}
	floor := math.Floor(div)
	if div-floor > 0.5 {
		floor++
	}
	return floor
}

// The C library that Python calls rounds exp and log correctly but for very rare cases.
// Package math is off by a bit now and then, which moves an edge by one byte.
const precision = 160

// bigExp gives e to the power of x, for x up to the logarithm of 2^64.
func bigExp(x float64) *big.Float {
	const halvings = 10
	number := func() *big.Float { return new(big.Float).SetPrec(precision) }
	r := number().SetMantExp(number().SetFloat64(x), -halvings)
	sum, term := number().SetInt64(1), number().SetInt64(1)
	for n := int64(1); n <= 40; n++ {
		term.Mul(term, r)
		term.Quo(term, number().SetInt64(n))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

func expRounded(x float64) float64 {
	f, _ := bigExp(x).Float64()
	return f
}

// logOf gives the natural logarithm of n: package math's, with one step of Newton's method.
func logOf(n uint64) float64 {
	y := math.Log(float64(n))
	e := bigExp(y)
	x := new(big.Float).SetPrec(precision).SetFloat64(float64(n))
	x.Sub(x, e)
	x.Quo(x, e)
	x.Add(x, new(big.Float).SetPrec(precision).SetFloat64(y))
	f, _ := x.Float64()
	return f
}
