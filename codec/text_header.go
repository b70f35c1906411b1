package codec

import (
	"bytes"
	"strconv"
)

// AppendText appends the line that `memray parse` prints for the header, without the
// newline, and returns the extended slice.
//
// With extended the line ends in word= (4 or 8) and python_allocator_id=, which
// Memray's line leaves out or does not tell apart, and strings that would make the line
// ambiguous are quoted as in Go.
func (h *Header) AppendText(dst []byte, extended bool) []byte {
	p := linePrinter{dst: dst, h: h, extended: extended}
	p.text("HEADER magic=memray version=")
	p.dst = strconv.AppendInt(p.dst, int64(h.Version), 10)
	if h.Version >= 12 {
		p.text(" python_version=").hex8(h.PythonVersion)
	}
	p.text(" native_traces=").boolean(h.NativeTraces)
	if h.Version >= 10 {
		p.text(" file_format=").format()
	}
	p.text(" n_allocations=").signed(h.Allocations).text(" n_frames=").signed(h.Frames)
	p.dst = strconv.AppendInt(append(p.dst, " start_time="...), h.StartTime, 10)
	p.dst = strconv.AppendInt(append(p.dst, " end_time="...), h.EndTime, 10)
	p.dst = strconv.AppendInt(append(p.dst, " pid="...), int64(h.PID), 10)
	if h.Version >= 9 {
		p.text(" main_tid=").unsigned(h.MainThread)
		p.text(" skipped_frames_on_main_tid=").signed(h.SkippedFrames)
	}
	p.text(" command_line=").name([]byte(h.CommandLine), " python_allocator=")
	p.text(h.dumpAllocator())
	if h.Version >= 11 {
		p.text(" trace_python_allocators=").boolean(h.TracesPython)
	}
	if h.Version >= 12 {
		p.text(" track_object_lifetimes=").boolean(h.TracksObjects)
	}
	if h.Version >= 13 {
		p.text(" libdest=").name([]byte(h.LibDest), " site_packages=").list(h.SitePackages)
		p.text(" sys.path=").list(h.SysPath)
	}
	if extended {
		p.text(" word=").unsigned(uint64(h.Word)).text(" python_allocator_id=")
		p.dst = strconv.AppendInt(p.dst, int64(h.PythonAllocator), 10)
	}
	return p.dst
}

// dumpAllocator is the allocator's name as `memray parse` has it: "pymalloc" for malloc
// too, and nothing for numbers which that release does not know.
func (h *Header) dumpAllocator() string {
	switch {
	case h.PythonAllocator == 3:
		return "pymalloc"
	case h.PythonAllocator < 1 || h.PythonAllocator > 6 || h.PythonAllocator > 4 && h.Version < 11:
		return ""
	}
	return h.AllocatorName()
}

func (p *linePrinter) boolean(b bool) {
	p.dst = strconv.AppendBool(p.dst, b)
}

func (p *linePrinter) hex8(v uint32) {
	for shift := 28; shift >= 0; shift -= 4 {
		p.dst = append(p.dst, "0123456789abcdef"[v>>shift&15])
	}
}

func (p *linePrinter) format() {
	if f := p.h.Format; f > AggregatedAllocations {
		p.text("<unknown enum value ").unsigned(uint64(f)).text(">")
		return
	}
	p.text(p.h.Format.String())
}

// list appends folders as Memray does: "[a, b]".
func (p *linePrinter) list(folders []string) {
	p.text("[")
	for i, f := range folders {
		if i > 0 {
			p.text(", ")
		}
		if b := []byte(f); p.extended && (ambiguous(b) || bytes.ContainsAny(b, ",]")) {
			p.dst = strconv.AppendQuote(p.dst, f)
		} else {
			p.text(f)
		}
	}
	p.text("]")
}
