package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

var errVarint = errors.New("varint of more than 10 bytes")

// uvarint decodes an unsigned varint at b[p:] and gives the position behind it. The slack
// behind the window allows to look at 10 bytes without checking.
func (d *Reader) uvarint(b []byte, p int) (uint64, int) {
	if v := b[p]; v < 0x80 {
		return uint64(v), p + 1
	}
	return d.longVarint(b, p)
}

// longVarint decodes two bytes and more. Bits beyond 64 are dropped, as Memray does.
func (d *Reader) longVarint(b []byte, p int) (uint64, int) {
	b = b[p : p+10 : len(b)]
	v := uint64(b[0]&0x7f) | uint64(b[1]&0x7f)<<7
	if b[1] < 0x80 {
		return v, p + 2
	}
	v |= uint64(b[2]&0x7f) << 14
	if b[2] < 0x80 {
		return v, p + 3
	}
	v |= uint64(b[3]&0x7f) << 21
	if b[3] < 0x80 {
		return v, p + 4
	}
	for i := 4; i < 10; i++ {
		v |= uint64(b[i]&0x7f) << (7 * uint(i))
		if b[i] < 0x80 {
			return v, p + i + 1
		}
	}
	d.fault = errVarint
	return 0, p + 10
}

// zigzag turns an unsigned varint into the signed one.
func zigzag(v uint64) uint64 { return v>>1 ^ -(v & 1) }

// word reads a size_t of the writer.
func (d *Reader) word(b []byte, p int) (uint64, int) {
	if d.head.Word == 4 {
		return uint64(binary.LittleEndian.Uint32(b[p:])), p + 4
	}
	return binary.LittleEndian.Uint64(b[p:]), p + 8
}

// cstring gives the bytes up to the next NUL at p and the position behind it, or false
// when there is none in the window.
func (d *Reader) cstring(p int) ([]byte, int, bool) {
	if p > d.end {
		return nil, p, false
	}
	n := bytes.IndexByte(d.buf[p:d.end], 0)
	if n < 0 {
		if d.end-p > maxString {
			d.fault = fmt.Errorf("name of more than %d bytes", maxString)
		}
		return nil, p, false
	}
	return d.buf[p : p+n], p + n + 1, true
}

// names gives the function and the file that stand at p and the position behind them, or false
// as cstring does.
func (d *Reader) names(p int) (function, file []byte, next int, ok bool) {
	if function, p, ok = d.cstring(p); ok {
		file, p, ok = d.cstring(p)
	}
	return function, file, p, ok
}

// raw gives n bytes at p and the position behind them, or false when the window ends before.
func (d *Reader) raw(p int, n uint64) ([]byte, int, bool) {
	if n > maxTable {
		d.fault = fmt.Errorf("line table of %d bytes, want at most %d", n, maxTable)
		return nil, p, false
	}
	if p > d.end || uint64(d.end-p) < n {
		return nil, p, false
	}
	return d.buf[p : p+int(n)], p + int(n), true
}

// short is what a decoder returns when its record needs more bytes than the window has:
// pos p is behind the end, or a name that begins at p has no end yet. Faults that were seen
// in the slack are none.
func (d *Reader) short(p int) result {
	if p > d.end {
		d.fault = nil
	}
	if d.fault != nil {
		return resultFault
	}
	return resultMore
}

// fail is what a decoder returns for bytes that no release writes.
func (d *Reader) fail(kind Kind, format string, args ...any) result {
	d.rec.Kind = kind
	d.fault = fmt.Errorf(format, args...)
	return resultFault
}
