package codec

import (
	"bufio"
	"bytes"
	"io"

	"github.com/pierrec/lz4/v4"
)

// glanceSize is how many bytes of the raw stream hold nearly every header.
const glanceSize = 8 << 10

// glance reads the header of a plain or LZ4 capture from its first bytes, without the buffers and
// the goroutine of a Reader: folders of captures are looked at by the thousand. It reports false whenever
// anything is unusual, for NewReader to say what.
func glance(r io.ReaderAt, size int64) (h Header, container string, ok bool) {
	buf := make([]byte, glanceSize+slack)
	n, err := r.ReadAt(buf[:glanceSize], 0)
	if err != nil && err != io.EOF || n < len(magicMemray) {
		return h, "", false
	}
	container = "plain"
	if bytes.HasPrefix(buf, magicLZ4) {
		container = "lz4"
		z := lz4.NewReader(bufio.NewReaderSize(io.NewSectionReader(r, 0, size), glanceSize))
		if err := z.Apply(lz4.ConcurrencyOption(1)); err != nil {
			return h, "", false
		}
		clear(buf)
		n, _ = readFull(z, buf[:glanceSize]) // an error shows by what is missing
	}
	clear(buf[n:])
	d := &Reader{src: &source{in: &input{}}}
	d.window = window{buf: buf, end: n, err: io.ErrUnexpectedEOF}
	if !bytes.HasPrefix(buf, magicMemray) || d.readHeader() != nil {
		return h, "", false
	}
	return d.head, container, true
}
