package codec

import (
	"errors"
	"fmt"
	"io"
)

const (
	chunkSize = 256 << 10 // bytes read at a time, beside the decoding
	headroom  = 16 << 10  // bytes before a chunk, for the unread end of the one before
	slack     = 128       // bytes behind the end that may be looked at; longer than any record without strings
	maxString = 16 << 20  // bytes of a name; ARG_MAX of the kernels that record is below it
	maxTable  = 64 << 20  // bytes of a line table
)

// chunk is a buffer on its way between the goroutine that fills it and the window:
// headroom, n bytes of data, slack.
type chunk struct {
	buf []byte
	n   int
	err error // of the stream, after these n bytes
}

// window is a sliding view of the raw stream.
//
//	0 <= pos, end <= len(buf)-slack, and buf[pos:end] is what has been received and not yet decoded
//	buf[end:end+slack] is zero, so that a cut record reads as zeros, not as what was there before
//
// pos may run past end by at most slack bytes while the last record is looked at.
type window struct {
	buf      []byte
	pos, end int
	base     int64 // offset in the raw stream of buf[0]; negative while the headroom is not used
	err      error // why no more bytes come; io.EOF at the end
	held     *chunk
	full     chan *chunk
	free     chan *chunk
	stop     chan struct{}
}

// newWindow starts reading r, and calls done when no more of it will be read.
func newWindow(r io.Reader, done func()) *window {
	w := &window{
		buf:  make([]byte, slack),
		full: make(chan *chunk, 2),
		free: make(chan *chunk, 3),
		stop: make(chan struct{}),
	}
	go func() {
		defer done()
		fill(r, w.full, w.free, w.stop)
	}()
	return w
}

// fill reads r to its end into chunks. It ends with the stream, or when stop is closed.
func fill(r io.Reader, full, free chan *chunk, stop chan struct{}) {
	defer close(full)
	for made := 0; ; {
		var c *chunk
		select {
		case c = <-free:
		case <-stop:
			return
		default:
			if made < cap(free) {
				c = &chunk{buf: make([]byte, headroom+chunkSize+slack)}
				made++
				break
			}
			select {
			case c = <-free:
			case <-stop:
				return
			}
		}
		c.n, c.err = readFull(r, c.buf[headroom:headroom+chunkSize])
		clear(c.buf[headroom+c.n:][:slack])
		select {
		case full <- c:
		case <-stop:
			return
		}
		if c.err != nil {
			return
		}
	}
}

// readFull is io.ReadFull but for its error, which is the reader's own, and for
// readers that panic on hostile input: that becomes an error.
func readFull(r io.Reader, b []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: decompressor failed: %v", errCorrupt, p)
		}
	}()
	for empty := 0; n < len(b) && err == nil; {
		var k int
		k, err = r.Read(b[n:])
		n += k
		if k > 0 {
			empty = 0
		} else if empty++; empty > 100 && err == nil {
			err = io.ErrNoProgress
		}
	}
	return n, err
}

// offset gives the place of pos in the raw stream.
func (w *window) offset() int64 { return w.base + int64(w.pos) }

// more adds at least one byte to buf[pos:end], and reports false when none is left.
// It moves the bytes: slices of buf from before are no longer valid.
func (w *window) more() bool {
	for w.err == nil {
		c, ok := <-w.full
		if !ok {
			w.err = io.ErrClosedPipe
			return false
		}
		w.err = c.err
		if c.n > 0 {
			w.take(c)
			return true
		}
		w.free <- c
	}
	return false
}

// take makes the unread bytes and then those of c the new window. The unread ones go into
// the headroom of c, or, when they are too many, c is appended to a buffer of their own.
func (w *window) take(c *chunk) {
	keep := w.end - w.pos
	at := w.offset()
	if keep <= headroom {
		start := headroom - keep
		copy(c.buf[start:headroom], w.buf[w.pos:w.end])
		w.release()
		w.held = c
		w.buf, w.pos, w.end = c.buf, start, headroom+c.n
	} else {
		if w.held != nil || len(w.buf) < w.end+c.n+slack {
			grown := make([]byte, 2*(keep+c.n)+slack)
			copy(grown, w.buf[w.pos:w.end])
			w.release()
			w.buf, w.pos, w.end = grown, 0, keep
		}
		copy(w.buf[w.end:], c.buf[headroom:headroom+c.n])
		w.end += c.n
		w.free <- c
	}
	w.base = at - int64(w.pos)
}

// release gives the chunk under the window back.
func (w *window) release() {
	if w.held != nil {
		w.free <- w.held
		w.held = nil
	}
}

// ensure makes n bytes available, and reports false when the stream ends before.
func (w *window) ensure(n int) bool {
	for w.end-w.pos < n {
		if !w.more() {
			return false
		}
	}
	return true
}

// close ends the goroutine that fills chunks.
func (w *window) close() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	if w.err == nil {
		w.err = errClosed
	}
}

var errClosed = errors.New("reader is closed")
