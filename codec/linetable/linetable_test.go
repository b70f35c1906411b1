package linetable

import (
	"math"
	"testing"
)

const (
	cpython38  = 0x030812F0
	cpython39  = 0x030912F0
	cpython310 = 0x030A0DF0
	cpython311 = 0x030B07F0
	cpython313 = 0x030D00F0
)

// at is one question to a table: the offset as stored in a capture, and the lines that
// Line and LikeMemray give.
type at struct {
	offset       int64
	line, memray int32
}

var vectors = []struct {
	name   string
	python uint32
	table  []byte
	first  int32
	want   []at
}{
	{
		name:   "lnotab: before any instruction",
		python: cpython39, first: 7, table: []byte{0, 1, 6, 1},
		want: []at{{-1, 7, 0}, {-2, 7, 0}, {math.MinInt64, 7, 0}},
	},
	{
		name:   "lnotab: two lines",
		python: cpython38, first: 10, table: []byte{0, 1, 6, 2},
		want: []at{{0, 11, 11}, {4, 11, 11}, {5, 11, 11}, {6, 13, 13}, {1 << 40, 13, 13}},
	},
	{
		name:   "lnotab: empty, as of a lambda",
		python: cpython39, first: 90, table: nil,
		want: []at{{-1, 90, 0}, {0, 90, 0}, {6, 90, 0}},
	},
	{
		name:   "lnotab: the line goes back",
		python: cpython39, first: 100, table: []byte{8, 5, 4, 0xfd},
		want: []at{{0, 100, 100}, {8, 105, 105}, {12, 102, 102}},
	},
	{
		name:   "lnotab: line increment over 127 in two pairs",
		python: cpython39, first: 1, table: []byte{2, 127, 0, 73},
		want: []at{{0, 1, 1}, {2, 201, 201}},
	},
	{
		name:   "lnotab: address increment of 200 is unsigned",
		python: cpython38, first: 1, table: []byte{200, 1, 10, 1},
		want: []at{{0, 1, 1}, {198, 1, 1}, {200, 2, 1}, {210, 3, 1}},
	},
	{
		name:   "lnotab: address increment of 200 after one of 100",
		python: cpython38, first: 1, table: []byte{100, 1, 200, 1, 100, 1},
		want: []at{{99, 1, 1}, {100, 2, 3}, {144, 2, 4}, {299, 2, 4}, {300, 3, 4}, {400, 4, 4}},
	},
	{
		name:   "lnotab: address increment over 255 in two pairs",
		python: cpython38, first: 1, table: []byte{255, 0, 45, 1},
		want: []at{{254, 1, 1}, {299, 1, 1}, {300, 2, 1}},
	},
	{
		name:   "lnotab: odd byte at the end",
		python: cpython39, first: 5, table: []byte{4, 1, 4},
		want: []at{{0, 5, 5}, {4, 6, 6}, {8, 6, 6}},
	},
	{
		name:   "lnotab: below line 0",
		python: cpython39, first: 5, table: []byte{4, 0x80},
		want: []at{{0, 5, 5}, {4, 0, -123}},
	},
	{
		name:   "3.10: offsets are code units",
		python: cpython310, first: 3, table: []byte{4, 1, 6, 2},
		want: []at{{-1, 3, 0}, {0, 4, 4}, {1, 4, 4}, {2, 6, 6}, {4, 6, 6}, {5, 0, 6}, {math.MaxInt64, 0, 6}},
	},
	{
		name:   "3.10: no line is the line before",
		python: cpython310, first: 3, table: []byte{2, 1, 2, 0x80, 2, 0xff},
		want: []at{{0, 4, 4}, {1, 4, 4}, {2, 3, 3}},
	},
	{
		name:   "3.10: length over 254 and line increment over 127",
		python: cpython310, first: 1, table: []byte{254, 0, 46, 0, 0, 127, 2, 3},
		want: []at{{0, 1, 1}, {126, 1, 1}, {127, 1, 1}, {149, 1, 1}, {150, 131, 131}, {151, 0, 131}},
	},
	{
		name:   "3.10: empty knows nothing",
		python: cpython310, first: 9, table: []byte{},
		want: []at{{-1, 9, 0}, {0, 0, 0}},
	},
	{
		// What CPython 3.13 makes of "x=1": RESUME in line 0, then two constants and the return in line 1.
		name:   "3.11: a module of one line",
		python: cpython313, first: 1, table: []byte{0xf0, 3, 1, 1, 1, 0xd8, 2, 3, 0x81, 1},
		want: []at{{-1, 1, 0}, {0, 0, 0}, {2, 1, 1}, {3, 1, 1}, {4, 1, 1}, {6, 1, 1}, {8, 0, 0}},
	},
	{
		name:   "3.11: every kind",
		python: cpython311, first: 10,
		table: []byte{
			0xf9,       // kind 15, 2 units: no line
			0x80, 0x11, // kind 0, 1 unit: line 10
			0xd0, 1, 2, // kind 10: line 10
			0xd8, 1, 2, // kind 11: line 11
			0xe0, 1, 2, // kind 12: line 13
			0xe8, 0x48, 0x03, // kind 13: +100 (varint 200 = 8 + 3*64): line 113
			0xe8, 0x0b, // kind 13: -5 (varint 11): line 108
			0xf7, 0x04, 0x41, 0x01, 0x01, 0x02, // kind 14, 8 units: +2, end +65: line 110
			0xcf, 0x7f, // kind 9, 8 units: line 110
		},
		want: []at{
			{0, 10, 10}, {2, 10, 10}, {4, 10, 10}, {6, 10, 10}, {8, 11, 11}, {10, 13, 13}, {12, 113, 113},
			{14, 108, 108}, {16, 110, 110}, {31, 110, 110}, {32, 110, 110}, {47, 110, 110}, {48, 0, 0},
		},
	},
	{
		name:   "3.11: empty knows nothing",
		python: cpython311, first: 9, table: nil,
		want: []at{{-1, 9, 0}, {0, 0, 0}, {2, 0, 0}},
	},
	{
		name:   "3.11: a zero byte ends the table",
		python: cpython311, first: 9, table: []byte{0x80, 0x11, 0, 0x80, 0x11},
		want: []at{{0, 9, 9}, {2, 0, 0}},
	},
	{
		name:   "3.11: varint without end",
		python: cpython311, first: 9, table: []byte{0x80, 0x11, 0xe8, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f},
		want: []at{{0, 9, 9}, {2, 0, 0}},
	},
	{
		name:   "3.11: varint of more than 32 bits",
		python: cpython311, first: 9, table: []byte{0xe8, 0x42, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x3f, 0xf8},
		want: []at{{0, 10, 10}, {2, 10, 10}},
	},
	{
		name:   "3.11: lines beyond 2^31",
		python: cpython311, first: math.MaxInt32, table: []byte{0xd8, 0, 0},
		want: []at{{0, 0, math.MinInt32}},
	},
}

