package codec

// Kind says what a Record holds, and so which of its fields are set.
type Kind uint8

// The kinds of records of all header versions, after normalising.
const (
	// KindContextSwitch: Thread becomes the current thread (headers 7 on).
	KindContextSwitch Kind = iota + 1
	// KindAllocation: an allocation or, when Allocator.Frees(), a deallocation:
	// Thread, Allocator, Address, Size (0 for simple frees from header 7 on), Native.
	KindAllocation
	// KindFramePush: Thread, Frame; from header 12 on also Instruction and Entry.
	KindFramePush
	// KindFramePop: Thread, Count frames.
	KindFramePop
	// KindFrame defines frame Frame: Function, File, Line, Entry (headers 6 to 11,
	// both file formats). In aggregated captures from header 12 on: Frame, Code, Instruction, Entry.
	KindFrame
	// KindCode defines code object Code: Function, File, Line (its first line), LineTable (headers 12 on).
	KindCode
	// KindNativeTrace defines the next native node, counting from 1: IP, Parent.
	KindNativeTrace
	// KindMapStart begins a new listing of loaded images (a generation).
	KindMapStart
	// KindImage: File is loaded with bias Address; Count segments follow.
	KindImage
	// KindSegment: Address (relative to the image's bias), Size.
	KindSegment
	// KindThreadName: Thread is named Name.
	KindThreadName
	// KindMemory: Time, RSS.
	KindMemory
	// KindObject: Thread created or destroyed (Created) the object at Address, Native.
	KindObject
	// KindHeapSnapshot: Time, RSS, Heap (aggregated captures).
	KindHeapSnapshot
	// KindPythonTrace defines the next Python stack node, counting from 1: Frame, Parent (aggregated captures).
	KindPythonTrace
	// KindAggregated: one row, in Thread, Allocator, Native and Row (aggregated captures).
	KindAggregated
	// KindSurvivor: the object at Address was alive at the end, Native (aggregated captures from header 12 on).
	KindSurvivor
	// KindTrailer: the writer ended regularly. The last record.
	KindTrailer

	numKinds
)

var kindNames = [numKinds]string{
	"", "CONTEXT_SWITCH", "ALLOCATION", "FRAME_PUSH", "FRAME_POP", "FRAME_INDEX", "CODE_OBJECT",
	"NATIVE_TRACE_INDEX", "MEMORY_MAP_START", "SEGMENT_HEADER", "SEGMENT", "THREAD_RECORD",
	"MEMORY_RECORD", "OBJECT_RECORD", "MEMORY_SNAPSHOT", "PYTHON_TRACE_INDEX",
	"AGGREGATED_ALLOCATION", "SURVIVING_OBJECT", "TRAILER",
}

// String gives Memray's name of the record.
func (k Kind) String() string {
	if k >= numKinds || k == 0 {
		return "record"
	}
	return kindNames[k]
}

// Kinds is the number of kinds plus one: the length of an array indexed by Kind.
const Kinds = int(numKinds)

// Record is one record of a capture. Only the fields named at its Kind are
// meaningful; the others hold whatever earlier records left there. A Record and the
// byte slices in it are valid until the next call of Reader.Next.
type Record struct {
	Kind      Kind
	Allocator Allocator
	// Entry is true when the C-level evaluation loop was entered for this frame.
	Entry bool
	// Created tells a created object (true) from a destroyed one.
	Created bool
	// HasNative tells, for allocations of headers 7 to 11, that the record is of the
	// form with a native stack (which may still be 0).
	HasNative bool
	// Line is the line of a frame, or the first line of a code object.
	Line int32
	// Count is the number of frames popped, or of segments declared.
	Count uint64
	// Thread is the id of the thread the record belongs to: a pthread_t up to header 8, a small number from 9 on.
	Thread uint64
	// Address is a block's address, an image's load bias, or a segment's offset from it.
	Address uint64
	// Size is in bytes.
	Size uint64
	// Native is the number of a native stack node; 0 is none.
	Native uint64
	// Frame is a frame id (headers 6 to 11, and in aggregated captures) or the id of a code object (FramePush from 12 on).
	Frame uint64
	// Code is the id of a code object.
	Code uint64
	// Instruction is the offset of the instruction in its code object, as written; -1 is before the first.
	Instruction int64
	// Time is in milliseconds since 1970 UTC.
	Time int64
	// RSS and Heap are in bytes.
	RSS, Heap uint64
	// IP is a return address.
	IP uint64
	// Parent is the number of the parent node; 0 is the root.
	Parent uint64
	// Function, File and Name are as written, without the closing NUL; not necessarily UTF-8.
	Function, File, Name []byte
	// LineTable is co_linetable or co_lnotab, by the header's Python version.
	LineTable []byte
	// Row holds the numbers of an aggregated row.
	Row Row
}

// Row is what an aggregated capture says of one (thread, allocator, native stack, Python stack, generation).
type Row struct {
	// Stack is the number of the Python stack node; 0 is none.
	Stack uint64
	// Generation is the number of the image listing (from 1) that Native's addresses belong to.
	Generation uint64
	// PeakCount and LeakedCount are numbers of allocations, PeakBytes and LeakedBytes their sizes.
	PeakCount, LeakedCount, PeakBytes, LeakedBytes uint64
}
