// Package linetable finds the line of an instruction in the tables that CPython
// keeps beside its byte code: co_lnotab up to 3.9, and the two formats of co_linetable of
// 3.10 and of 3.11 to 3.15. Captures hold these tables from header 12 on.
//
// The tables come from files that may be damaged: every read is bounded, and a table
// that ends early or makes no sense gives 0 or a wrong line, never a panic.
package linetable

import "math"

// The first PY_VERSION_HEX of each format. What is older has co_lnotab.
const (
	python310 = 0x030A0000
	python311 = 0x030B0000
)

// Line gives the line of the instruction at offset, or 0 when the table does not know it.
//
// python is PY_VERSION_HEX of the traced interpreter, table is co_lnotab or co_linetable
// as that interpreter keeps it, first is co_firstlineno. offset is as stored in the capture: in code
// units of 2 bytes for CPython 3.10, in bytes for all others.
//
// A negative offset is that of a frame which has not run its first instruction yet. CPython then
// says the first line, and so does Line. An empty co_lnotab is that of code which
// stands in one line, as most lambdas and comprehensions do: it gives first too. An empty
// co_linetable has no line for anything, because there the first line needs an entry.
func Line(python uint32, table []byte, first int32, offset int64) int32 {
	switch {
	case offset < 0:
		return first
	case python >= python311:
		return known(locations(table, first, offset))
	case python >= python310:
		line, found := ranges(table, first, offset)
		if !found {
			return 0
		}
		return known(line)
	}
	return known(lnotab(table, first, offset, unsigned))
}

// LikeMemray is Line with Memray's own mistakes: line 0 for a negative offset and for an
// empty co_lnotab, address increments of co_lnotab taken as signed but their sum as unsigned,
// so that lines around a statement of 128 bytes or more may be wrong, and the last line of a 3.10 table for
// what lies beyond it.
func LikeMemray(python uint32, table []byte, first int32, offset int64) int32 {
	switch {
	case offset < 0 || len(table) == 0:
		return 0
	case python >= python311:
		return int32(locations(table, first, offset))
	case python >= python310:
		line, _ := ranges(table, first, offset)
		return int32(line)
	}
	return int32(lnotab(table, first, offset, signed))
}

// known turns what is no line number into 0. Lines are summed in 64 bits, which no table of
// fewer than 2^32 entries can overflow.
func known(line int64) int32 {
	if line < 0 || line > math.MaxInt32 {
		return 0
	}
	return int32(line)
}

func unsigned(b byte) int64 { return int64(b) }
func signed(b byte) int64   { return int64(int8(b)) }

// lnotab reads co_lnotab: pairs of an address increment, which increment turns into a number, and a
// signed line increment. An offset beyond the last pair is in the last line, since
// the table does not say where the code ends.
func lnotab(table []byte, first int32, offset int64, increment func(byte) int64) int64 {
	line, address := int64(first), int64(0)
	for ; len(table) >= 2; table = table[2:] {
		address += increment(table[0])
		// A sum below zero, which only Memray comes to, is beyond every offset.
		if uint64(address) > uint64(offset) {
			break
		}
		line += signed(table[1])
	}
	return line
}

// noLine is the line increment of a 3.10 range that belongs to no line.
const noLine = -128

// ranges reads the co_linetable of 3.10: pairs of a range's length in bytes and a signed line
// increment. A range of no line counts as part of the line before it, as in Memray. found tells
// whether offset, in code units, lies in a range.
func ranges(table []byte, first int32, offset int64) (line int64, found bool) {
	offset = min(offset, math.MaxInt64/2) * 2
	line = int64(first)
	for end := int64(0); len(table) >= 2; table = table[2:] {
		end += int64(table[0])
		if d := signed(table[1]); d != noLine {
			line += d
		}
		if end > offset {
			return line, true
		}
	}
	return line, false
}
