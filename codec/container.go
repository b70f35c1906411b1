package codec

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// The first bytes by which containers are told apart.
var (
	magicMemray = []byte("memray\x00")
	magicLZ4    = []byte{0x04, 0x22, 0x4d, 0x18}
	magicLegacy = []byte{0x02, 0x21, 0x4c, 0x18} // lz4 -l
	magicZstd   = []byte{0x28, 0xb5, 0x2f, 0xfd}
	magicGzip   = []byte{0x1f, 0x8b}
)

// maxZstdWindow bounds what a zstd frame may make us allocate, in bytes. It is what the
// zstd tool writes at its highest ordinary level, and twice that for --long=27.
const maxZstdWindow = 128 << 20

// errCorrupt marks compressed bytes that do not decode.
var errCorrupt = errors.New("damaged compression")

// source is the raw stream of a capture, whatever it was packed in.
type source struct {
	in     *input
	r      io.Reader
	layers []string // outermost first
	close  func()   // frees what the layers hold
}

// input remembers whether the error that a decompressor reports was its own or the disk's.
type input struct {
	r   io.Reader
	n   int64
	err error // the first error that is not io.EOF
}

func (i *input) Read(b []byte) (int, error) {
	n, err := i.r.Read(b)
	i.n += int64(n)
	if err != nil && err != io.EOF && i.err == nil {
		i.err = err
	}
	return n, err
}

// openSource unpacks by content: at most one layer of zstd or gzip, then at most one of LZ4.
func openSource(r io.Reader) (*source, error) {
	s := &source{in: &input{r: r}, close: func() {}}
	b := bufio.NewReaderSize(s.in, chunkSize)
	s.r = b
	for {
		head, err := b.Peek(len(magicLZ4))
		if len(head) == 0 && err != io.EOF {
			return nil, s.headerFault(err, 0)
		}
		switch {
		case bytes.Equal(head, magicLZ4), bytes.Equal(head, magicLegacy):
			z := lz4.NewReader(b)
			if err := z.Apply(lz4.ConcurrencyOption(1)); err != nil {
				return nil, err
			}
			s.push("lz4", z)
			return s, nil
		case len(s.layers) > 0:
			return s, nil
		case bytes.Equal(head, magicZstd):
			err = s.pushZstd(b)
		case bytes.HasPrefix(head, magicGzip):
			err = s.pushGzip(b)
		default:
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		b = bufio.NewReaderSize(s.r, chunkSize)
		s.r = b
	}
}

func (s *source) push(name string, r io.Reader) {
	s.layers = append(s.layers, name)
	s.r = r
}

func (s *source) pushZstd(r io.Reader) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return s.headerFault(err, 0)
	}
	s.close = z.Close
	s.push("zstd", z)
	return nil
}

func (s *source) pushGzip(r io.Reader) error {
	s.layers = append(s.layers, "gzip")
	z, err := gzip.NewReader(r)
	if err != nil {
		return s.headerFault(err, 0)
	}
	s.r = z
	return nil
}

// name gives the layers, outermost first: "plain", "lz4", "zstd+lz4".
func (s *source) name() string {
	if len(s.layers) == 0 {
		return "plain"
	}
	return strings.Join(s.layers, "+")
}

// lz4 reports whether the innermost layer is an LZ4 frame.
func (s *source) lz4() bool {
	return len(s.layers) > 0 && s.layers[len(s.layers)-1] == "lz4"
}

// fault sorts an error of the stream: an I/O error as it is, a stream that ends within a
// layer as io.ErrUnexpectedEOF, and anything else as errCorrupt.
func (s *source) fault(err error) error {
	switch {
	case s.in.err != nil:
		return s.in.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, errCorrupt):
		return err
	default:
		return fmt.Errorf("%w: %s: %v", errCorrupt, s.name(), err)
	}
}

// Unpacked is the raw stream of a capture, or of any other file.
type Unpacked struct{ src *source }

// Unpack takes off r what NewReader would, without looking at what is within. The error is r's own,
// or says that a compressed stream begins with nonsense.
func Unpack(r io.Reader) (*Unpacked, error) {
	src, err := openSource(r)
	if err != nil {
		return nil, err
	}
	return &Unpacked{src}, nil
}

// Container is as Reader.Container gives it.
func (u *Unpacked) Container() string { return u.src.name() }

// Read reads the raw stream. The error is io.EOF only where compression ends as it should;
// io.ErrUnexpectedEOF where it is cut short; and r's own where that failed.
func (u *Unpacked) Read(b []byte) (int, error) {
	n, err := readFull(u.src.r, b)
	if err != nil && err != io.EOF {
		err = u.src.fault(err)
	}
	return n, err
}

// Close frees what decompression holds. It does not close the reader given to Unpack.
func (u *Unpacked) Close() error {
	u.src.close()
	return nil
}

// headerFault names an error of the stream that came before the header was complete.
func (s *source) headerFault(err error, offset int64) error {
	err = s.fault(err)
	if err == io.ErrUnexpectedEOF && s.in.err == nil {
		return fmt.Errorf("%w: offset %#x: the %s stream ends", ErrHeader, offset, s.name())
	}
	if errors.Is(err, errCorrupt) {
		return fmt.Errorf("%w: offset %#x: %w", ErrHeader, offset, err)
	}
	return err
}
