package codec

import "strconv"

// Allocator says which function of the traced process made a record. It is one
// numbering for all header versions: that of headers 12 and 13. Older captures are
// translated as they are read (facts: the numbering changed in headers 7 and 12).
type Allocator uint8

// The allocators Memray hooks, with their wire value in headers 12 and 13.
const (
	PymallocFree    Allocator = 1
	PymallocMalloc  Allocator = 2
	PymallocCalloc  Allocator = 3
	PymallocRealloc Allocator = 4
	Free            Allocator = 5
	Malloc          Allocator = 6
	Realloc         Allocator = 7
	Calloc          Allocator = 8
	PosixMemalign   Allocator = 9
	AlignedAlloc    Allocator = 10
	Memalign        Allocator = 11
	Valloc          Allocator = 12
	Pvalloc         Allocator = 13
	Mmap            Allocator = 14
	Munmap          Allocator = 15
)

var allocatorNames = [16]string{
	"", "pymalloc_free", "pymalloc_malloc", "pymalloc_calloc", "pymalloc_realloc",
	"free", "malloc", "realloc", "calloc", "posix_memalign", "aligned_alloc",
	"memalign", "valloc", "pvalloc", "mmap", "munmap",
}

// String gives Memray's lower-case name, for example "pymalloc_malloc".
func (a Allocator) String() string {
	if a == 0 || int(a) >= len(allocatorNames) {
		return "allocator " + strconv.Itoa(int(a))
	}
	return allocatorNames[a]
}

// Valid reports whether a is one of the fifteen allocators.
func (a Allocator) Valid() bool { return a >= PymallocFree && a <= Munmap }

// Frees reports whether records of a give memory back.
func (a Allocator) Frees() bool { return a == Free || a == PymallocFree || a == Munmap }

// Ranged reports whether a works on address ranges (mmap, munmap) rather than on
// blocks known by their first address.
func (a Allocator) Ranged() bool { return a == Mmap || a == Munmap }

// simpleFree reports whether records of a carry no size and no native stack.
func (a Allocator) simpleFree() bool { return a == Free || a == PymallocFree }

// The three numberings, each from wire value to Allocator; 0 marks an unknown value.
var (
	allocators6 = [16]Allocator{
		0, Malloc, Free, Calloc, Realloc, PosixMemalign, Memalign, Valloc, Pvalloc, Mmap, Munmap,
	}
	allocators7 = [16]Allocator{
		0, Malloc, Free, Calloc, Realloc, PosixMemalign, AlignedAlloc, Memalign, Valloc, Pvalloc,
		Mmap, Munmap, PymallocMalloc, PymallocCalloc, PymallocRealloc, PymallocFree,
	}
	allocators12 = [16]Allocator{
		0, PymallocFree, PymallocMalloc, PymallocCalloc, PymallocRealloc, Free, Malloc, Realloc,
		Calloc, PosixMemalign, AlignedAlloc, Memalign, Valloc, Pvalloc, Mmap, Munmap,
	}
)