func TestLine(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			for _, w := range v.want {
				if got := Line(v.python, v.table, v.first, w.offset); got != w.line {
					t.Errorf("Line at offset %d: got %d, want %d", w.offset, got, w.line)
				}
				if got := LikeMemray(v.python, v.table, v.first, w.offset); got != w.memray {
					t.Errorf("LikeMemray at offset %d: got %d, want %d", w.offset, got, w.memray)
				}
			}
		})
	}
}

// A table that is cut gives for every offset the line of the whole table, or does not know it.
// An lnotab has no end to miss: cut, it gives the line of its last whole pair.
func TestCutTable(t *testing.T) {
	runs := []run{{3, 12, 13}, {140, 12, 0}, {2, 340, 14}, {1, 339, noLineKind}, {7, 20, 13}, {4, 21, 11}, {4, 21, 5}}
	for _, python := range []uint32{cpython38, cpython310, cpython311} {
		table, lines := encode(python, 10, runs)
		for cut := range len(table) + 1 {
			for unit, whole := range lines {
				offset := stored(python, unit)
				got := Line(python, table[:cut], 10, offset)
				if python < python310 {
					if want := Line(python, table[:cut&^1], 10, offset); got != want {
						t.Fatalf("%#x: table cut to %d bytes, offset %d: got line %d, want %d", python, cut, offset, got, want)
					}
				} else if got != 0 && got != whole {
					t.Fatalf("%#x: table cut to %d bytes, offset %d: got line %d, want 0 or %d", python, cut, offset, got, whole)
				}
			}
		}
	}
}
