package codectest

import "encoding/binary"

// LZ4 wraps data in a frame as Memray's compression at close does: no checksums, no
// sizes, blocks of 64 KiB that refer to the bytes of the blocks before them (facts: section 2.2).
func LZ4(data []byte) []byte {
	return append(LZ4NoEnd(data), 0, 0, 0, 0)
}

// LZ4NoEnd is LZ4 without the end mark, as when a copy was cut between two blocks.
func LZ4NoEnd(data []byte) []byte {
	const block = 64 << 10
	out := []byte{0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0}
	seen := make(map[uint32]int)
	for start := 0; start < len(data); start += block {
		end := min(start+block, len(data))
		packed := compressBlock(data, start, end, seen)
		if len(packed) < end-start {
			out = binary.LittleEndian.AppendUint32(out, uint32(len(packed)))
			out = append(out, packed...)
		} else {
			out = binary.LittleEndian.AppendUint32(out, uint32(end-start)|1<<31)
			out = append(out, data[start:end]...)
		}
	}
	return out
}

// compressBlock packs data[start:end]. seen maps four bytes to the last place in data
// where they began, across blocks, as pierrec/lz4's writer cannot. The format wants
// the last match to begin 12 bytes before the end or earlier, and 5 literals at the end.
func compressBlock(data []byte, start, end int, seen map[uint32]int) []byte {
	var out []byte
	literals := start
	for i := start; i+12 <= end; {
		key := binary.LittleEndian.Uint32(data[i:])
		at, ok := seen[key]
		seen[key] = i
		if !ok || i-at > 0xffff {
			i++
			continue
		}
		n := 4
		for i+n < end-5 && data[at+n] == data[i+n] {
			n++
		}
		out = appendSequence(out, data[literals:i], n-4)
		out = binary.LittleEndian.AppendUint16(out, uint16(i-at))
		out = appendLength(out, n-4)
		for literals = i + n; i < literals; i++ {
			seen[binary.LittleEndian.Uint32(data[i:])] = i
		}
	}
	return appendSequence(out, data[literals:end], 0)
}

// appendSequence appends a token with the lengths of the literals and of the match beyond 4, and the literals.
func appendSequence(out, literals []byte, match int) []byte {
	out = append(out, byte(min(len(literals), 15)<<4|min(match, 15)))
	out = appendLength(out, len(literals))
	return append(out, literals...)
}

// appendLength appends what of a length does not fit into its four bits of the token.
func appendLength(out []byte, n int) []byte {
	if n < 15 {
		return out
	}
	for n -= 15; n >= 255; n -= 255 {
		out = append(out, 255)
	}
	return append(out, byte(n))
}
