package archive

import "encoding/binary"

// frameEnd follows the outline of an LZ4 frame, and so knows whether anything comes after it:
// the decoder goes on with the next frame, and does not say so. It relies on the decoder for all else.
type frameEnd struct {
	head  [19]byte // what of the part in hand has come: the longest is a frame header
	have  int
	want  int // bytes of the part in hand
	part  framePart
	skip  uint64 // bytes of a block to come
	flags byte
	extra int64 // bytes behind the frame
}

type framePart uint8

const (
	partStart  framePart = iota // magic, FLG, BD
	partHeader                  // the rest of the frame header
	partBlockSize
	partChecksum // of the content
	partAfter
)

// Bits of FLG.
const (
	lz4DictID          = 1 << 0
	lz4ContentChecksum = 1 << 2
	lz4ContentSize     = 1 << 3
	lz4BlockChecksum   = 1 << 4
)

func newFrameEnd() *frameEnd { return &frameEnd{want: 6} }

// clean reports whether what was written is one frame and nothing else.
func (f *frameEnd) clean() bool { return f.part == partAfter && f.extra == 0 }

// Write never fails.
func (f *frameEnd) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		switch {
		case f.part == partAfter:
			f.extra += int64(len(b))
			return n, nil
		case f.skip > 0:
			k := min(f.skip, uint64(len(b)))
			f.skip -= k
			b = b[k:]
		default:
			k := copy(f.head[f.have:f.want], b)
			f.have += k
			b = b[k:]
			if f.have == f.want {
				f.have = 0
				f.next()
			}
		}
	}
	return n, nil
}

// next goes on to the part behind the one in head.
func (f *frameEnd) next() {
	switch f.part {
	case partStart:
		f.flags = f.head[4]
		f.part, f.want = partHeader, 1 // the header's checksum
		if f.flags&lz4ContentSize != 0 {
			f.want += 8
		}
		if f.flags&lz4DictID != 0 {
			f.want += 4
		}
	case partHeader:
		f.part, f.want = partBlockSize, 4
	case partBlockSize:
		f.block(binary.LittleEndian.Uint32(f.head[:]))
	case partChecksum:
		f.part = partAfter
	}
}

// block skips a block, or ends the frame where the size is 0.
func (f *frameEnd) block(size uint32) {
	const stored = 1 << 31
	switch {
	case size == 0 && f.flags&lz4ContentChecksum != 0:
		f.part = partChecksum
	case size == 0:
		f.part = partAfter
	default:
		f.skip = uint64(size &^ stored)
		if f.flags&lz4BlockChecksum != 0 {
			f.skip += 4
		}
	}
}
