package codec

import "strconv"

// AppendText appends the line that `memray parse` prints for rec in a capture with
// header h, without the newline, and returns the extended slice. It is the line of the
// newest Memray release that writes h's version (facts: section 1), byte for byte, with
// one exception: times of 32-bit captures are printed whole.
//
// With extended the line also holds what Memray leaves out (linetable=HEX of code
// objects, created=0|1 of objects), and strings that would break the line, or make it
// ambiguous, are quoted as in Go. codectest.Assemble turns such lines back into bytes.
//
// Nothing is allocated but room in dst, and a copy of each string that is quoted.
func (rec *Record) AppendText(dst []byte, h *Header, extended bool) []byte {
	p := linePrinter{dst: dst, h: h, extended: extended}
	switch rec.Kind {
	case KindContextSwitch:
		p.text("CONTEXT_SWITCH tid=").unsigned(rec.Thread)
	case KindAllocation:
		p.allocation(rec)
	case KindFramePush:
		p.framePush(rec)
	case KindFramePop:
		p.framePop(rec)
	case KindFrame:
		p.frame(rec)
	case KindCode:
		p.code(rec)
	case KindNativeTrace:
		p.either("NATIVE_FRAME_ID", "NATIVE_TRACE_INDEX")
		p.text(" ip=").pointer(rec.IP).text(" index=").unsigned(rec.Parent)
	case KindMapStart:
		p.text("MEMORY_MAP_START")
	case KindImage:
		p.text("SEGMENT_HEADER filename=").name(rec.File, " num_segments=")
		p.signed(rec.Count).text(" addr=").pointer(rec.Address)
	case KindSegment:
		p.text("SEGMENT ").pointer(rec.Address).text(" ").hex(rec.Size)
	case KindThreadName:
		p.threadName(rec)
	case KindMemory:
		p.memory(rec)
	case KindObject:
		p.object(rec)
	case KindHeapSnapshot:
		p.text("MEMORY_SNAPSHOT time=").time(rec.Time)
		p.text(" rss=").signed(rec.RSS).text(" heap=").signed(rec.Heap)
	case KindPythonTrace:
		p.text("PYTHON_TRACE_INDEX frame_id=").signed(rec.Frame)
		p.text(" parent_index=").signed(rec.Parent)
	case KindAggregated:
		p.aggregated(rec)
	case KindSurvivor:
		// Memray writes "0x" before a "%p" that has its own: "0x0x5008", "0x(nil)".
		p.text("SURVIVING_OBJECT address=0x").pointer(rec.Address)
		p.text(" native_frame_id=").unsigned(rec.Native)
	case KindTrailer:
		p.either("TRAILER", "AGGREGATED_TRAILER")
	default:
		p.text("UNKNOWN RECORD TYPE ").unsigned(uint64(rec.Kind))
	}
	return p.dst
}

func (p *linePrinter) allocation(rec *Record) {
	native := p.h.Version == 6 || p.h.Version >= 12
	p.text("ALLOCATION")
	if !native && rec.HasNative {
		p.text("_WITH_NATIVE")
		native = true
	}
	p.text(" ")
	if p.h.Version == 6 {
		p.text("tid=").unsigned(rec.Thread).text(" ")
	}
	p.text("address=").pointer(rec.Address).text(" size=").signed(rec.Size)
	p.text(" allocator=").allocator(rec.Allocator)
	if native {
		p.text(" native_frame_id=").signed(rec.Native)
	}
}

func (p *linePrinter) framePush(rec *Record) {
	p.text("FRAME_PUSH ")
	switch {
	case p.h.Version >= 12:
		p.text("code_object_id=").signed(rec.Frame)
		p.text(" instruction_offset=").instruction(rec.Instruction)
		p.text(" is_entry_frame=").bit(rec.Entry)
	case p.h.Version == 6:
		p.text("tid=").unsigned(rec.Thread).text(" frame_id=").signed(rec.Frame)
	default:
		p.text("frame_id=").signed(rec.Frame)
	}
}

func (p *linePrinter) framePop(rec *Record) {
	p.text("FRAME_POP ")
	if p.h.Version == 6 {
		p.text("tid=").unsigned(rec.Thread).text(" ")
	}
	p.text("count=").signed(rec.Count)
}

func (p *linePrinter) frame(rec *Record) {
	p.either("FRAME_ID", "PYTHON_FRAME_INDEX")
	p.text(" frame_id=").signed(rec.Frame)
	if p.h.Version >= 12 {
		p.text(" code_object_id=").signed(rec.Code)
		p.text(" instruction_offset=").instruction(rec.Instruction)
		p.text(" is_entry_frame=").bit(rec.Entry)
		return
	}
	p.text(" function_name=").name(rec.Function, " filename=").name(rec.File, " lineno=")
	p.dst = strconv.AppendInt(p.dst, int64(rec.Line), 10)
	// Headers 6 and 7 know only entry frames.
	if p.h.Version >= 8 {
		p.text(" is_entry_frame=").bit(rec.Entry)
	}
}

func (p *linePrinter) code(rec *Record) {
	p.text("CODE_OBJECT code_id=").signed(rec.Code)
	p.text(" function_name=").name(rec.Function, " filename=").name(rec.File, " firstlineno=")
	p.dst = strconv.AppendInt(p.dst, int64(rec.Line), 10)
	p.text(" linetable_size=").unsigned(uint64(len(rec.LineTable)))
	if p.extended {
		p.text(" linetable=").bytes(rec.LineTable)
	}
}

func (p *linePrinter) threadName(rec *Record) {
	p.either("THREAD ", "THREAD_RECORD ")
	if p.h.Version == 6 {
		p.signed(rec.Thread).text(" ")
	}
	p.name(rec.Name, "")
}

func (p *linePrinter) memory(rec *Record) {
	if p.h.Version == 6 {
		p.text("MEMORY RECORD time=")
	} else {
		p.text("MEMORY_RECORD time=")
	}
	p.time(rec.Time).text(" memory=")
	if p.h.Version >= 12 {
		p.signed(rec.RSS)
	} else {
		p.hex(rec.RSS)
	}
}

func (p *linePrinter) object(rec *Record) {
	p.text("OBJECT_RECORD address=").pointer(rec.Address)
	p.text(" native_frame_id=").signed(rec.Native)
	if p.extended {
		p.text(" created=").bit(rec.Created)
	}
}

func (p *linePrinter) aggregated(rec *Record) {
	p.text("AGGREGATED_ALLOCATION tid=").unsigned(rec.Thread)
	p.text(" allocator=").allocator(rec.Allocator)
	p.text(" native_frame_id=").signed(rec.Native)
	p.text(" python_frame_id=").signed(rec.Row.Stack)
	p.text(" native_segment_generation=").signed(rec.Row.Generation)
	p.text(" n_allocations_in_high_water_mark=").signed(rec.Row.PeakCount)
	p.text(" n_allocations_leaked=").signed(rec.Row.LeakedCount)
	p.text(" bytes_in_high_water_mark=").signed(rec.Row.PeakBytes)
	p.text(" bytes_leaked=").signed(rec.Row.LeakedBytes)
}
