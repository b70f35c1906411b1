package linetable

import (
	"encoding/binary"
	"testing"
)

// FuzzLine reads the input as a table, which must not panic, and as a description of runs, whose
// encoding must give back the lines of the runs in each of the three formats.
func FuzzLine(f *testing.F) {
	for _, v := range vectors {
		for _, w := range v.want {
			f.Add(v.python, v.table, v.first, w.offset)
		}
	}
	f.Fuzz(func(t *testing.T, python uint32, data []byte, first int32, offset int64) {
		line, memray := Line(python, data, first, offset), LikeMemray(python, data, first, offset)
		if offset < 0 && (line != first || memray != 0) {
			t.Fatalf("before the first instruction: got %d and like Memray %d, want %d and 0", line, memray, first)
		}
		if offset >= 0 && line < 0 {
			t.Fatalf("Line: got %d, want 0 or more", line)
		}
		if offset >= 0 && python >= python310 && line > 0 && line != memray {
			t.Fatalf("got line %d and like Memray %d, want the same", line, memray)
		}
		checkOrder(t, python, data, first, offset)
		first &= 1<<20 - 1
		runs := runsOf(first, data[:min(len(data), 256)])
		for _, python := range []uint32{cpython38, cpython310, cpython311} {
			checkEncoded(t, python, first, runs)
		}
	})
}

// checkOrder asks one Table for several lines, up and down, and compares with the functions that begin
// anew for each.
func checkOrder(t *testing.T, python uint32, data []byte, first int32, offset int64) {
	t.Helper()
	line, memray := NewTable(python, data, first, false), NewTable(python, data, first, true)
	for _, o := range []int64{0, 1, 2, 10, 11, 100, offset, offset / 2, offset/2 + 1, 3, 1 << 40, -1, 1 << 40, 50} {
		if got, want := line.Line(o), Line(python, data, first, o); got != want {
			t.Fatalf("offset %d: got line %d after others, want %d", o, got, want)
		}
		if got, want := memray.Line(o), LikeMemray(python, data, first, o); got != want {
			t.Fatalf("offset %d, like Memray: got line %d after others, want %d", o, got, want)
		}
	}
}

// runsOf takes four bytes for each run: its length, its kind, and how far its line is from the last.
func runsOf(first int32, data []byte) (runs []run) {
	line := first
	for ; len(data) >= 4; data = data[4:] {
		line = max(0, line+int32(int16(binary.LittleEndian.Uint16(data[2:])))>>(data[1]>>4))
		runs = append(runs, run{units: int(data[0]) + 1, line: line, kind: data[1] & 15})
	}
	return runs
}

func checkEncoded(t *testing.T, python uint32, first int32, runs []run) {
	t.Helper()
	table, lines := encode(python, first, runs)
	whole := NewTable(python, table, first, false)
	for unit, want := range lines {
		if got := whole.Line(stored(python, unit)); got != want {
			t.Fatalf("%#x: table %x, first line %d, unit %d: got line %d of a Table, want %d", python, table, first, unit, got, want)
		}
	}
	step := len(lines)/500 + 1 // each lookup reads the table from its start
	for unit := 0; unit < len(lines); unit += step {
		offset := stored(python, unit)
		if got := Line(python, table, first, offset); got != lines[unit] {
			t.Fatalf("%#x: table %x, first line %d, offset %d: got line %d, want %d", python, table, first, offset, got, lines[unit])
		}
	}
}
