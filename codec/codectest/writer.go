// Package codectest builds captures for tests: of every header version and file
// format, of 64-bit and 32-bit processes, whole or broken, from records (Writer) or
// from the text that `memvault dump -x` prints (Assemble, Capture).
//
// It was written from the description of the format (facts: sections 3 to 6), not from
// package codec's decoders, so that the two check each other.
package codectest

import (
	"encoding/binary"
	"fmt"

	"github.com/memvault/memvault/codec"
)

// A Writer encodes records as the Memray releases of one header version do: with the
// same delta and pointer caches, and a context switch before a record of another thread.
type Writer struct {
	h   codec.Header
	buf []byte
	err error
	// encode writes one record in the dialect of the header.
	encode func(*Writer, *codec.Record)
	// pads are the byte ranges of struct padding: Memray leaves garbage there.
	pads [][2]int

	allocations, frames uint64
	// The caches (facts: section 3). line holds frames' lines up to header 11 and first lines from 12 on.
	thread, ptr, ip, native, frame uint64
	line                           int32
	recent                         [15]uint64
}

// NewWriter returns a Writer that has written header h. Word 0 means 8. A version
// outside 6 to 13 is written in the layout of the nearest one, for tests of its refusal.
func NewWriter(h codec.Header) *Writer {
	if h.Word == 0 {
		h.Word = 8
	}
	w := &Writer{h: h}
	switch {
	case h.Format == codec.AggregatedAllocations && h.Version >= 10:
		w.encode = (*Writer).aggregated
	case h.Version <= 6:
		w.encode = (*Writer).raw
	case h.Version <= 11:
		w.encode = (*Writer).compact
	default:
		w.encode = (*Writer).prefixed
	}
	w.header()
	return w
}

// Record appends rec as codec.Reader.Next gives it. What rec's header version cannot
// express is an error of Bytes.
func (w *Writer) Record(rec *codec.Record) {
	switch rec.Kind {
	case codec.KindAllocation:
		w.allocations++
	case codec.KindFrame:
		w.frames++
	}
	w.encode(w, rec)
}

// Raw appends bytes as they are.
func (w *Writer) Raw(b ...byte) { w.buf = append(w.buf, b...) }

// Finish writes what Memray writes when tracking ends: the trailer (header 8 on), and
// the header once more, with the numbers of allocations and frames.
func (w *Writer) Finish() {
	if w.h.Version >= 8 {
		w.Record(&codec.Record{Kind: codec.KindTrailer})
	}
	if w.h.Format != codec.AggregatedAllocations {
		w.h.Allocations = w.allocations
	}
	if w.h.Version < 12 {
		w.h.Frames = w.frames
	}
	end := &Writer{h: w.h}
	end.header()
	copy(w.buf, end.buf)
}

// Bytes returns the capture so far, and the first error of any call before.
func (w *Writer) Bytes() ([]byte, error) { return w.buf, w.err }

// fail keeps the first error.
func (w *Writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// refuse says that the dialect has no such record.
func (w *Writer) refuse(rec *codec.Record) {
	w.fail("write record: %s in header version %d, %s", rec.Kind, w.h.Version, w.h.Format)
}

func (w *Writer) header() {
	h, v := &w.h, w.h.Version
	w.text("memray")
	w.u32(uint32(v))
	if v >= 12 {
		w.u32(h.PythonVersion)
	}
	w.bit(h.NativeTraces)
	if v >= 10 {
		w.Raw(byte(h.Format))
	}
	w.word(h.Allocations)
	w.word(h.Frames)
	w.u64(uint64(h.StartTime))
	w.u64(uint64(h.EndTime))
	w.text(h.CommandLine)
	w.u32(uint32(h.PID))
	if v >= 9 {
		w.word(h.MainThread)
		w.word(h.SkippedFrames)
	}
	if v >= 8 {
		w.Raw(byte(h.PythonAllocator))
	} else {
		w.u32(uint32(h.PythonAllocator))
	}
	if v >= 11 {
		w.bit(h.TracesPython)
	}
	if v >= 12 {
		w.bit(h.TracksObjects)
	}
	if v >= 13 {
		w.text(h.LibDest)
		w.list(h.SitePackages)
		w.list(h.SysPath)
	}
}

func (w *Writer) list(folders []string) {
	for _, f := range folders {
		w.text(f)
	}
	w.text("")
}

func (w *Writer) text(s string) { w.buf = append(append(w.buf, s...), 0) }

func (w *Writer) cstr(b []byte) { w.buf = append(append(w.buf, b...), 0) }

func (w *Writer) bit(b bool) {
	if b {
		w.Raw(1)
	} else {
		w.Raw(0)
	}
}

func (w *Writer) u32(v uint32) { w.buf = binary.LittleEndian.AppendUint32(w.buf, v) }

func (w *Writer) u64(v uint64) { w.buf = binary.LittleEndian.AppendUint64(w.buf, v) }

// word writes a size_t: 4 bytes in captures of 32-bit processes.
func (w *Writer) word(v uint64) {
	if w.h.Word == 4 {
		w.u32(uint32(v))
	} else {
		w.u64(v)
	}
}

// pad writes n bytes of struct padding.
func (w *Writer) pad(n int) {
	w.pads = append(w.pads, [2]int{len(w.buf), len(w.buf) + n})
	w.buf = append(w.buf, make([]byte, n)...)
}

func (w *Writer) uvarint(v uint64) {
	if w.h.Word == 4 && w.h.Version < 12 {
		v = uint64(uint32(v)) // Memray's varints were size_t before header 12.
	}
	w.buf = binary.AppendUvarint(w.buf, v)
}

func (w *Writer) svarint(v int64) { w.buf = binary.AppendVarint(w.buf, v) }

// size writes a size_t as a varint.
func (w *Writer) size(v uint64) {
	if w.h.Word == 4 {
		v = uint64(uint32(v))
	}
	w.uvarint(v)
}

// delta writes v as the difference to *cache, which it becomes. 32-bit writers take the
// difference in 32 bits: signed up to header 11, unsigned from 12 on (facts: section 5.6).
func (w *Writer) delta(cache *uint64, v uint64) {
	d := int64(v - *cache)
	*cache = v
	switch {
	case w.h.Word != 4:
	case w.h.Version >= 12:
		d = int64(uint32(d))
	default:
		d = int64(int32(d))
	}
	w.svarint(d)
}

// lineDelta is delta for lines, which are a C int everywhere.
func (w *Writer) lineDelta(v int32) {
	w.svarint(int64(v - w.line))
	w.line = v
}
