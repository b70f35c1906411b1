package codectest

import (
	"slices"

	"github.com/memvault/memvault/codec"
)

// raw writes the records of header 6: memory images of C structs behind a 4-byte tag (facts: section 5.1).
func (w *Writer) raw(rec *codec.Record) {
	tags := [...]codec.Kind{
		1: codec.KindAllocation, 2: codec.KindFrame, 3: codec.KindFramePush, 4: codec.KindNativeTrace,
		5: codec.KindMapStart, 6: codec.KindImage, 7: codec.KindSegment, 8: codec.KindFramePop,
		9: codec.KindThreadName, 10: codec.KindMemory,
	}
	tag := slices.Index(tags[:], rec.Kind)
	if tag < 1 {
		w.refuse(rec)
		return
	}
	w.u32(uint32(tag))
	switch rec.Kind {
	case codec.KindAllocation:
		w.word(rec.Thread)
		w.word(rec.Address)
		w.word(rec.Size)
		w.u32(uint32(w.allocator(rec.Allocator)))
		w.pad(w.h.Word - 4)
		w.word(rec.Native)
	case codec.KindFrame:
		w.word(rec.Frame)
		w.cstr(rec.Function)
		w.cstr(rec.File)
		w.u32(uint32(rec.Line))
	case codec.KindFramePush:
		w.word(rec.Frame)
		w.word(rec.Thread)
	case codec.KindNativeTrace:
		w.word(rec.IP)
		w.u32(uint32(rec.Parent))
		w.pad(w.h.Word - 4)
	case codec.KindImage:
		w.cstr(rec.File)
		w.word(rec.Count)
		w.word(rec.Address)
	case codec.KindSegment:
		w.word(rec.Address)
		w.word(rec.Size)
	case codec.KindFramePop:
		if rec.Count > 255 {
			w.fail("write record: FRAME_POP of %d frames, header version 6 has 255 at most", rec.Count)
		}
		w.word(rec.Thread)
		w.Raw(byte(rec.Count))
		w.pad(w.h.Word - 1)
	case codec.KindThreadName:
		w.word(rec.Thread)
		w.cstr(rec.Name)
	case codec.KindMemory:
		w.word(uint64(rec.Time))
		w.word(rec.RSS)
	}
}

// compact writes the event streams of headers 7 to 11: a type in the low nibble, flags in the high one (facts: section 5.2).
func (w *Writer) compact(rec *codec.Record) {
	w.contextSwitch(rec)
	switch rec.Kind {
	case codec.KindAllocation:
		flags := w.allocator(rec.Allocator) << 4
		if rec.HasNative {
			w.Raw(2 | flags)
		} else {
			w.Raw(1 | flags)
		}
		w.delta(&w.ptr, rec.Address)
		if rec.HasNative || !simpleFree(rec.Allocator) {
			w.size(rec.Size)
		}
		if rec.HasNative {
			w.delta(&w.native, rec.Native)
		}
	case codec.KindFrame:
		tag := byte(3)
		if !rec.Entry {
			tag |= 1 << 4
		}
		w.Raw(tag)
		w.delta(&w.frame, rec.Frame)
		w.cstr(rec.Function)
		w.cstr(rec.File)
		w.lineDelta(rec.Line)
	case codec.KindFramePush:
		w.Raw(4)
		w.delta(&w.frame, rec.Frame)
	case codec.KindFramePop:
		w.pops(rec.Count, func(n byte) byte { return 9 | n<<4 })
	case codec.KindMemory:
		w.Raw(11)
		w.size(rec.RSS)
		w.uvarint(uint64(rec.Time - w.h.StartTime))
	case codec.KindTrailer:
		if w.h.Version < 8 {
			w.refuse(rec)
		}
		w.Raw(0x10)
	default:
		w.shared(rec)
	}
}

