package heap

import (
	"math"
	"testing"

	"github.com/memvault/memvault/codec"
)

// aged is a Builder whose threads can be made to have allocated billions of times.
type aged struct {
	*Builder
	t *testing.T
}

func newAged(t *testing.T, o Options) aged {
	t.Helper()
	b, err := NewBuilder(&codec.Header{Version: 12, Word: 8}, o)
	if err != nil {
		t.Fatal(err)
	}
	return aged{b, t}
}

func (a aged) event(thread uint64, f codec.Allocator, address uint64) {
	a.Add(&codec.Record{Kind: codec.KindAllocation, Thread: thread, Allocator: f, Address: address, Size: 64})
}

// advance brings a thread to its n-th allocation. The count jumps, but not over one at
// which something is to be done.
func (a aged) advance(thread, n uint64) {
	t := a.threadOf(thread)
	for t.allocs < n {
		t.allocs = min(t.sweepAt, n) - 1
		a.event(thread, codec.Malloc, 8)
		a.event(thread, codec.Free, 8)
	}
}

// temporary gives how many allocations of function f were temporary.
func (a aged) temporary(f codec.Allocator) uint64 {
	a.t.Helper()
	p, err := a.Profile(codec.Status{})
	if err != nil {
		a.t.Fatal(err)
	}
	n := uint64(0)
	for _, s := range p.Samples {
		if s.Allocator == f {
			n += s.Values[Temporary].Count
		}
	}
	return n
}

// The numbers of allocations that blocks keep have 32 bits. What was made 2^32 allocations ago is
// nonetheless not taken for new.
func TestOldBlocks(t *testing.T) {
	const turn = 1 << 32
	for _, tt := range []struct {
		name      string
		threshold int
		age       uint64 // allocations of the thread between, and the one itself
		want      uint64
	}{
		{"new", 1, 0, 1},
		{"one between", 1, 1, 1},
		{"two between", 1, 2, 0},
		{"half a turn", 1, turn / 2, 0},
		{"nearly a turn", 1, turn - 1, 0},
		{"a turn", 1, turn, 0},
		{"a turn and one", 1, turn + 1, 0},
		{"a turn and a half", 1, turn * 3 / 2, 0},
		{"two turns", 1, 2 * turn, 0},
		{"at the largest threshold", 1 << 30, 1 << 30, 1},
		{"beyond the largest threshold", 1 << 30, 1<<30 + 1, 0},
		{"a turn, largest threshold", 1 << 30, turn, 0},
		{"a threshold beyond the largest", math.MaxInt, 1<<30 + 1, 0},
	} {
		for _, first := range []uint64{1, 2, turn/2 - 1, turn / 2, turn/2 + 1, turn - 1, turn, turn + 1} {
			for f, free := range map[codec.Allocator]codec.Allocator{codec.Calloc: codec.Free, codec.Mmap: codec.Munmap} {
				a := newAged(t, Options{Threshold: tt.threshold})
				a.advance(7, first-1)
				a.event(7, f, 4096)
				a.advance(7, first+tt.age)
				a.event(7, free, 4096)
				if got := a.temporary(f); got != tt.want {
					t.Errorf("%s, %s as allocation %d: got %d temporary, want %d", tt.name, f, first, got, tt.want)
				}
			}
		}
	}
}

// A thread that is far ahead of another has no say in when the other's blocks are old.
func TestOldBlocksOfSlowThread(t *testing.T) {
	const turn = 1 << 32
	a := newAged(t, Options{})
	a.event(1, codec.Calloc, 4096)
	a.advance(2, 5*turn)
	a.advance(1, 1+turn)
	a.event(1, codec.Free, 4096)
	if got := a.temporary(codec.Calloc); got != 0 {
		t.Errorf("got %d temporary, want none", got)
	}
}
