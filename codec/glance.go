package codec

import (
	"bufio"
	"bytes"
	"io"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// glanceSize is how many bytes of the raw stream hold nearly every header.
const glanceSize = 8 << 10

// A glancer is what a glance needs, to be used again.
type glancer struct {
	buf [glanceSize + slack]byte
	in  *bufio.Reader
	lz4 *lz4.Reader
}

var glancers = sync.Pool{New: func() any {
	g := &glancer{in: bufio.NewReaderSize(nil, glanceSize), lz4: lz4.NewReader(nil)}
	if err := g.lz4.Apply(lz4.ConcurrencyOption(1)); err != nil {
		panic(err) // a fixed option of an unused reader
	}
	return g
}}

// glance reads the header of a plain or LZ4 capture from its first bytes, without the buffers and
// the goroutine of a Reader: folders of captures are looked at by the thousand. It reports false whenever
// anything is unusual, for NewReader to say what.
func glance(r io.ReaderAt, size int64) (h Header, container string, ok bool) {
	g := glancers.Get().(*glancer)
	defer glancers.Put(g)
	buf := g.buf[:]
	n, err := r.ReadAt(buf[:min(glanceSize, size)], 0)
	if err != nil && err != io.EOF || n < len(magicMemray) {
		return h, "", false
	}
	container = "plain"
	if bytes.HasPrefix(buf[:n], magicLZ4) {
		container = "lz4"
		g.in.Reset(io.NewSectionReader(r, 0, size))
		g.lz4.Reset(g.in)
		n, _ = readFull(g.lz4, buf[:glanceSize]) // an error shows by what is missing
	}
	clear(buf[n:])
	d := &Reader{src: &source{in: &input{}}}
	d.window = window{buf: buf, end: n, err: io.ErrUnexpectedEOF}
	if !bytes.HasPrefix(buf[:n], magicMemray) || d.readHeader() != nil {
		return h, "", false
	}
	return d.head, container, true
}
