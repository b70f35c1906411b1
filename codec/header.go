package codec

import (
	"fmt"
	"time"
)

// Format is the file format named in the header.
type Format uint8

// The two file formats.
const (
	AllAllocations        Format = 0 // the stream of events
	AggregatedAllocations Format = 1 // rows reduced at capture time (headers 10 on)
)

// String gives Memray's name.
func (f Format) String() string {
	if f == AggregatedAllocations {
		return "AGGREGATED_ALLOCATIONS"
	}
	return "ALL_ALLOCATIONS"
}

// Header is what stands before the first record. Fields that a header version does not have are zero.
type Header struct {
	// Version is the header version, 6 to 13.
	Version int
	// PythonVersion is PY_VERSION_HEX of the traced interpreter; 0 before header 12.
	PythonVersion uint32
	// NativeTraces tells whether native stacks were recorded.
	NativeTraces bool
	Format       Format
	// Allocations counts allocations and deallocations, Frames the frame definitions. Both
	// are 0 until tracking ended regularly, and Frames always from header 12 on.
	Allocations, Frames uint64
	// StartTime and EndTime are in milliseconds since 1970 UTC. EndTime is the time of the
	// last header write, so nearly StartTime in captures that did not end regularly.
	StartTime, EndTime int64
	// CommandLine is sys.argv joined by spaces, as written.
	CommandLine string
	PID         int32
	// MainThread is the id of the thread that started tracking (header 9 on).
	MainThread uint64
	// SkippedFrames is how many outermost frames of MainThread's stacks are to be hidden (header 9 on).
	SkippedFrames uint64
	// PythonAllocator is 1 to 6; see AllocatorName.
	PythonAllocator int32
	// TracesPython tells whether pymalloc was traced; known from header 11 on.
	TracesPython bool
	// TracksObjects tells whether object lifetimes were recorded (header 12 on).
	TracksObjects bool
	// LibDest, SitePackages and SysPath are folders of the traced interpreter (header 13 on).
	LibDest               string
	SitePackages, SysPath []string

	// Word is 8 for captures of 64-bit processes and 4 for those of 32-bit ones.
	Word int
	// Size is the length of the header in bytes.
	Size int64
}

// Start gives StartTime as a time in UTC.
func (h *Header) Start() time.Time { return time.UnixMilli(h.StartTime).UTC() }

// End gives EndTime as a time in UTC.
func (h *Header) End() time.Time { return time.UnixMilli(h.EndTime).UTC() }

// Releases names the Memray releases that write this header version.
func (h *Header) Releases() string {
	if h.Version < MinVersion || h.Version > MaxVersion {
		return ""
	}
	return releases[h.Version-MinVersion]
}

// The header versions that are read.
const (
	MinVersion = 6
	MaxVersion = 13
)

var releases = [MaxVersion - MinVersion + 1]string{
	"1.0.0-1.0.3", "1.1.0", "1.2.0-1.3.1", "1.4.0-1.6.0",
	"1.7.0-1.10.0", "1.11.0-1.18.0", "1.19.0-1.19.3", "1.20.0",
}

// Python gives PythonVersion as Python itself would: 0x030d00c2 is "3.13.0rc2". It is empty
// before header 12, which is the first to say.
func (h *Header) Python() string {
	v := h.PythonVersion
	if v == 0 {
		return ""
	}
	text := fmt.Sprintf("%d.%d.%d", v>>24, v>>16&0xff, v>>8&0xff)
	if level := map[uint32]string{0xa: "a", 0xb: "b", 0xc: "rc"}[v>>4&0xf]; level != "" {
		text += fmt.Sprintf("%s%d", level, v&0xf)
	}
	return text
}

// AllocatorName names the memory allocator of the traced interpreter, as in Memray's metadata.
func (h *Header) AllocatorName() string {
	names := [...]string{"", "pymalloc", "pymalloc debug", "malloc", "other", "mimalloc", "mimalloc debug"}
	if h.PythonAllocator < 1 || int(h.PythonAllocator) >= len(names) {
		return "other"
	}
	return names[h.PythonAllocator]
}
