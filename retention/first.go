package retention

import (
	"io"
	"os"
)

// firstSize is how much of a file is read at once: all of a small one.
const firstSize = 16 << 10

// A first is a file whose first bytes have been read: Inspect asks for them several times.
type first struct {
	f   *os.File
	buf []byte
	end bool // buf is all of the file
}

// readFirst reads the first bytes of a file into buf.
func readFirst(f *os.File, buf []byte) (*first, error) {
	n, err := f.ReadAt(buf, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return &first{f, buf[:n], err == io.EOF}, nil
}

// ReadAt implements io.ReaderAt.
func (r *first) ReadAt(b []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(b)) > int64(len(r.buf)) && !r.end {
		return r.f.ReadAt(b, at)
	}
	n := copy(b, r.buf[min(at, int64(len(r.buf))):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
