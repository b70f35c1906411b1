package codectest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/memvault/memvault/codec"
)

// headerKeys are the fields of a HEADER line in their order. A string field ends before the next of them.
var headerKeys = []string{
	"magic", "version", "python_version", "native_traces", "file_format", "n_allocations",
	"n_frames", "start_time", "end_time", "pid", "main_tid", "skipped_frames_on_main_tid",
	"command_line", "python_allocator", "trace_python_allocators", "track_object_lifetimes",
	"libdest", "site_packages", "sys.path", "word", "python_allocator_id",
}

// header reads a HEADER line and starts the Writer.
func (a *assembler) header(l *line) {
	if a.w.encode != nil {
		l.fail(fmt.Errorf("second HEADER"))
		return
	}
	h := headerLine(l)
	l.end()
	if l.err != nil {
		return
	}
	w := NewWriter(h)
	w.buf = append(a.w.buf, w.buf...) // what RAW lines put before it
	a.w = w
}

func headerLine(l *line) codec.Header {
	l.field("magic")
	h := codec.Header{Version: int(l.number("version")), PythonVersion: 0x030c0100}
	if strings.HasPrefix(l.rest, "python_version=") {
		h.PythonVersion = uint32(l.hex("python_version"))
	}
	h.NativeTraces = l.boolean("native_traces")
	h.Format = formatField(l)
	h.Allocations, h.Frames = l.optional("n_allocations", 0), l.optional("n_frames", 0)
	h.StartTime = int64(l.optional("start_time", 1_700_000_000_000))
	h.EndTime = int64(l.optional("end_time", uint64(h.StartTime)))
	h.PID = int32(l.optional("pid", 1))
	h.MainThread = l.optional("main_tid", 1)
	h.SkippedFrames = l.optional("skipped_frames_on_main_tid", 0)
	h.CommandLine = l.headerText("command_line")
	h.PythonAllocator = pythonAllocatorField(l)
	h.TracesPython = l.boolean("trace_python_allocators")
	h.TracksObjects = l.boolean("track_object_lifetimes")
	h.LibDest = l.headerText("libdest")
	h.SitePackages = l.list("site_packages")
	h.SysPath = l.list("sys.path")
	h.Word = int(l.optional("word", 8))
	if h.Word != 4 && h.Word != 8 {
		l.fail(fmt.Errorf("word=%d, want 4 or 8", h.Word))
	}
	h.PythonAllocator = int32(l.optional("python_allocator_id", uint64(h.PythonAllocator)))
	return h
}

// headerText takes a string of the header; left out, it is empty.
func (l *line) headerText(key string) string {
	i := slices.Index(headerKeys, key)
	s, _ := l.field(key, headerKeys[i+1:]...)
	return s
}

func (l *line) boolean(key string) bool {
	s, ok := l.field(key)
	if ok && s != "true" && s != "false" {
		l.fail(fmt.Errorf("%s=%s, want true or false", key, s))
	}
	return s == "true"
}

func formatField(l *line) codec.Format {
	var n uint8
	if _, err := fmt.Sscanf(l.rest, "file_format=<unknown enum value %d>", &n); err == nil {
		_, l.rest, _ = strings.Cut(l.rest, "> ")
		return codec.Format(n)
	}
	s, ok := l.field("file_format")
	if !ok || s == codec.AllAllocations.String() {
		return codec.AllAllocations
	}
	if s != codec.AggregatedAllocations.String() {
		l.fail(fmt.Errorf("file_format %q is unknown", s))
	}
	return codec.AggregatedAllocations
}

// pythonAllocatorField reads the allocator's name; dump -x adds its number, as "pymalloc" stands for two.
func pythonAllocatorField(l *line) int32 {
	s := l.headerText("python_allocator")
	names := []string{1: "pymalloc", 2: "pymalloc debug", 3: "malloc", 4: "other", 5: "mimalloc", 6: "mimalloc debug"}
	if i := slices.Index(names, s); i > 0 {
		return int32(i)
	}
	if s != "" {
		l.fail(fmt.Errorf("python_allocator %q is unknown", s))
	}
	return 1
}

// list takes folders: "[a, b]".
func (l *line) list(key string) []string {
	rest, ok := strings.CutPrefix(l.rest, key+"=[")
	if !ok || l.err != nil {
		return nil
	}
	var folders []string
	for !strings.HasPrefix(rest, "]") {
		var s string
		if strings.HasPrefix(rest, `"`) {
			s = l.quoted(rest)
			rest = l.rest
		} else {
			s, rest = l.folder(rest)
		}
		if l.err != nil {
			return nil
		}
		if s == "" {
			l.fail(fmt.Errorf("%s: empty folder, which would end the list", key))
		}
		folders = append(folders, s)
		rest = strings.TrimPrefix(rest, ", ")
	}
	l.rest = strings.TrimPrefix(rest[1:], " ")
	return folders
}

// folder splits off what stands before the next ", " or "]".
func (l *line) folder(rest string) (string, string) {
	for i := range len(rest) {
		if rest[i] == ']' || strings.HasPrefix(rest[i:], ", ") {
			return rest[:i], rest[i:]
		}
	}
	l.fail(fmt.Errorf("no ] in %q", l.rest))
	return "", ""
}
