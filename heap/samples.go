package heap

import (
	"math"
	"math/bits"

	"github.com/memvault/memvault/codec"
)

// sampleKey identifies a Sample.
type sampleKey struct {
	stack, native uint32
	thread        uint32
	origin        uint32 // listing of images, and allocator in the low byte
}

func origin(images uint32, a codec.Allocator) uint32 { return images<<8 | uint32(a) }

func (k *sampleKey) allocator() codec.Allocator { return codec.Allocator(k.origin) }
func (k *sampleKey) images() uint32             { return k.origin >> 8 }

// sampleTable interns sample keys.
type sampleTable struct {
	keys  []sampleKey // index 0 is unused
	index hashIndex
}

func newSampleTable() sampleTable {
	return sampleTable{keys: make([]sampleKey, 1), index: newHashIndex()}
}

func (t *sampleTable) hash(k *sampleKey) uint64 {
	return t.index.hash(uint64(k.stack)<<32|uint64(k.native), uint64(k.thread)<<32|uint64(k.origin))
}

func (t *sampleTable) hashOf(i uint32) uint64 { return t.hash(&t.keys[i]) }

func (t *sampleTable) intern(k sampleKey) uint32 {
	for i := t.index.home(t.hash(&k)); ; i = t.index.next(i) {
		e := t.index.slots[i]
		if e == 0 {
			e = uint32(len(t.keys))
			t.keys = append(t.keys, k)
			t.index.put(i, e, t.hashOf)
			return e
		}
		if t.keys[e] == k {
			return e
		}
	}
}

// satAdd and satSub are a+b and a-b, kept within the range of uint64: hostile sizes must not wrap.
func satAdd(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}

func satSub(a, b uint64) uint64 {
	if b > a {
		return 0
	}
	return a - b
}

func (v *Value) add(count, bytes uint64) {
	v.Count = satAdd(v.Count, count)
	v.Bytes = satAdd(v.Bytes, bytes)
}

func (v *Value) sub(count, bytes uint64) {
	v.Count = satSub(v.Count, count)
	v.Bytes = satSub(v.Bytes, bytes)
}
