package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdMagic begins every stored form but that of CodecNone.
const zstdMagic = "\x28\xb5\x2f\xfd"

// Restore reads the stored form to its end and writes the raw stream, and with CodecNone the
// file. With a manifest it proves by SHA-256 that it wrote what was stored; without, only the
// checksums of the frames and the seek table at the end vouch for it. The error wraps
// ErrCorrupt when the stored bytes are not what they should be; what was written is then of
// no use.
func Restore(ctx context.Context, w io.Writer, r io.Reader, m *Manifest) (Digest, error) {
	in := &restoring{ctx: ctx, r: r, limit: -1}
	out := newDigester()
	limited := &bounded{w: io.MultiWriter(out, w), left: -1}
	codec := CodecZstd
	if m != nil {
		codec, in.limit, limited.left = m.Stored.Codec, m.Stored.Size, m.Restored().Size
	}
	var err error
	switch codec {
	case CodecZstd:
		err = in.zstd(limited)
	case CodecNone:
		_, err = io.CopyBuffer(limited, struct{ io.Reader }{in}, make([]byte, 256<<10))
	default:
		return Digest{}, fmt.Errorf("codec %q: this version knows %q and %q", codec, CodecZstd, CodecNone)
	}
	switch {
	case in.err != nil:
		return Digest{}, in.err
	case err != nil:
		return Digest{}, err
	}
	return out.digest(), in.prove(out.digest(), m)
}

// Restored is what Restore writes: the raw stream, or with CodecNone the file.
func (m *Manifest) Restored() Digest {
	if m.Stored.Codec == CodecNone {
		return m.File
	}
	return m.Raw
}

// restoring reads the stored bytes, and remembers the first and last of them.
type restoring struct {
	ctx   context.Context
	r     io.Reader
	err   error // the first that is not io.EOF
	n     int64
	limit int64 // the most bytes that there should be; -1 is any number
	tail  [seekFooter]byte
}

func (r *restoring) Read(b []byte) (int, error) {
	if r.err == nil && r.ctx.Err() != nil {
		r.err = context.Cause(r.ctx)
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.r.Read(b)
	r.n += int64(n)
	last := append(r.tail[:len(r.tail):len(r.tail)], b[max(0, n-len(r.tail)):n]...)
	copy(r.tail[:], last[len(last)-len(r.tail):])
	if err != nil && err != io.EOF {
		r.err = err
	}
	if r.limit >= 0 && r.n > r.limit {
		r.err = fmt.Errorf("%w: more than the %d bytes of the manifest", ErrCorrupt, r.limit)
		return n, r.err
	}
	return n, err
}

// zstd decodes frame after frame.
func (r *restoring) zstd(w io.Writer) error {
	head := make([]byte, len(zstdMagic))
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if string(head[:n]) != zstdMagic {
		return fmt.Errorf("%w: offset 0: found %q, want zstd", ErrCorrupt, head[:n])
	}
	d, err := zstd.NewReader(io.MultiReader(bytes.NewReader(head), r), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxFrame))
	if err != nil {
		return err
	}
	defer d.Close()
	out := &writing{w: w}
	_, err = io.Copy(out, d)
	if err == nil || out.err != nil {
		return out.err
	}
	return fmt.Errorf("%w: before offset %#x: %w", ErrCorrupt, r.n, err)
}

// prove compares what was restored with what the manifest says; without one, the stored form must
// at least end as it should.
func (r *restoring) prove(got Digest, m *Manifest) error {
	if m == nil {
		if _, _, err := parseFooter(r.tail[:]); err != nil {
			return fmt.Errorf("%w: it is cut, or memvault has not made it: %w", ErrCorrupt, err)
		}
		return nil
	}
	if want := m.Restored(); got != want {
		return fmt.Errorf("%w: it holds SHA-256 %x of %d bytes, the manifest says %x of %d",
			ErrCorrupt, got.SHA256, got.Size, want.SHA256, want.Size)
	}
	return nil
}

// bounded refuses to write more than left bytes; -1 is any number.
type bounded struct {
	w    io.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left >= 0 && int64(len(p)) > b.left {
		return 0, fmt.Errorf("%w: it holds more than the manifest says", ErrCorrupt)
	}
	n, err := b.w.Write(p)
	if b.left >= 0 {
		b.left -= int64(n)
	}
	return n, err
}

// writing remembers an error of w, to tell it from those of reading.
type writing struct {
	w   io.Writer
	err error
}

func (w *writing) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	w.err = errors.Join(w.err, err)
	return n, err
}
