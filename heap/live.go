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
	sample  uint32 // index of the sample, and flags; 0 is an empty slot
}

// Flags beside the index of a block's or a piece's sample.
const (
	flagOld    = 1 << 31 // too many allocations ago to be temporary
	flagBefore = 1 << 30 // made before the window
	maskSample = flagBefore - 1
)

const (
	segmentSize = 1 << 12 // blocks; 96 KiB
	segmentFull = segmentSize / 8 * 7
)

// liveTable maps addresses to live blocks by extendible hashing: the high bits of a hash
// select a segment, the low bits a place in it, from where blocks lie in the next free
// slot, without tombstones. A full segment is split in two, so growing never needs the
// whole table twice.
type liveTable struct {
	dir   []segment // of 2^depth; several neighbours may be the same
	depth uint
	seed  uint64 // so that nobody can choose addresses that collide
	n     int    // segments

	scratch *[segmentSize]block // of split, which leaves no garbage behind
}

// segment is an array of slots and, apart from it so that it fills whole pages, what is known of them.
type segment struct {
	slots *[segmentSize]block
	*segmentInfo
}

type segmentInfo struct {
	n     int
	depth uint // how many high bits of the hash all its blocks share
}

func newSegment(depth uint) segment {
	return segment{new([segmentSize]block), &segmentInfo{depth: depth}}
}

func newLiveTable() liveTable {
	return liveTable{dir: []segment{newSegment(0)}, seed: rand.Uint64(), n: 1, scratch: new([segmentSize]block)}
}

// hash mixes by a factor of wyhash. A random one would spread addresses at equal distances badly
// now and then: with one in a hundred, a look-up takes tens of steps.
func (t *liveTable) hash(address uint64) uint64 {
	hi, lo := bits.Mul64(address^t.seed, 0xa0761d6478bd642f)
	return hi ^ lo
}

func (t *liveTable) segment(h uint64) segment { return t.dir[h>>1>>(63-t.depth)] }

// at is slot i of s, counted around the end.
func (s segment) at(i uint64) *block { return &s.slots[i%segmentSize] }

// prefetch looks at the slots that events will need, so that they are in the cache.
func (t *liveTable) prefetch(events []event) (seen uint32) {
	for i := range events {
		h := t.hash(events[i].address)
		seen |= t.segment(h).at(h).sample
	}
	return seen
}

// put makes b the block at its address and returns the one that was there before; its
// sample is 0 when there was none.
func (t *liveTable) put(b block) block {
	h := t.hash(b.address)
	s := t.segment(h)
	for i := h; ; i++ {
		k := s.at(i)
		if k.sample == 0 {
			*k = b
			if s.n++; s.n > segmentFull {
				t.split(s, h)
			}
			return block{}
		}
		if k.address == b.address {
			old := *k
			*k = b
			return old
		}
	}
}

// get gives the block at address; its sample is 0 when there is none.
func (t *liveTable) get(address uint64) block {
	i := t.hash(address)
	for s := t.segment(i); ; i++ {
		k := &s.slots[i&(segmentSize-1)]
		if k.sample == 0 || k.address == address {
			return *k
		}
	}
}

// take removes the block at address and returns it; its sample is 0 when there is none.
func (t *liveTable) take(address uint64) block {
	i := t.hash(address)
	s := t.segment(i)
	for ; ; i++ {
		k := s.at(i)
		if k.sample == 0 {
			return block{}
		}
		if k.address == address {
			break
		}
	}
	old := *s.at(i)
	s.n--
	// Close the gap: move back what is further from its place than the gap is.
	for j := i + 1; s.at(j).sample != 0; j++ {
		if k := s.at(j); (j-t.hash(k.address))%segmentSize >= (j-i)%segmentSize {
			*s.at(i) = *k
			i = j
		}
	}
	s.at(i).sample = 0
	return old
}

// split parts s, which holds hash h, in two by the next bit of the hash: blocks with a 0
// there stay.
func (t *liveTable) split(s segment, h uint64) {
	if s.depth == t.depth {
		t.double()
	}
	span := len(t.dir) >> s.depth // how many entries of dir are s
	first := int(h>>1>>(63-t.depth)) &^ (span - 1)
	bit := uint64(1) << (63 - s.depth)
	s.depth++
	other := newSegment(s.depth)
	t.n++
	for i := range span / 2 {
		t.dir[first+span/2+i] = other
	}
	*t.scratch = *s.slots
	clear(s.slots[:])
	s.n = 0
	for i := range t.scratch {
		k := &t.scratch[i]
		if k.sample == 0 {
			continue
		}
		if kh := t.hash(k.address); kh&bit != 0 {
			other.insert(kh, k)
		} else {
			s.insert(kh, k)
		}
	}
}

// double has the directory go by one more bit of the hash.
func (t *liveTable) double() {
	dir := make([]segment, 2*len(t.dir))
	for i, s := range t.dir {
		dir[2*i], dir[2*i+1] = s, s
	}
	t.dir = dir
	t.depth++
}

// insert puts a block that is not in s into it; there must be room.
func (s segment) insert(h uint64, b *block) {
	for s.at(h).sample != 0 {
		h++
	}
	*s.at(h) = *b
	s.n++
}

// each calls f for every live block; f may change its flags.
func (t *liveTable) each(f func(b *block)) {
	var last segment
	for _, s := range t.dir {
		if s == last {
			continue
		}
		last = s
		for i := range s.slots {
			if s.slots[i].sample != 0 {
				f(&s.slots[i])
			}
		}
	}
}
