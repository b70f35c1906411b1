package heap

import (
	"math/bits"
	"math/rand/v2"
)

// block is a live allocation made by anything but mmap.
type block struct {
	address uint64
	size    uint64
	seq     uint32 // number of the allocation among those of its thread, modulo 2^32
	sample  uint32 // index of the sample plus 1, and flags; 0 is an empty slot
}

// Flags beside the index of a block's or a mapping's sample.
const (
	flagOld    = 1 << 31 // too many allocations ago to be temporary
	flagBefore = 1 << 30 // made before the window
	maskSample = flagBefore - 1
)

// liveTable maps addresses to live blocks: open addressing, linear probing, no
// tombstones. Its size is a power of two, at most 7/8 full.
type liveTable struct {
	slots []block
	shift uint
	n     int
	seed  uint64 // so that nobody can choose addresses that collide
	mul   uint64
}

func newLiveTable() liveTable {
	const size = 1 << 10
	return liveTable{
		slots: make([]block, size), shift: 64 - uint(bits.TrailingZeros(size)),
		seed: rand.Uint64(), mul: rand.Uint64() | 1,
	}
}

func (t *liveTable) home(address uint64) uint64 {
	hi, lo := bits.Mul64(address^t.seed, t.mul)
	return (hi ^ lo) >> t.shift
}

// prefetch looks at the slots that events will need, so that they are in the cache.
func (t *liveTable) prefetch(events []event) (seen uint32) {
	for i := range events {
		seen |= t.slots[t.home(events[i].address)&uint64(len(t.slots)-1)].sample
	}
	return seen
}

// put makes b the block at its address and returns the one that was there before; its
// sample is 0 when there was none.
func (t *liveTable) put(b block) block {
	mask := uint64(len(t.slots) - 1)
	for i := t.home(b.address); ; i = (i + 1) & mask {
		s := &t.slots[i&uint64(len(t.slots)-1)]
		if s.sample == 0 {
			*s = b
			if t.n++; t.n > len(t.slots)/8*7 {
				t.grow()
			}
			return block{}
		}
		if s.address == b.address {
			old := *s
			*s = b
			return old
		}
	}
}

// take removes the block at address and returns it; its sample is 0 when there is none.
func (t *liveTable) take(address uint64) block {
	mask := uint64(len(t.slots) - 1)
	i := t.home(address)
	for ; ; i = (i + 1) & mask {
		s := &t.slots[i&uint64(len(t.slots)-1)]
		if s.sample == 0 {
			return block{}
		}
		if s.address == address {
			break
		}
	}
	old := t.slots[i]
	t.n--
	// Close the gap: move back what is further from its home than the gap is.
	for j := (i + 1) & mask; t.slots[j].sample != 0; j = (j + 1) & mask {
		if home := t.home(t.slots[j].address); (j-home)&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i].sample = 0
	return old
}

func (t *liveTable) grow() {
	old := t.slots
	t.slots = make([]block, 2*len(old))
	t.shift--
	mask := uint64(len(t.slots) - 1)
	for k := range old {
		if old[k].sample == 0 {
			continue
		}
		i := t.home(old[k].address)
		for t.slots[i].sample != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = old[k]
	}
}

// each calls f for every live block; f may change its flags.
func (t *liveTable) each(f func(b *block)) {
	for i := range t.slots {
		if t.slots[i].sample != 0 {
			f(&t.slots[i])
		}
	}
}
