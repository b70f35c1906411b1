package codec

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"unicode/utf8"
)

// A linePrinter appends the parts of one line of text to dst, as Memray's printf
// formats do. Its methods return it, so that a line reads from left to right.
type linePrinter struct {
	dst      []byte
	h        *Header
	extended bool
}

func (p *linePrinter) text(s string) *linePrinter {
	p.dst = append(p.dst, s...)
	return p
}

// either appends the first of two names in a stream of events, the second in an aggregated capture.
func (p *linePrinter) either(events, aggregated string) {
	if p.h.Format == AggregatedAllocations {
		events = aggregated
	}
	p.dst = append(p.dst, events...)
}

// size makes a size_t of the writer of v.
func (p *linePrinter) size(v uint64) uint64 {
	if p.h.Word == 4 {
		v = uint64(uint32(v))
	}
	return v
}

func (p *linePrinter) unsigned(v uint64) *linePrinter {
	p.dst = strconv.AppendUint(p.dst, p.size(v), 10)
	return p
}

// signed is "%zd" of a size_t: Memray prints sizes of half the address space and more as negative numbers.
func (p *linePrinter) signed(v uint64) *linePrinter {
	n := int64(v)
	if p.h.Word == 4 {
		n = int64(int32(v))
	}
	p.dst = strconv.AppendInt(p.dst, n, 10)
	return p
}

func (p *linePrinter) hex(v uint64) *linePrinter {
	p.dst = strconv.AppendUint(p.dst, p.size(v), 16)
	return p
}

// pointer is "%p" of glibc.
func (p *linePrinter) pointer(v uint64) *linePrinter {
	if v == 0 {
		return p.text("(nil)")
	}
	return p.text("0x").hex(v)
}

func (p *linePrinter) bit(b bool) {
	if b {
		p.dst = append(p.dst, '1')
	} else {
		p.dst = append(p.dst, '0')
	}
}

// instruction is "%d" of an int64: Memray shows its low half only.
func (p *linePrinter) instruction(v int64) *linePrinter {
	if !p.extended {
		v = int64(int32(v))
	}
	p.dst = strconv.AppendInt(p.dst, v, 10)
	return p
}

// time is in milliseconds; "%ld" before header 12, an unsigned number from then on.
func (p *linePrinter) time(ms int64) *linePrinter {
	if p.h.Version >= 12 {
		p.dst = strconv.AppendUint(p.dst, uint64(ms), 10)
	} else {
		p.dst = strconv.AppendInt(p.dst, ms, 10)
	}
	return p
}

func (p *linePrinter) allocator(a Allocator) {
	if a.Valid() {
		p.text(allocatorNames[a])
		return
	}
	p.text("<unknown allocator ").unsigned(uint64(a)).text(">")
}

func (p *linePrinter) bytes(b []byte) {
	p.dst = hex.AppendEncode(p.dst, b)
}

// name appends a string of the capture and then next, the key of the field that
// follows it, or "" at the end of the line.
func (p *linePrinter) name(s []byte, next string) *linePrinter {
	if p.extended && (ambiguous(s) || next != "" && bytes.Contains(s, []byte(next))) {
		p.dst = strconv.AppendQuote(p.dst, string(s))
	} else {
		p.dst = append(p.dst, s...)
	}
	return p.text(next)
}

// ambiguous reports whether s as it is would not survive in a line of text: a quote
// or blank at its edges, or a character that is not printable or not UTF-8.
func ambiguous(s []byte) bool {
	if len(s) == 0 {
		return false
	}
	if s[0] == '"' || s[0] == ' ' || s[len(s)-1] == ' ' {
		return true
	}
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return true
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && n == 1 || !strconv.IsPrint(r) {
			return true
		}
		i += n
	}
	return false
}
