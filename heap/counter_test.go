package heap_test

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// A Counter counts what a Builder does, in captures of all versions and odd ones.
func TestCounter(t *testing.T) {
	allocators := []codec.Allocator{
		codec.Malloc, codec.Free, codec.Calloc, codec.PymallocMalloc, codec.PymallocFree, codec.Mmap, codec.Munmap, codec.Munmap,
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		h := &codec.Header{Version: 6 + int(seed%8), Word: 8}
		b, err := heap.NewBuilder(h, heap.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := heap.NewCounter(h)
		for range 1 + r.IntN(3000) {
			rec := &codec.Record{
				Kind: codec.KindAllocation, Thread: uint64(r.IntN(3)), Allocator: allocators[r.IntN(len(allocators))],
				Address: 4096 * uint64(r.IntN(20)), Size: 1000 * uint64(r.IntN(20)),
			}
			if r.IntN(50) == 0 {
				rec.Address, rec.Size = ^uint64(0), 1<<50>>r.IntN(3)
			}
			b.Add(rec)
			c.Add(rec)
		}
		p, err := b.Profile(codec.Status{State: codec.StateComplete})
		if err != nil {
			t.Fatal(err)
		}
		want := heap.Totals{Peak: p.PeakBytes}
		for i := range p.Samples {
			want.Live += p.Samples[i].Values[heap.Live].Bytes
			want.Allocations += p.Samples[i].Values[heap.Total].Count
		}
		if got := c.Totals(); got != want {
			t.Fatalf("seed %d: got %+v, want %+v", seed, got, want)
		}
	}
}

// Memory is what a Counter holds, and half as much more at most.
func TestCounterMemory(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int
		f    codec.Allocator
	}{
		{"nothing", 0, codec.Malloc}, {"blocks", 100_000, codec.Malloc}, {"many blocks", 1_000_000, codec.Malloc}, {"mappings", 200_000, codec.Mmap},
	} {
		before := inUse()
		c := heap.NewCounter(&codec.Header{Version: 12, Word: 8})
		for i := range uint64(tt.n) {
			c.Add(&codec.Record{Kind: codec.KindAllocation, Allocator: tt.f, Address: 1<<20 + 8192*i, Size: 64})
		}
		c.Totals() // waits until all is taken in
		used, says := int64(inUse()-before), c.Memory()
		if used > says+says/16 || says > 3*used+1<<20 {
			t.Errorf("%s: got %d bytes, in use are %d", tt.name, says, used)
		}
		runtime.KeepAlive(c)
	}
}
