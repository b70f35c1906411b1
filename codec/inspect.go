package codec

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
)

// Summary is what the header and the last bytes of a capture tell, without reading what
// lies between.
type Summary struct {
	// Header is zero when there is none: StateEmpty and StateNeverStarted.
	Header Header
	// Container is as Reader.Container gives it.
	Container string
	// Size is the size of the file in bytes.
	Size int64
	// DataEnd is the offset behind the last byte that is not zero, in a plain file; 0 in others.
	DataEnd int64
	// State is the state as far as it can be told; StateUnknown where it cannot.
	State State
	// Proved tells whether reading it all could not change State.
	Proved bool
	// Reason says in a sentence why State is what it is.
	Reason string
}

// Inspect looks at the header and the end of a file of size bytes. Its cost does not grow
// with the size, but for a few reads to find where a zero tail begins. The errors are those of NewReader.
func Inspect(r io.ReaderAt, size int64) (*Summary, error) {
	s := &Summary{Size: size}
	var ok bool
	if s.Header, s.Container, ok = glance(r, size); !ok {
		if err := s.open(r); err != nil {
			return nil, err
		}
		if s.Proved {
			return s, nil
		}
	}
	switch s.Container {
	case "plain":
		return s, s.inspectPlain(r)
	case "lz4":
		return s, s.inspectLZ4(r)
	}
	s.Reason = "only reading it all tells how a capture within " + s.Container + " ends"
	return s, nil
}

// A gate lets reads through until it is shut, which waits for those under way: a Reader reads ahead, and
// whoever asks for a Summary may close the file then, and rely on its being closed.
type gate struct {
	mu     sync.Mutex
	r      io.ReaderAt
	closed bool
}

func (g *gate) ReadAt(b []byte, at int64) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, errClosed
	}
	return g.r.ReadAt(b, at)
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// open reads the header with a Reader. Where there is none, as in an empty file, it says so.
func (s *Summary) open(r io.ReaderAt) error {
	g := &gate{r: r}
	defer g.shut()
	d, err := NewReader(io.NewSectionReader(g, 0, s.Size))
	switch {
	case errors.Is(err, ErrEmpty):
		s.State, s.Proved, s.Reason = StateEmpty, true, ErrEmpty.Error()
		return nil
	case errors.Is(err, ErrNeverStarted):
		s.State, s.Proved, s.Reason = StateNeverStarted, true, ErrNeverStarted.Error()
		return nil
	case err != nil:
		return err
	}
	s.Header, s.Container = d.head, d.Container()
	return d.Close()
}

// trailerByte is the last byte of a complete capture of header 8 and later.
func trailerByte(h *Header) byte {
	switch {
	case h.Format == AggregatedAllocations:
		return tagTrailerRows
	case h.Version >= 12:
		return tagTrailer12
	}
	return trailer7
}

func (s *Summary) inspectPlain(r io.ReaderAt) error {
	end, last, err := dataEnd(r, s.Header.Size, s.Size)
	if err != nil {
		return err
	}
	s.DataEnd = end
	h := &s.Header
	trailer := h.Version >= 8 && end > h.Size && last == trailerByte(h)
	rewritten := h.Allocations > 0
	switch {
	case h.Version < 8 && rewritten:
		s.State, s.Reason = StateComplete, "the header was rewritten at the end"
	case trailer && (rewritten || h.Format == AggregatedAllocations):
		s.State, s.Reason = StateComplete, "the last byte is that of a trailer, or of another record by chance"
	case h.Format == AggregatedAllocations:
		s.State, s.Proved, s.Reason = StateWriteError, true, "no trailer: writing the rows stopped half-way, or the file was cut"
	case rewritten:
		s.State, s.Reason = StateWriteError, "no trailer: tracking was stopped by a write error, or the file was cut"
	case trailer:
		s.State, s.Reason = StateUnfinished, "the header was not rewritten at the end; the last byte may be that of a trailer"
	default:
		s.State, s.Proved, s.Reason = StateUnfinished, true, "the header was not rewritten at the end, and there is no trailer"
	}
	return nil
}

const page = 4096 // bytes; no run of records holds so many zeros

// dataEnd finds the offset behind the last byte that is not zero, and that byte, between
// from and size. Up to a tenth of a file that Memray grew in advance are zeros: where they begin
// is found by bisection over pages.
func dataEnd(r io.ReaderAt, from, size int64) (int64, byte, error) {
	buf := make([]byte, page)
	tail := func(p int64) ([]byte, error) { // the bytes of page p up to its last that is not zero
		n, err := r.ReadAt(buf[:min(page, size-p*page)], p*page)
		if err == io.EOF {
			err = nil
		}
		return bytes.TrimRight(buf[:n], "\x00"), err
	}
	lo, hi := from/page, (size+page-1)/page // page lo holds data, the pages from hi on do not
	for back := int64(1); hi-lo > 1; back = min(2*back, hi) {
		// From the end at first, in longer and longer steps: most files have few zeros there.
		mid := max(hi-back, lo+(hi-lo)/2)
		b, err := tail(mid)
		if err != nil {
			return 0, 0, err
		}
		if len(b) > 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	b, err := tail(lo)
	if err != nil || len(b) == 0 {
		return from, 0, err
	}
	return max(from, lo*page+int64(len(b))), b[len(b)-1], nil
}

// inspectLZ4 looks for the end mark of the frame, before its checksum if it has one.
func (s *Summary) inspectLZ4(r io.ReaderAt) error {
	var head [5]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return err
	}
	if bytes.HasPrefix(head[:], magicLegacy) {
		s.Reason = "an LZ4 frame of the legacy format has no end mark: only reading it all tells how it ends"
		return nil
	}
	const contentChecksum = 1 << 2 // in the frame's FLG byte
	back := int64(4)
	if head[4]&contentChecksum != 0 {
		back = 8
	}
	mark := make([]byte, 4)
	if _, err := r.ReadAt(mark, s.Size-back); err != nil && err != io.EOF {
		return err
	}
	switch {
	case strings.Trim(string(mark), "\x00") != "":
		s.State, s.Reason = StateCut, "the LZ4 frame has no end mark: a broken copy or download, or a full disk"
	case s.Header.Allocations == 0 && s.Header.Format == AllAllocations:
		s.Reason = "by the header nothing was allocated, or an unfinished capture was compressed: only reading it all tells"
	default:
		s.State, s.Reason = StateComplete, "the LZ4 frame has an end mark; whether a trailer lies before it, only reading it all tells"
	}
	return nil
}
