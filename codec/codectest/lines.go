package codectest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/memvault/memvault/codec"
)

// records says how the line of each record is read, by the line's first word.
var records = map[string]func(*line, *codec.Header, *codec.Record){
	"CONTEXT_SWITCH": func(l *line, _ *codec.Header, rec *codec.Record) {
		rec.Kind, rec.Thread = codec.KindContextSwitch, l.number("tid")
	},
	"ALLOCATION": allocationLine,
	"ALLOCATION_WITH_NATIVE": func(l *line, h *codec.Header, rec *codec.Record) {
		allocationLine(l, h, rec)
		rec.HasNative = true
	},
	"FRAME_PUSH": framePushLine,
	"FRAME_POP": func(l *line, h *codec.Header, rec *codec.Record) {
		rec.Kind, rec.Thread = codec.KindFramePop, threadField(l, h, rec)
		rec.Count = l.number("count")
	},
	"FRAME_ID":           frameLine,
	"PYTHON_FRAME_INDEX": frameLine,
	"CODE_OBJECT":        codeLine,
	"NATIVE_FRAME_ID":    nativeLine,
	"NATIVE_TRACE_INDEX": nativeLine,
	"MEMORY_MAP_START": func(_ *line, _ *codec.Header, rec *codec.Record) {
		rec.Kind = codec.KindMapStart
	},
	"SEGMENT_HEADER": func(l *line, _ *codec.Header, rec *codec.Record) {
		rec.Kind, rec.File = codec.KindImage, l.text("filename", "num_segments")
		rec.Count, rec.Address = l.number("num_segments"), l.number("addr")
	},
	"SEGMENT": func(l *line, _ *codec.Header, rec *codec.Record) {
		rec.Kind, rec.Address = codec.KindSegment, l.parse("address", l.word())
		rec.Size = l.parse("size", "0x"+l.word())
	},
	"THREAD":        threadNameLine,
	"THREAD_RECORD": threadNameLine,
	"MEMORY": func(l *line, h *codec.Header, rec *codec.Record) {
		// Header 6 has "MEMORY RECORD", with a space.
		if l.word() != "RECORD" {
			l.fail(errors.New("want MEMORY RECORD"))
		}
		memoryLine(l, h, rec)
	},
	"MEMORY_RECORD": memoryLine,
	"OBJECT_RECORD": func(l *line, _ *codec.Header, rec *codec.Record) {
		rec.Kind, rec.Address = codec.KindObject, l.number("address")
		rec.Native = l.optional("native_frame_id", 0)
		rec.Created = l.number("created") != 0
	},
	"MEMORY_SNAPSHOT": func(l *line, _ *codec.Header, rec *codec.Record) {
		rec.Kind, rec.Time = codec.KindHeapSnapshot, int64(l.number("time"))
		rec.RSS, rec.Heap = l.number("rss"), l.number("heap")
	},
	"PYTHON_TRACE_INDEX": func(l *line, _ *codec.Header, rec *codec.Record) {
		rec.Kind, rec.Frame = codec.KindPythonTrace, l.number("frame_id")
		rec.Parent = l.number("parent_index")
	},
	"AGGREGATED_ALLOCATION": rowLine,
	"SURVIVING_OBJECT": func(l *line, _ *codec.Header, rec *codec.Record) {
		// Memray prints "0x" twice.
		l.rest = strings.Replace(l.rest, "address=0x0x", "address=0x", 1)
		l.rest = strings.Replace(l.rest, "address=0x(nil)", "address=(nil)", 1)
		rec.Kind, rec.Address = codec.KindSurvivor, l.number("address")
		rec.Native = l.optional("native_frame_id", 0)
	},
	"TRAILER":            trailerLine,
	"AGGREGATED_TRAILER": trailerLine,
}

func trailerLine(_ *line, _ *codec.Header, rec *codec.Record) { rec.Kind = codec.KindTrailer }

// threadField is the tid that lines of header 6 have; later ones are about the current thread.
func threadField(l *line, h *codec.Header, rec *codec.Record) uint64 {
	if h.Version == 6 {
		return l.number("tid")
	}
	return rec.Thread
}

