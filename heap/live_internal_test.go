package heap

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// The table holds what a map holds, while it grows and gaps close.
func TestLiveTable(t *testing.T) {
	for _, tt := range []struct {
		name      string
		addresses uint64 // distinct ones
		stride    uint64
		steps     int
	}{
		{"few", 10, 16, 10_000},
		{"one segment nearly full", 5000, 8, 100_000},
		{"several segments", 50_000, 16, 400_000},
		{"pages", 20_000, 4096, 100_000},
		{"far apart", 20_000, 1 << 44, 100_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(tt.addresses, 2))
			table, want := newLiveTable(), map[uint64]block{}
			for n := range uint32(tt.steps) {
				address := r.Uint64N(tt.addresses) * tt.stride
				old := want[address]
				var got block
				if r.IntN(5) < 3 {
					b := block{address: address, size: uint64(n), seq: n, sample: n%1000 + 1}
					got = table.put(b)
					want[address] = b
				} else {
					got = table.take(address)
					delete(want, address)
				}
				if got != old {
					t.Fatalf("step %d, address %#x: got %+v, want %+v", n, address, got, old)
				}
			}
			got := map[uint64]block{}
			table.each(func(b *block) {
				if _, ok := got[b.address]; ok {
					t.Errorf("each: %#x twice", b.address)
				}
				got[b.address] = *b
			})
			if !maps.Equal(got, want) {
				t.Errorf("got %d blocks, want %d, or others", len(got), len(want))
			}
		})
	}
}

// What is freed makes room: the table does not grow with the number of allocations.
func TestLiveTableReuse(t *testing.T) {
	table := newLiveTable()
	for n := range uint64(1_000_000) {
		table.put(block{address: n * 16, sample: 1})
		if n >= 100 {
			table.take((n - 100) * 16)
		}
	}
	if len(table.dir) != 1 {
		t.Errorf("got %d segments for 100 live blocks, want 1", len(table.dir))
	}
}

// Addresses at equal distances, as of pages or of an arena's blocks, are spread well whatever the seed.
func TestLiveTableSpread(t *testing.T) {
	const n = 20_000
	for _, stride := range []uint64{8, 16, 48, 4096, 1 << 20, 1 << 32, 1 << 47} {
		for range 20 {
			table := newLiveTable()
			for i := range uint64(n) {
				table.put(block{address: 0x7f00_0000_0000 + i*stride, sample: 1})
			}
			steps := 0
			table.each(func(b *block) {
				h := table.hash(b.address)
				s := table.segment(h)
				for s.at(h).address != b.address {
					h++
					steps++
				}
			})
			if steps > 4*n || len(table.dir) > 16 {
				t.Errorf("stride %d, seed %#x: %d steps to find %d blocks in %d segments", stride, table.seed, steps, n, len(table.dir))
			}
		}
	}
}
