// Package heap makes one aggregated model, a Profile, of the records of a capture,
// in one pass. It is the only code that knows about frees, partial unmaps and the
// high-water mark; converters and reports loop over the samples of the Profile.
package heap

import (
	"strconv"
	"strings"

	"github.com/memvault/memvault/codec"
)

// Value is a number of allocations and their size in bytes.
type Value struct {
	Count, Bytes uint64
}

// View selects one of the four values of a Sample.
type View uint8

// The views.
const (
	// Total: all that was allocated.
	Total View = iota
	// Temporary: allocated and freed again at once (see Options.Threshold).
	Temporary
	// Live: allocated and not freed at the end, which Memray calls leaks.
	Live
	// Peak: alive at the high-water mark.
	Peak

	// Views is the number of views.
	Views = 4
)

// String names the view as the flags of the command line do.
func (v View) String() string {
	return [...]string{"total", "temporary", "leaks", "peak"}[v]
}

// Sample is what was allocated at one place: one Python stack, native stack, thread and allocator.
type Sample struct {
	// Stack is an index into Profile.Stacks; 0 is no Python stack.
	Stack uint32
	// Native is an index into Profile.Natives; 0 is no native stack.
	Native uint32
	// Images is an index into Profile.Images: the listing that resolves Native's addresses.
	Images uint32
	// Thread is an index into Profile.Threads.
	Thread uint32
	// Allocator is the function that allocated.
	Allocator codec.Allocator
	// Values holds the four views, indexed by View. In aggregated captures only Live and Peak are known.
	Values [Views]Value
}

// Stack is a node of the tree of Python stacks: a frame and its caller.
type Stack struct {
	// Parent is an index into Profile.Stacks, less than the node's own; 0 is the root, whose fields are all 0.
	Parent uint32
	// Frame is an index into Profile.Frames.
	Frame uint32
	// Depth is the number of frames of the stack: 0 for the root.
	Depth uint32
}

// Frame is a line of a function.
type Frame struct {
	// Function is co_name, File is co_filename. Always valid UTF-8.
	Function, File string
	// Line is the line that ran; 0 when it is not known.
	Line int32
	// FirstLine is the first line of the function; 0 before header 12.
	FirstLine int32
	// Entry is true when the C-level evaluation loop was entered for this frame.
	Entry bool
}

// Thread is a thread, or a greenlet, of the traced process.
type Thread struct {
	// ID is a pthread_t up to header 8 and a small number from header 9 on.
	ID uint64
	// Name is empty when the capture has none.
	Name string
	// Main is true for the thread that started tracking (header 9 on).
	Main bool
}

// longName is how many bytes of a thread's name String gives: the name is part of each row of many
// reports, and captures can hold a name of a megabyte.
const longName = 1000

// String names the thread as Memray does: "0x1 (MainThread)", or "0x1" if it has no name.
func (t *Thread) String() string {
	id := "0x" + strconv.FormatUint(t.ID, 16)
	switch name := t.Name; {
	case name == "":
		return id
	case len(name) > longName:
		return id + " (" + strings.ToValidUTF8(name[:longName], "") + "...)"
	default:
		return id + " (" + name + ")"
	}
}

// Native is a node of the tree of native stacks: a return address and its caller.
type Native struct {
	IP uint64
	// Parent is an index into Profile.Natives, less than the node's own; 0 is the root.
	Parent uint32
}

// Image is a file that was loaded into the process.
type Image struct {
	File string
	// Bias is added to the file's own (link-time) addresses to give those of the process.
	Bias uint64
	// Segments are relative to Bias.
	Segments []Segment
}

// Segment is a part of an Image, relative to its bias.
type Segment struct {
	Address, Size uint64
}

// Point is one moment of the memory series.
type Point struct {
	// Time is in milliseconds since 1970 UTC.
	Time int64
	// RSS and Heap are in bytes. A point that stands for several holds the maximum of each.
	RSS, Heap uint64
}

// Window is the part of a capture that was asked for, as it truly is: bounds snap to memory records.
type Window struct {
	// From and Until are in milliseconds since 1970 UTC.
	From, Until int64
}

// Profile is what a capture, or a window of it, says about the heap.
type Profile struct {
	Header codec.Header
	Status codec.Status
	// Aggregated captures know neither Total nor Temporary, and their peak is a sum.
	Aggregated bool
	// LikeMemray tells that the numbers are Memray's own where it is wrong or arbitrary.
	LikeMemray bool
	// Threshold is the N of "freed with at most N other allocations between".
	Threshold int
	// Window is nil when the whole capture was read.
	Window *Window

	Samples []Sample
	Stacks  []Stack
	Frames  []Frame
	Threads []Thread
	Natives []Native
	// Images holds listings of loaded images. Index 0 is the empty listing.
	Images [][]Image

	// Series is the memory over time, at most Options.Points of them.
	Series []Point
	// Stride is how many memory records a point of Series stands for.
	Stride int

	// Kept is beside Samples, in a window that begins later than the capture: what was made in the
	// window and is alive at its end, the leaks in it. Older blocks count in Live too. Nil otherwise.
	Kept []Value
	// Sizes counts the allocations of Total by size, ascending, if Options.Sizes asks for it: not nil
	// then, but in aggregated captures, which do not tell. SizesRounded of them had one of so many
	// distinct sizes that it is rounded down, by less than a thousandth.
	Sizes        []SizeCount
	SizesRounded uint64

	// History is what was alive over time, if Options.Slices asks for it. Maxima are what each stack
	// held at most, if Options.Maxima asks for them: MaximumOf, beside Samples, tells which is that of
	// a sample. Samples whose stacks show the same, frame by frame, share one. All are nil otherwise,
	// and in aggregated captures, which do not tell. In windows, Samples then holds also
	// those that are of no view.
	History   *History
	Maxima    []Maximum
	MaximumOf []uint32

	// Oldest is beside Samples, if Options.Oldest asks for it: the number, from 1, of the event that
	// made the oldest allocation that a view counts. 0 is none, or not known: Temporary is
	// told with LikeMemray only. Nil otherwise, and in aggregated captures.
	Oldest [][Views]uint64

	// PeakBytes is the largest size of the heap, PeakTime the time of the last memory
	// record before it (0 when there is none).
	PeakBytes uint64
	PeakTime  int64
	// Events is the number of allocations and deallocations read.
	Events uint64
	// Kinds counts the records read, by codec.Kind.
	Kinds [codec.Kinds]uint64
	// Unknown counts references to frames, code objects, nodes and images that are
	// nowhere defined, and pops of frames that were never pushed.
	Unknown uint64
	// Dropped counts pieces of mappings that were too many to keep, and so seem unmapped. It is 0
	// but in captures that are made to exhaust memory.
	Dropped uint64

	mergedCounts bool // see Rows
	points       int  // the most that Series may have; 0 is MaxSeries
}
