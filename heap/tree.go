package heap

import (
	"math/bits"
	"math/rand/v2"
)

// stackTree interns Python stacks. A stack is a node: a frame and the node of its caller.
// Equal call paths on different threads are the same node.
type stackTree struct {
	nodes []stackNode // index 0 is the root
	index hashIndex
}

type stackNode struct {
	key    uint64 // of the frame
	parent uint32
	child  uint32 // the latest one that was looked for
	sample uint32 // the latest one of this stack, plus 1
}

func newStackTree() stackTree {
	return stackTree{nodes: make([]stackNode, 1), index: newHashIndex()}
}

// intern gives the node of frame key called from parent.
func (t *stackTree) intern(parent uint32, key uint64) uint32 {
	if c := t.nodes[parent].child; c != 0 && t.nodes[c].key == key {
		return c
	}
	return t.lookup(parent, key)
}

func (t *stackTree) lookup(parent uint32, key uint64) uint32 {
	h := t.index.hash(key, uint64(parent))
	for i := t.index.home(h); ; i = t.index.next(i) {
		c := t.index.slots[i]
		if c == 0 {
			c = uint32(len(t.nodes))
			t.nodes = append(t.nodes, stackNode{key: key, parent: parent})
			t.index.put(i, c, t.hashOf)
			t.nodes[parent].child = c
			return c
		}
		if n := &t.nodes[c]; n.key == key && n.parent == parent {
			t.nodes[parent].child = c
			return c
		}
	}
}

func (t *stackTree) hashOf(c uint32) uint64 {
	return t.index.hash(t.nodes[c].key, uint64(t.nodes[c].parent))
}

// hashIndex is the slots of a hash table whose entries lie in a slice of their owner:
// indexes into that slice, 0 for none. At most half full.
type hashIndex struct {
	slots       []uint32
	n           int
	shift       uint
	seed, seed2 uint64
}

func newHashIndex() hashIndex {
	const size = 1 << 8
	return hashIndex{slots: make([]uint32, size), shift: 64 - 8, seed: rand.Uint64(), seed2: rand.Uint64() | 1}
}

func (x *hashIndex) hash(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^x.seed, b^x.seed2)
	hi, lo = bits.Mul64(hi^lo^x.seed2, x.seed|1)
	return hi ^ lo
}

func (x *hashIndex) home(h uint64) uint64 { return h >> x.shift }

func (x *hashIndex) next(i uint64) uint64 { return (i + 1) & uint64(len(x.slots)-1) }

// put enters e into the free slot i; hashOf gives the hash of any entry.
func (x *hashIndex) put(i uint64, e uint32, hashOf func(uint32) uint64) {
	x.slots[i] = e
	if x.n++; x.n <= len(x.slots)/2 {
		return
	}
	old := x.slots
	x.slots = make([]uint32, 2*len(old))
	x.shift--
	for _, e := range old {
		if e == 0 {
			continue
		}
		i := x.home(hashOf(e))
		for x.slots[i] != 0 {
			i = x.next(i)
		}
		x.slots[i] = e
	}
}
