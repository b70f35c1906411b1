package heap_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// thinned is what the series of these points should be: each point stands for so many of them that
// there are no more than MaxSeries, has the time of the first and keeps the maxima.
func thinned(points []heap.Point) (stride int, out []heap.Point) {
	stride = 1
	for (len(points)+stride-1)/stride > heap.MaxSeries {
		stride *= 2
	}
	for part := range slices.Chunk(points, stride) {
		p := part[0]
		for _, x := range part {
			p.RSS, p.Heap = max(p.RSS, x.RSS), max(p.Heap, x.Heap)
		}
		out = append(out, p)
	}
	return stride, out
}

func TestSeries(t *testing.T) {
	for _, n := range []int{0, 1, 2, heap.MaxSeries - 1, heap.MaxSeries, heap.MaxSeries + 1, 2 * heap.MaxSeries, 2*heap.MaxSeries + 1, 100_003} {
		for format, name := range []string{"events", "aggregated"} {
			t.Run(fmt.Sprintf("%s %d", name, n), func(t *testing.T) { checkSeries(t, codec.Format(format), n) })
		}
	}
}

func checkSeries(t *testing.T, format codec.Format, n int) {
	h := codec.Header{Version: 12, Word: 8, Format: format}
	b, err := heap.NewBuilder(&h, heap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(n), 7))
	var points []heap.Point
	for i := range n {
		p := heap.Point{Time: int64(i) * 10, RSS: r.Uint64N(1 << 40), Heap: r.Uint64N(1 << 40)}
		points = append(points, p)
		if format == codec.AggregatedAllocations {
			b.Add(&codec.Record{Kind: codec.KindHeapSnapshot, Time: p.Time, RSS: p.RSS, Heap: p.Heap})
			continue
		}
		b.Add(&codec.Record{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Malloc, Address: 8, Size: p.Heap})
		b.Add(&codec.Record{Kind: codec.KindMemory, Time: p.Time, RSS: p.RSS})
	}
	p, err := b.Profile(codec.Status{})
	if err != nil {
		t.Fatal(err)
	}
	stride, want := thinned(points)
	if p.Stride != stride {
		t.Errorf("got stride %d, want %d", p.Stride, stride)
	}
	if !slices.Equal(p.Series, want) {
		t.Errorf("got %d points, want %d, or others", len(p.Series), len(want))
	}
}
