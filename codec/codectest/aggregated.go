package codectest

import "github.com/memvault/memvault/codec"

// aggregated writes the records of aggregated captures (facts: sections 5.4 and 5.5).
func (w *Writer) aggregated(rec *codec.Record) {
	switch rec.Kind {
	case codec.KindHeapSnapshot:
		w.Raw(1)
		if w.h.Version >= 12 {
			w.u64(uint64(rec.Time))
		} else {
			w.word(uint64(rec.Time))
		}
		w.word(rec.RSS)
		w.word(rec.Heap)
	case codec.KindAggregated:
		w.row(rec)
	case codec.KindPythonTrace:
		w.Raw(3)
		if w.h.Version >= 12 {
			w.size(rec.Frame)
			w.size(rec.Parent)
			return
		}
		w.word(rec.Frame)
		w.u32(uint32(rec.Parent))
	case codec.KindFrame:
		w.aggregatedFrame(rec)
	case codec.KindThreadName:
		w.contextSwitch(rec)
		w.shared(rec)
	case codec.KindSurvivor:
		w.Raw(13)
		w.size(rec.Address >> 3)
		if w.h.NativeTraces {
			w.size(rec.Native)
		}
	case codec.KindCode:
		w.code(rec)
	case codec.KindTrailer:
		w.Raw(15)
	default:
		w.shared(rec)
	}
	if w.h.Version < 12 && (rec.Kind == codec.KindSurvivor || rec.Kind == codec.KindCode) {
		w.refuse(rec)
	}
}

// row writes the C struct of one aggregated row.
func (w *Writer) row(rec *codec.Record) {
	w.Raw(2)
	w.word(rec.Thread)
	w.Raw(w.allocator(rec.Allocator))
	w.pad(w.h.Word - 1)
	w.word(rec.Native)
	w.word(rec.Row.Stack)
	w.word(rec.Row.Generation)
	w.word(rec.Row.PeakCount)
	w.word(rec.Row.LeakedCount)
	w.word(rec.Row.PeakBytes)
	w.word(rec.Row.LeakedBytes)
}

func (w *Writer) aggregatedFrame(rec *codec.Record) {
	w.Raw(4)
	if w.h.Version >= 12 {
		w.size(rec.Frame)
		w.size(rec.Code)
		w.svarint(rec.Instruction)
	} else {
		w.word(rec.Frame)
		w.cstr(rec.Function)
		w.cstr(rec.File)
		w.u32(uint32(rec.Line))
	}
	w.bit(rec.Entry)
}