func allocationLine(l *line, h *codec.Header, rec *codec.Record) {
	rec.Kind, rec.Thread = codec.KindAllocation, threadField(l, h, rec)
	rec.Address, rec.Size = l.number("address"), l.number("size")
	rec.Allocator = allocatorField(l)
	rec.Native = l.optional("native_frame_id", 0)
}

// allocatorField reads an allocator's name, or Memray's "<unknown allocator 19>".
func allocatorField(l *line) codec.Allocator {
	s := string(l.text("allocator", "native_frame_id"))
	for a := codec.PymallocFree; a <= codec.Munmap; a++ {
		if a.String() == s {
			return a
		}
	}
	var n uint8
	if _, err := fmt.Sscanf(s, "<unknown allocator %d>", &n); err != nil {
		l.fail(fmt.Errorf("allocator %q is unknown", s))
	}
	if codec.Allocator(n).Valid() {
		l.fail(fmt.Errorf("allocator %d is known as %s", n, codec.Allocator(n)))
	}
	return codec.Allocator(n)
}

func framePushLine(l *line, h *codec.Header, rec *codec.Record) {
	rec.Kind, rec.Thread = codec.KindFramePush, threadField(l, h, rec)
	if h.Version < 12 {
		rec.Frame = l.number("frame_id")
		return
	}
	rec.Frame = l.number("code_object_id")
	rec.Instruction = int64(l.number("instruction_offset"))
	rec.Entry = l.optional("is_entry_frame", 1) != 0
}

func frameLine(l *line, h *codec.Header, rec *codec.Record) {
	rec.Kind, rec.Frame = codec.KindFrame, l.number("frame_id")
	if h.Version >= 12 {
		rec.Code, rec.Instruction = l.number("code_object_id"), int64(l.number("instruction_offset"))
	} else {
		rec.Function, rec.File = l.text("function_name", "filename"), l.text("filename", "lineno")
		rec.Line = int32(l.number("lineno"))
	}
	rec.Entry = l.optional("is_entry_frame", 1) != 0
}

func codeLine(l *line, _ *codec.Header, rec *codec.Record) {
	rec.Kind, rec.Code = codec.KindCode, l.number("code_id")
	rec.Function, rec.File = l.text("function_name", "filename"), l.text("filename", "firstlineno")
	rec.Line = int32(l.number("firstlineno"))
	size := l.optional("linetable_size", 0)
	rec.LineTable = l.bytes("linetable")
	if n := uint64(len(rec.LineTable)); n < size {
		l.fail(fmt.Errorf("linetable_size=%d but %d bytes in linetable=: the line must be of dump -x", size, n))
	}
}

func nativeLine(l *line, _ *codec.Header, rec *codec.Record) {
	rec.Kind, rec.IP, rec.Parent = codec.KindNativeTrace, l.number("ip"), l.number("index")
}

func threadNameLine(l *line, h *codec.Header, rec *codec.Record) {
	rec.Kind = codec.KindThreadName
	if h.Version == 6 {
		rec.Thread = l.parse("tid", l.word())
	}
	if strings.HasPrefix(l.rest, `"`) {
		rec.Name = []byte(l.quoted(l.rest))
		return
	}
	rec.Name, l.rest = []byte(l.rest), ""
}

func memoryLine(l *line, h *codec.Header, rec *codec.Record) {
	rec.Kind, rec.Time = codec.KindMemory, int64(l.number("time"))
	if h.Version >= 12 {
		rec.RSS = l.number("memory")
	} else {
		rec.RSS = l.hex("memory")
	}
}

func rowLine(l *line, _ *codec.Header, rec *codec.Record) {
	rec.Kind, rec.Thread, rec.Allocator = codec.KindAggregated, l.number("tid"), allocatorField(l)
	rec.Native, rec.Row.Stack = l.optional("native_frame_id", 0), l.number("python_frame_id")
	rec.Row.Generation = l.optional("native_segment_generation", 0)
	rec.Row.PeakCount = l.number("n_allocations_in_high_water_mark")
	rec.Row.LeakedCount = l.number("n_allocations_leaked")
	rec.Row.PeakBytes = l.number("bytes_in_high_water_mark")
	rec.Row.LeakedBytes = l.number("bytes_leaked")
}
