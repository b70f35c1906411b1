package pprof

import (
	"encoding/binary"
	"hash/maphash"
	"slices"

	"github.com/google/pprof/profile"
)

// stackTable keeps each list of locations once. Lists are found by a seeded hash, so a
// hostile capture cannot make them collide, and compared in full.
type stackTable struct {
	seed   maphash.Seed
	latest map[uint64]uint32     // hash to index into lists
	next   []uint32              // beside lists: the list before of equal hash, or the list itself
	lists  [][]*profile.Location // leaf first
	free   []*profile.Location   // to be handed out
	buf    []byte
}

func newStackTable() stackTable {
	return stackTable{seed: maphash.MakeSeed(), latest: map[uint64]uint32{}}
}

// intern gives the index of list, which it copies if it is new.
func (t *stackTable) intern(list []*profile.Location) (index uint32, isNew bool) {
	t.buf = t.buf[:0]
	for _, l := range list {
		t.buf = binary.LittleEndian.AppendUint32(t.buf, uint32(l.ID))
	}
	h := maphash.Bytes(t.seed, t.buf)
	index = uint32(len(t.lists))
	before := index
	if i, ok := t.latest[h]; ok {
		before = i
		for {
			if slices.Equal(t.lists[i], list) {
				return i, false
			}
			if t.next[i] == i {
				break
			}
			i = t.next[i]
		}
	}
	t.latest[h] = index
	t.next = append(t.next, before)
	t.lists = append(t.lists, t.keep(list))
	return index, true
}

func (t *stackTable) keep(list []*profile.Location) []*profile.Location {
	const chunk = 1 << 14
	n := len(list)
	if n > len(t.free) {
		t.free = make([]*profile.Location, max(n, chunk))
	}
	out := t.free[:n:n]
	t.free = t.free[n:]
	copy(out, list)
	return out
}
