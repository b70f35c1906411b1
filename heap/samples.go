package heap

import (
	"math"
	"math/bits"

	"github.com/memvault/memvault/codec"
)

// sample is a Sample while it is counted. Its value at the peak is settled lazily: see
// sampleTable.touch.
type sample struct {
	stack, native uint32
	thread        uint32
	origin        uint32 // listing of images, and allocator in the low byte
	touched       uint64 // number of the event that changed now last
	now, atPeak   Value
	total, temp   Value
}

func origin(images uint32, a codec.Allocator) uint32 { return images<<8 | uint32(a) }

func (s *sample) allocator() codec.Allocator { return codec.Allocator(s.origin) }
func (s *sample) images() uint32             { return s.origin >> 8 }

// sampleTable interns samples.
type sampleTable struct {
	list  []sample // index 0 is unused
	index hashIndex
}

func newSampleTable() sampleTable {
	return sampleTable{list: make([]sample, 1), index: newHashIndex()}
}

func (t *sampleTable) hashOf(i uint32) uint64 {
	s := &t.list[i]
	return t.index.hash(uint64(s.stack)<<32|uint64(s.native), uint64(s.thread)<<32|uint64(s.origin))
}

func (t *sampleTable) intern(stack, native, thread, origin uint32) uint32 {
	h := t.index.hash(uint64(stack)<<32|uint64(native), uint64(thread)<<32|uint64(origin))
	for i := t.index.home(h); ; i = t.index.next(i) {
		e := t.index.slots[i]
		if e == 0 {
			e = uint32(len(t.list))
			t.list = append(t.list, sample{stack: stack, native: native, thread: thread, origin: origin})
			t.index.put(i, e, t.hashOf)
			return e
		}
		if s := &t.list[e]; s.stack == stack && s.native == native && s.thread == thread && s.origin == origin {
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