// prefixed writes the event streams of headers 12 and 13: prefix-coded tags (facts: section 5.3).
func (w *Writer) prefixed(rec *codec.Record) {
	w.contextSwitch(rec)
	switch rec.Kind {
	case codec.KindAllocation:
		w.prefixedAllocation(rec)
	case codec.KindFramePush:
		tag := byte(0x40)
		if rec.Entry {
			tag |= 1
		}
		w.Raw(tag)
		w.size(rec.Frame)
		w.svarint(rec.Instruction)
	case codec.KindObject:
		tag := byte(0x20)
		if rec.Created {
			tag |= 1
		}
		w.pointer(tag, 1, rec.Address)
		if rec.Created && w.h.NativeTraces {
			w.delta(&w.native, rec.Native)
		}
	case codec.KindFramePop:
		w.pops(rec.Count, func(n byte) byte { return 0x10 | n })
	case codec.KindMemory:
		w.Raw(2)
		w.size(rec.RSS)
		w.uvarint(uint64(rec.Time - w.h.StartTime))
	case codec.KindCode:
		w.code(rec)
	case codec.KindTrailer:
		w.Raw(1)
	default:
		w.shared(rec)
	}
}

func (w *Writer) prefixedAllocation(rec *codec.Record) {
	id := w.allocator(rec.Allocator)
	tag := byte(0x80)
	if id < 8 {
		tag |= id
	}
	w.pointer(tag, 3, rec.Address)
	if id >= 8 || id == 0 {
		w.Raw(id)
	}
	if simpleFree(rec.Allocator) {
		return
	}
	if w.h.NativeTraces {
		w.delta(&w.native, rec.Native)
	}
	w.size(rec.Size)
}

// pointer writes tag with the pointer's place among the recent ones at bit shift, and the pointer when it is not there.
func (w *Writer) pointer(tag byte, shift uint, v uint64) {
	if i := slices.Index(w.recent[:], v); i >= 0 {
		w.Raw(tag | byte(i)<<shift)
		return
	}
	copy(w.recent[1:], w.recent[:])
	w.recent[0] = v
	w.Raw(tag | 15<<shift)
	w.delta(&w.ptr, v>>3)
}

// pops writes records of 16 frames at most, as Memray does; none for 0 frames.
func (w *Writer) pops(count uint64, tag func(n byte) byte) {
	const limit = 1 << 20 // A test that pops more wants another number.
	if count > limit {
		w.fail("write record: FRAME_POP of %d frames, want at most %d", count, limit)
		return
	}
	for ; count > 16; count -= 16 {
		w.Raw(tag(15))
	}
	if count > 0 {
		w.Raw(tag(byte(count - 1)))
	}
}

// contextSwitch writes one where rec belongs to another thread than the record before it. The first thread is 0.
func (w *Writer) contextSwitch(rec *codec.Record) {
	switch rec.Kind {
	case codec.KindAllocation, codec.KindFramePush, codec.KindFramePop, codec.KindThreadName, codec.KindObject:
		if rec.Thread != w.thread {
			w.shared(&codec.Record{Kind: codec.KindContextSwitch, Thread: rec.Thread})
		}
	}
}

// shared writes the records that are the same in all dialects but that of header 6.
func (w *Writer) shared(rec *codec.Record) {
	switch rec.Kind {
	case codec.KindNativeTrace:
		w.Raw(5)
		w.delta(&w.ip, rec.IP)
		w.delta(&w.native, rec.Parent)
	case codec.KindMapStart:
		w.Raw(6)
	case codec.KindImage:
		w.Raw(7)
		w.cstr(rec.File)
		w.uvarint(rec.Count)
		w.word(rec.Address)
	case codec.KindSegment:
		w.Raw(8)
		w.word(rec.Address)
		w.size(rec.Size)
	case codec.KindThreadName:
		w.Raw(10)
		w.cstr(rec.Name)
	case codec.KindContextSwitch:
		w.Raw(12)
		w.word(rec.Thread)
		w.thread = rec.Thread
	default:
		w.refuse(rec)
	}
}

func (w *Writer) code(rec *codec.Record) {
	w.Raw(14)
	w.size(rec.Code)
	w.cstr(rec.Function)
	w.cstr(rec.File)
	w.lineDelta(rec.Line)
	w.uvarint(uint64(len(rec.LineTable)))
	w.Raw(rec.LineTable...)
}
