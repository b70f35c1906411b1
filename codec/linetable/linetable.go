// Package linetable finds the line of an instruction in the tables that CPython
// keeps beside its byte code: co_lnotab up to 3.9, and the two formats of co_linetable of
// 3.10 and of 3.11 to 3.15. Captures hold these tables from header 12 on.
//
// The tables come from files that may be damaged: every read is bounded, and a table
// that ends early or makes no sense gives 0 or a wrong line, never a panic.
package linetable

import (
	"math"
	"sort"
)

// The first PY_VERSION_HEX of each format. What is older has co_lnotab.
const (
	python310 = 0x030A0000
	python311 = 0x030B0000
)

// Line gives the line of the instruction at offset, or 0 when the table does not know it. It
// reads the table from its start; for many offsets of one large table see Table.
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
	t := NewTable(python, table, first, false)
	return t.lineAt(offset, false)
}

// LikeMemray is Line with Memray's own mistakes: line 0 for a negative offset and for an
// empty co_lnotab, address increments of co_lnotab taken as signed but their sum as unsigned,
// so that lines around a statement of 128 bytes or more may be wrong, and the last line of a 3.10 table for
// what lies beyond it.
func LikeMemray(python uint32, table []byte, first int32, offset int64) int32 {
	t := NewTable(python, table, first, true)
	return t.lineAt(offset, false)
}

// Table finds the lines of the instructions of one code object, in any order. It keeps where it has
// been, so that a table is read once and not once for each line.
type Table struct {
	python uint32
	first  int32
	memray bool
	start  cursor
	marks  []cursor // each markEvery entries after the one before
}

const markEvery = 64

// cursor is how far a table has been read: up to an entry whose line holds until end.
type cursor struct {
	rest []byte
	line int64  // summed in 64 bits, which no table of fewer than 2^32 entries can overflow
	end  int64  // address, in the unit of the table's format; Memray takes it as unsigned
	next int64  // of co_lnotab, what is to be added to line at end
	most uint64 // the largest end so far, but for this one
}

// NewTable gives a Table with the arguments of Line, or with likeMemray those of LikeMemray.
func NewTable(python uint32, table []byte, first int32, likeMemray bool) Table {
	return Table{
		python: python, first: first, memray: likeMemray,
		start: cursor{rest: table, line: int64(first)},
	}
}

// Line does the same as the function Line, or with likeMemray as LikeMemray.
func (t *Table) Line(offset int64) int32 { return t.lineAt(offset, true) }

// lineAt leaves marks behind if keep is set.
func (t *Table) lineAt(offset int64, keep bool) int32 {
	switch {
	case t.memray && (offset < 0 || len(t.start.rest) == 0):
		return 0
	case offset < 0:
		return t.first
	}
	line, found := t.find(t.address(offset), keep)
	switch {
	case !found && (t.python >= python311 || !t.memray):
		return 0
	case !t.memray && (line < 0 || line > math.MaxInt32):
		return 0
	}
	return int32(line)
}

// address gives an offset in the unit of the table's format.
func (t *Table) address(offset int64) uint64 {
	switch {
	case t.python >= python311:
		return uint64(offset / 2)
	case t.python >= python310:
		return uint64(min(offset, math.MaxInt64/2) * 2)
	}
	return uint64(offset)
}

// find reads on from the last mark before address. found tells whether address lies in an entry.
func (t *Table) find(address uint64, keep bool) (line int64, found bool) {
	passed, c := 0, t.start
	if len(t.marks) > 0 {
		passed = sort.Search(len(t.marks), func(i int) bool { return t.marks[i].most > address })
		if passed > 0 {
			c = t.marks[passed-1]
		}
	}
	for n := 1; uint64(c.end) <= address; n++ {
		c.most = max(c.most, uint64(c.end))
		if !t.read(&c) {
			return c.line, false
		}
		if keep && n%markEvery == 0 && passed == len(t.marks) {
			t.marks = append(t.marks, c)
			passed++
		}
	}
	return c.line, true
}

// read reads an entry, and reports whether there was one.
func (t *Table) read(c *cursor) bool {
	switch {
	case t.python >= python311:
		return c.location()
	case t.python >= python310:
		return c.lineRange()
	case t.memray:
		return c.lnotab(signed)
	}
	return c.lnotab(unsigned)
}

func unsigned(b byte) int64 { return int64(b) }
func signed(b byte) int64   { return int64(int8(b)) }

// lnotab reads a pair of co_lnotab: an address increment, which increment turns into a number, and a
// signed line increment. What is beyond the last pair is in the last line, since the table
// does not say where the code ends.
func (c *cursor) lnotab(increment func(byte) int64) bool {
	c.line += c.next
	if len(c.rest) < 2 {
		c.end, c.next = -1, 0 // beyond every address
		return true
	}
	c.end += increment(c.rest[0])
	c.next = signed(c.rest[1])
	c.rest = c.rest[2:]
	return true
}

// noLine is the line increment of a 3.10 range that belongs to no line.
const noLine = -128

// lineRange reads a pair of the co_linetable of 3.10: a range's length in bytes and a signed line
// increment. A range of no line counts as part of the line before it, as in Memray.
func (c *cursor) lineRange() bool {
	if len(c.rest) < 2 {
		return false
	}
	c.end += int64(c.rest[0])
	if d := signed(c.rest[1]); d != noLine {
		c.line += d
	}
	c.rest = c.rest[2:]
	return true
}
