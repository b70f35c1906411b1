package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The seekable format of the zstd project (contrib/seekable_format in its repository), which
// is little enough to be written here: the library that there is for Go takes a decoded frame
// of any size that the table names, encodes one frame after the other, and brings a logger and a tree.
//
//	frame, frame, ..., skippable frame: { entry per frame; footer }
//	entry   compressed size, uncompressed size [, checksum], 4 bytes each
//	footer  number of frames (4), descriptor (1), magic (4)
const (
	skippableMagic = 0x184d2a5e
	seekableMagic  = 0x8f92eab1
	skippableHead  = 8
	seekFooter     = 9
	seekEntry      = 8 // without a checksum: each frame has its own
	seekEntrySum   = 12
	hasChecksums   = 1 << 7 // in the descriptor
	reservedBits   = 0x7c
	maxFrames      = 1 << 20 // 4 TiB of raw stream in frames of ours
)

// ErrNotSeekable is wrapped by errors that say that there is no seek table, or none that can be true.
var ErrNotSeekable = errors.New("no seek table")

type seekTable struct{ frames []seekFrame }

type seekFrame struct{ stored, raw uint32 }

func (t *seekTable) add(stored, raw int) {
	t.frames = append(t.frames, seekFrame{uint32(stored), uint32(raw)})
}

// marshal gives the skippable frame.
func (t *seekTable) marshal() []byte {
	n := len(t.frames)*seekEntry + seekFooter
	b := make([]byte, 0, skippableHead+n)
	b = binary.LittleEndian.AppendUint32(b, skippableMagic)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	for _, f := range t.frames {
		b = binary.LittleEndian.AppendUint32(b, f.stored)
		b = binary.LittleEndian.AppendUint32(b, f.raw)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.frames)))
	b = append(b, 0)
	return binary.LittleEndian.AppendUint32(b, seekableMagic)
}

// MaxStored gives the most bytes that the stored form of size bytes of raw stream can have.
func MaxStored(size int64) int64 {
	const (
		block   = 128 << 10
		perHead = 18 + 4 // of a frame, with its checksum
		perSize = 3      // of a block
	)
	frames := max(1, (size+FrameSize-1)/FrameSize)
	return size + frames*(perHead+perSize*(FrameSize/block+1)+seekEntry) + skippableHead + seekFooter
}

// parseFooter gives the number of entries and the length of each, from the last bytes of the stored form.
func parseFooter(b []byte) (frames, entry int, err error) {
	if len(b) < seekFooter {
		return 0, 0, fmt.Errorf("%w: %d bytes", ErrNotSeekable, len(b))
	}
	b = b[len(b)-seekFooter:]
	if m := binary.LittleEndian.Uint32(b[5:]); m != seekableMagic {
		return 0, 0, fmt.Errorf("%w: it would end in %#x, found %#x", ErrNotSeekable, uint32(seekableMagic), m)
	}
	n := binary.LittleEndian.Uint32(b)
	if n > maxFrames {
		return 0, 0, fmt.Errorf("%w: %d frames, want at most %d", ErrNotSeekable, n, maxFrames)
	}
	if b[4]&reservedBits != 0 {
		return 0, 0, fmt.Errorf("%w: descriptor %#x has reserved bits", ErrNotSeekable, b[4])
	}
	entry = seekEntry
	if b[4]&hasChecksums != 0 {
		entry = seekEntrySum
	}
	return int(n), entry, nil
}

// readSeekTable reads the table at the end of size stored bytes, and sees to it that its frames
// are just what lies before it. tail is the last of these bytes.
func readSeekTable(r io.ReaderAt, size int64, tail []byte) (*seekTable, error) {
	n, entry, err := parseFooter(tail)
	if err != nil {
		return nil, err
	}
	length := skippableHead + n*entry + seekFooter
	if int64(length) > size {
		return nil, fmt.Errorf("%w: a table of %d frames in %d bytes", ErrNotSeekable, n, size)
	}
	b := tail
	if length > len(tail) {
		b = make([]byte, length)
		if _, err := r.ReadAt(b, size-int64(length)); err != nil && err != io.EOF {
			return nil, err
		}
	}
	b = b[len(b)-length:]
	if m, l := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]); m != skippableMagic || int(l) != length-skippableHead {
		return nil, fmt.Errorf("%w: no skippable frame of %d bytes around it", ErrNotSeekable, length)
	}
	t := &seekTable{frames: make([]seekFrame, n)}
	stored := int64(length)
	for i := range t.frames {
		e := b[skippableHead+i*entry:]
		t.frames[i] = seekFrame{binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint32(e[4:])}
		stored += int64(t.frames[i].stored)
	}
	if stored != size {
		return nil, fmt.Errorf("%w: its frames make %d bytes, there are %d", ErrNotSeekable, stored, size)
	}
	return t, nil
}
