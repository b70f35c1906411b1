package codectest

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
)

// Capture assembles text and fails the test when that does not succeed.
func Capture(t testing.TB, text string) []byte {
	t.Helper()
	b, err := Assemble(text)
	if err != nil {
		t.Fatalf("assemble capture: %v", err)
	}
	return b
}

// Assemble turns text into the bytes of a capture. It reads what `memvault dump -x`
// prints, and what `memray parse` prints as far as that says enough (not: code objects
// with a line table, object records). Empty lines and lines that begin with # are skipped.
//
// All fields of HEADER but version may be left out: native_traces and the like are
// false then, numbers 0, start_time 1700000000000 and end_time equal to it, pid 1, main_tid 1,
// python_allocator pymalloc, python_version 030c0100, word 8. So may the fields of
// records that tell nothing: native_frame_id, is_entry_frame (1).
//
// Broken captures are written with lines that no dump prints:
//
//	RAW 0d 00ff   these bytes
//	ZEROS 4096    so many zero bytes
//	CUT 3         without the last 3 bytes so far
//	LZ4           all so far in an LZ4 frame
//	LZ4NOEND      the same without the frame's end mark
//
// Errors name the line, counting from 1.
func Assemble(text string) ([]byte, error) {
	w, err := assemble(text)
	if err != nil {
		return nil, err
	}
	return w.buf, nil
}

// An assembler turns lines into the calls of a Writer.
type assembler struct {
	// w has no encoder until the HEADER line.
	w      *Writer
	thread uint64
}

func assemble(text string) (*Writer, error) {
	a := assembler{w: &Writer{}}
	number := 0
	for s := range strings.Lines(text) {
		number++
		s = strings.TrimSuffix(s, "\n")
		if s == "" || s[0] == '#' {
			continue
		}
		if err := a.line(s); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return a.w, nil
}

// line assembles one line.
func (a *assembler) line(s string) error {
	name, rest, _ := strings.Cut(s, " ")
	l := &line{rest: rest}
	parse, ok := records[name]
	switch {
	case a.directive(name, l):
	case name == "HEADER":
		a.header(l)
	case !ok:
		return fmt.Errorf("unknown record %q", name)
	case a.w.encode == nil:
		return fmt.Errorf("%s before HEADER", name)
	default:
		rec := &codec.Record{Thread: a.thread}
		parse(l, &a.w.h, rec)
		l.end()
		if l.err == nil {
			a.w.Record(rec)
		}
		if rec.Kind == codec.KindContextSwitch {
			a.thread = rec.Thread
		}
	}
	if l.err != nil {
		return fmt.Errorf("%s: %w", name, l.err)
	}
	return a.w.err
}

// directive carries out the lines that are no records, and reports whether it was one.
func (a *assembler) directive(name string, l *line) bool {
	w := a.w
	switch name {
	case "RAW":
		b, err := hex.DecodeString(strings.ReplaceAll(l.rest, " ", ""))
		l.fail(err)
		w.Raw(b...)
	case "ZEROS":
		w.Raw(make([]byte, l.count(1<<30))...)
	case "CUT":
		w.buf = w.buf[:len(w.buf)-l.count(len(w.buf))]
	case "LZ4":
		w.buf = LZ4(w.buf)
	case "LZ4NOEND":
		w.buf = LZ4NoEnd(w.buf)
	default:
		return false
	}
	return true
}

// count is the number that a directive has, at most limit.
func (l *line) count(limit int) int {
	n, err := strconv.Atoi(l.rest)
	if err == nil && (n < 0 || n > limit) {
		err = fmt.Errorf("count %d, want 0 to %d", n, limit)
	}
	l.fail(err)
	if l.err != nil {
		return 0
	}
	return n
}
