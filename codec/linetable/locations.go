package linetable

// The kinds of entries of a 3.11 location table, where they say more than columns.
const (
	kindNone    = 15 // belongs to no line
	kindLong    = 14 // line, end line, column and end column as varints
	kindNoCols  = 13 // line as a varint
	kindOneLine = 10 // 10 to 12: 0 to 2 lines on, column and end column as bytes
)

// location reads an entry of the co_linetable of 3.11 and later. Entries begin with a byte
// 1kkkklll: the kind, and one less than the length in code units; the other bytes of an entry have
// a high bit of 0. An entry of no line counts as part of the line before it, as in Memray.
// It reports false where no whole entry stands.
func (c *cursor) location() bool {
	if len(c.rest) == 0 || c.rest[0]&0x80 == 0 {
		return false
	}
	kind, length := c.rest[0]>>3&15, int64(c.rest[0]&7)+1
	delta, rest, ok := lineDelta(kind, c.rest[1:])
	if !ok {
		return false
	}
	c.line += delta
	c.end += length
	c.rest = rest
	return true
}

// lineDelta reads the body of an entry: how many lines it is on from the one before, and
// what follows it. ok is false when the body is cut.
func lineDelta(kind byte, body []byte) (delta int64, rest []byte, ok bool) {
	switch {
	case kind == kindNone:
		return 0, body, true
	case kind == kindLong:
		if delta, body, ok = signedVarint(body); ok {
			body, ok = skipVarints(body, 3)
		}
		return delta, body, ok
	case kind == kindNoCols:
		return signedVarint(body)
	case kind >= kindOneLine:
		return int64(kind - kindOneLine), body[min(2, len(body)):], len(body) >= 2
	}
	return 0, body[min(1, len(body)):], len(body) >= 1
}

// varint reads groups of 6 bits, the low ones first; bit 6 says that more follow. Bits beyond 32 are dropped.
func varint(b []byte) (v uint32, rest []byte, ok bool) {
	for i, c := range b {
		v |= uint32(c&0x3f) << min(6*i, 32)
		if c&0x40 == 0 {
			return v, b[i+1:], true
		}
	}
	return 0, nil, false
}

// signedVarint reads a varint whose lowest bit is the sign.
func signedVarint(b []byte) (v int64, rest []byte, ok bool) {
	u, rest, ok := varint(b)
	v = int64(u >> 1)
	if u&1 != 0 {
		v = -v
	}
	return v, rest, ok
}

func skipVarints(b []byte, n int) (rest []byte, ok bool) {
	for range n {
		if _, b, ok = varint(b); !ok {
			return nil, false
		}
	}
	return b, true
}
