package archive

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxFrame bounds what one frame may make us allocate, in bytes: four times what we write.
	maxFrame = 4 * FrameSize
	// tailSize is how much is read at first, in bytes: the table of 30 GB of raw stream, or the
	// table and the frames of a zero tail.
	tailSize = 64 << 10
	// keptFrames are decoded frames that are kept for the next ReadAt.
	keptFrames = 2
)

// Seekable gives any part of the raw stream of a stored form. It reads no more than the frames that
// it needs, and keeps the last ones. It is safe for concurrent use.
type Seekable struct {
	r    io.ReaderAt
	size int64 // of the stored bytes
	tail []byte
	// The frames, and where each begins, with the end of the last one behind.
	frames      []seekFrame
	stored, raw []int64

	mu      sync.Mutex
	decoder *zstd.Decoder
	kept    []keptFrame // latest last
}

type keptFrame struct {
	number int
	raw    []byte
}

// OpenSeekable reads the seek table at the end of size stored bytes. The error wraps
// ErrNotSeekable if there is none.
func OpenSeekable(r io.ReaderAt, size int64) (*Seekable, error) {
	tail := make([]byte, max(0, min(size, tailSize)))
	if n, err := r.ReadAt(tail, size-int64(len(tail))); n < len(tail) {
		return nil, unexpected(err)
	}
	t, err := readSeekTable(r, size, tail)
	if err != nil {
		return nil, err
	}
	s := &Seekable{r: r, size: size, tail: tail, frames: t.frames}
	s.stored, s.raw = make([]int64, len(t.frames)+1), make([]int64, len(t.frames)+1)
	for i, f := range t.frames {
		if f.raw > maxFrame || f.stored > 2*maxFrame {
			return nil, fmt.Errorf("%w: frame %d of %d bytes for %d, want at most %d", ErrNotSeekable, i, f.stored, f.raw, maxFrame)
		}
		s.stored[i+1], s.raw[i+1] = s.stored[i]+int64(f.stored), s.raw[i]+int64(f.raw)
	}
	s.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxFrame), zstd.WithDecoderMaxMemory(maxFrame))
	return s, err
}

// Size is the length of the raw stream in bytes.
func (s *Seekable) Size() int64 { return s.raw[len(s.frames)] }

// Close frees what decoding holds. It does not close the reader given to OpenSeekable.
func (s *Seekable) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decoder.Close()
	return nil
}

// ReadAt implements io.ReaderAt over the raw stream. The error wraps ErrCorrupt where a frame is not
// what the table or its own checksum says.
func (s *Seekable) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("archive.Seekable.ReadAt: negative offset")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n < len(b) && off < s.Size() {
		i := sort.Search(len(s.frames), func(i int) bool { return s.raw[i+1] > off })
		raw, err := s.frame(i)
		if err != nil {
			return n, err
		}
		k := copy(b[n:], raw[off-s.raw[i]:])
		n += k
		off += int64(k)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// frame gives the bytes of frame i.
func (s *Seekable) frame(i int) ([]byte, error) {
	var buf []byte
	for k, f := range s.kept {
		if f.number == i {
			return f.raw, nil
		}
		if k == 0 && len(s.kept) == keptFrames {
			buf = f.raw
		}
	}
	stored, err := s.read(s.stored[i], int64(s.frames[i].stored))
	if err != nil {
		return nil, err
	}
	if len(s.kept) == keptFrames {
		s.kept = append(s.kept[:0], s.kept[1:]...)
	}
	raw, err := s.decode(i, stored, buf)
	if err != nil {
		return nil, err
	}
	s.kept = append(s.kept, keptFrame{i, raw})
	return raw, nil
}

// decode decodes frame i into buf, if that is large enough. No more than the table says is decoded.
func (s *Seekable) decode(i int, stored, buf []byte) ([]byte, error) {
	want := int(s.frames[i].raw)
	corrupt := func(err error) error {
		return fmt.Errorf("%w: offset %#x: frame %d: %w", ErrCorrupt, s.stored[i], i, err)
	}
	var h zstd.Header
	if err := h.Decode(stored); err != nil {
		return nil, corrupt(err)
	}
	if h.Skippable || h.HasFCS && h.FrameContentSize != uint64(want) {
		return nil, corrupt(fmt.Errorf("%d bytes, want %d", h.FrameContentSize, want))
	}
	if cap(buf) < want {
		buf = make([]byte, 0, want)
	}
	raw, err := s.decoder.DecodeAll(stored, buf[:0:want])
	if err != nil {
		return nil, corrupt(err)
	}
	if len(raw) != want {
		return nil, corrupt(fmt.Errorf("%d bytes, want %d", len(raw), want))
	}
	return raw, nil
}

// read gives stored bytes, from the tail where they lie in it.
func (s *Seekable) read(off, n int64) ([]byte, error) {
	if at := off - (s.size - int64(len(s.tail))); at >= 0 {
		return s.tail[at : at+n], nil
	}
	b := make([]byte, n)
	if k, err := s.r.ReadAt(b, off); k < len(b) {
		return nil, unexpected(err)
	}
	return b, nil
}

// unexpected makes an end of the file an error: there is to be more.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
