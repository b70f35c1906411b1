package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/memvault/memvault/codec"
)

// Encode writes the stored form of the file that s is about. The error is that of the file or
// of w, wraps ErrChanged when the file is no longer what Examine saw, or is the cause of the
// end of ctx; what was written until then is of no use.
func Encode(ctx context.Context, w io.Writer, f *os.File, s *Survey, o Options) (Stored, error) {
	if err := o.fill(); err != nil {
		return Stored{}, err
	}
	if err := s.Identity.changed(f); err != nil {
		return Stored{}, err
	}
	e := &encoder{in: newSource(ctx, f, s.Identity.Size, o.Progress), file: newDigester(), raw: newDigester()}
	out := newSink(w)
	frames, err := e.encode(ctx, out, s, o)
	if err != nil {
		return Stored{}, err
	}
	if err := errors.Join(e.differs(s, o), s.Identity.changed(f)); err != nil {
		return Stored{}, err
	}
	st := out.stored()
	st.Codec, st.Frames = o.Codec, frames
	if o.Codec == CodecZstd {
		st.Level = o.Level
	}
	return st, nil
}

// fill puts the defaults in, and refuses what is none of ours.
func (o *Options) fill() error {
	if o.Codec == "" {
		o.Codec = CodecZstd
	}
	if o.Codec != CodecZstd && o.Codec != CodecNone {
		return fmt.Errorf("codec %q: want %q or %q", o.Codec, CodecZstd, CodecNone)
	}
	if o.Level == "" {
		o.Level = LevelDefault
	}
	if o.Level != LevelDefault && o.Level != LevelBetter {
		return fmt.Errorf("level %q: want %q or %q", o.Level, LevelDefault, LevelBetter)
	}
	if o.Workers == nil {
		o.Workers = NewWorkers()
	}
	return nil
}

// encoder is one run of Encode: what is hashed on the way.
type encoder struct {
	in        *source
	file, raw *digester
}

func (e *encoder) encode(ctx context.Context, w io.Writer, s *Survey, o Options) (frames int, err error) {
	packed := io.TeeReader(e.in, e.file)
	if o.Codec == CodecNone {
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, packed, make([]byte, 256<<10))
		return 0, err
	}
	if s.Content == ContentFile || s.Container == "plain" {
		return newFramer(o, s.Raw.Size).run(ctx, w, packed)
	}
	u, err := codec.Unpack(packed)
	if err != nil {
		return 0, e.unpacking(err)
	}
	frames, err = newFramer(o, s.Raw.Size).run(ctx, w, io.TeeReader(&unpacked{u, e}, e.raw))
	return frames, errors.Join(err, u.Close())
}

// unpacked is the raw stream, with errors that say what it means when it does not unpack: it did
// so when it was examined.
type unpacked struct {
	u *codec.Unpacked
	e *encoder
}

func (u *unpacked) Read(b []byte) (int, error) {
	n, err := u.u.Read(b)
	if err != nil && err != io.EOF {
		err = u.e.unpacking(err)
	}
	return n, err
}

func (e *encoder) unpacking(err error) error {
	if e.in.err != nil {
		return e.in.err
	}
	return fmt.Errorf("%w: it does not unpack any more: %w", ErrChanged, err)
}

// differs gives an error that wraps ErrChanged if what was read is not what s tells.
func (e *encoder) differs(s *Survey, o Options) error {
	if got := e.file.digest(); got != s.File {
		return fmt.Errorf("%w: SHA-256 %x of %d bytes, examined were %x of %d", ErrChanged, got.SHA256, got.Size, s.File.SHA256, s.File.Size)
	}
	if e.raw.n == 0 && s.Raw == s.File || o.Codec == CodecNone {
		return nil
	}
	if got := e.raw.digest(); got != s.Raw {
		return fmt.Errorf("%w: it unpacks to SHA-256 %x of %d bytes, examined were %x of %d", ErrChanged, got.SHA256, got.Size, s.Raw.SHA256, s.Raw.Size)
	}
	return nil
}
