package linetable

// run is a piece of code in one line. kind is the form of its entry in a 3.11 table, if the line
// increment allows it; noLineKind makes it belong to no line.
type run struct {
	units int // length in code units of 2 bytes, 1 or more
	line  int32
	kind  byte
}

const noLineKind = kindNone

// encode writes the runs in the format of the given interpreter, by the rules of CPython's
// assembler, and lists the line of each code unit. A run of no line has that of the run before it.
func encode(python uint32, first int32, runs []run) (table []byte, lines []int32) {
	line := first
	for _, r := range runs {
		if r.kind != noLineKind || python < python310 {
			line = r.line
		}
		for range r.units {
			lines = append(lines, line)
		}
	}
	switch {
	case python >= python311:
		return encodeLocations(first, runs), lines
	case python >= python310:
		return encodeRanges(first, runs), lines
	}
	return encodeLnotab(first, runs), lines
}

// stored is the offset of a code unit as a capture of that interpreter has it.
func stored(python uint32, unit int) int64 {
	if python>>16 == python310>>16 {
		return int64(unit)
	}
	return 2 * int64(unit)
}

// clamp splits off as much of d as one signed byte holds; 3.10 keeps -128 for "no line".
func clamp(d, lowest int64) int64 { return max(lowest, min(127, d)) }

func encodeLnotab(first int32, runs []run) (table []byte) {
	line, gap := int64(first), 0
	for _, r := range runs {
		if d := int64(r.line) - line; d != 0 {
			for ; gap > 255; gap -= 255 {
				table = append(table, 255, 0)
			}
			for ; d != 0; gap = 0 {
				step := clamp(d, -128)
				table = append(table, byte(gap), byte(step))
				d -= step
			}
			line = int64(r.line)
		}
		gap += 2 * r.units
	}
	return table
}

func encodeRanges(first int32, runs []run) (table []byte) {
	line := int64(first)
	for _, r := range runs {
		d := int64(r.line) - line
		if r.kind == noLineKind {
			d = noLine
		} else {
			line = int64(r.line)
			for ; d != clamp(d, -127); d -= clamp(d, -127) {
				table = append(table, 0, byte(clamp(d, -127)))
			}
		}
		for size := 2 * r.units; size > 0; size -= 254 {
			table = append(table, byte(min(size, 254)), byte(d))
			if d != noLine {
				d = 0
			}
		}
	}
	return table
}

func encodeLocations(first int32, runs []run) (table []byte) {
	line := int64(first)
	for _, r := range runs {
		for units := r.units; units > 0; units -= 8 {
			d := int64(r.line) - line
			if r.kind == noLineKind {
				d = 0
			}
			line += d
			table = appendLocation(table, r.kind, min(units, 8), d)
		}
	}
	return table
}

func appendLocation(table []byte, kind byte, units int, d int64) []byte {
	switch {
	case kind == noLineKind:
	case kind < kindOneLine && d != 0, kind >= kindOneLine && kind <= 12 && int64(kind-kindOneLine) != d:
		kind = kindNoCols
	}
	table = append(table, 0x80|kind<<3|byte(units-1))
	switch {
	case kind == noLineKind:
	case kind == kindLong:
		table = appendSigned(table, d)
		return appendVarint(appendVarint(appendVarint(table, 1), 77), 4097)
	case kind == kindNoCols:
		return appendSigned(table, d)
	case kind >= kindOneLine:
		return append(table, 4, 127)
	default:
		return append(table, 0x2f)
	}
	return table
}

func appendSigned(table []byte, d int64) []byte {
	if d < 0 {
		return appendVarint(table, uint32(-d)<<1|1)
	}
	return appendVarint(table, uint32(d)<<1)
}

func appendVarint(table []byte, v uint32) []byte {
	for ; v >= 64; v >>= 6 {
		table = append(table, byte(v&63|64))
	}
	return append(table, byte(v))
}
