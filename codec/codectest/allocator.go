package codectest

import (
	"slices"

	"github.com/memvault/memvault/codec"
)

// The three numberings of allocators, from wire value to name (facts: section 6).
var (
	wire6 = []codec.Allocator{
		1: codec.Malloc, 2: codec.Free, 3: codec.Calloc, 4: codec.Realloc, 5: codec.PosixMemalign,
		6: codec.Memalign, 7: codec.Valloc, 8: codec.Pvalloc, 9: codec.Mmap, 10: codec.Munmap,
	}
	wire7 = []codec.Allocator{
		1: codec.Malloc, 2: codec.Free, 3: codec.Calloc, 4: codec.Realloc, 5: codec.PosixMemalign,
		6: codec.AlignedAlloc, 7: codec.Memalign, 8: codec.Valloc, 9: codec.Pvalloc, 10: codec.Mmap,
		11: codec.Munmap, 12: codec.PymallocMalloc, 13: codec.PymallocCalloc,
		14: codec.PymallocRealloc, 15: codec.PymallocFree,
	}
	wire12 = []codec.Allocator{
		1: codec.PymallocFree, 2: codec.PymallocMalloc, 3: codec.PymallocCalloc, 4: codec.PymallocRealloc,
		5: codec.Free, 6: codec.Malloc, 7: codec.Realloc, 8: codec.Calloc, 9: codec.PosixMemalign,
		10: codec.AlignedAlloc, 11: codec.Memalign, 12: codec.Valloc, 13: codec.Pvalloc,
		14: codec.Mmap, 15: codec.Munmap,
	}
)

// allocator gives a's number on the wire. Numbers that are no allocator stay as they are, for tests of their refusal.
func (w *Writer) allocator(a codec.Allocator) byte {
	if !a.Valid() {
		return byte(a)
	}
	table := wire12
	switch {
	case w.h.Version <= 6:
		table = wire6
	case w.h.Version <= 11:
		table = wire7
	}
	id := slices.Index(table, a)
	if id < 0 {
		w.fail("write record: allocator %s in header version %d", a, w.h.Version)
		return 0
	}
	return byte(id)
}

// simpleFree reports whether records of a have no size of their own.
func simpleFree(a codec.Allocator) bool { return a == codec.Free || a == codec.PymallocFree }
