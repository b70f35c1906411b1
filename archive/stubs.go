package archive

import (
	"context"
	"io"
	"os"
)

var errSoon = os.ErrInvalid

// Workers limits how many frames are encoded at the same time, by all that share it.
type Workers struct{}

// NewWorkers makes as many workers as there are processors, at most four.
func NewWorkers() *Workers { return &Workers{} }

// IdentityOf gives the identity of an open file.
func IdentityOf(f *os.File) (Identity, error) { return Identity{}, errSoon }

// Examine reads all of a regular file, from its beginning whatever its position, and says
// what is to be stored of it. Files that are no captures are no error. The error is that of
// the file, wraps ErrChanged when the file changed meanwhile, or is the cause of the end of ctx.
func Examine(ctx context.Context, f *os.File, o Options) (*Survey, error) { return nil, errSoon }

// Encode writes the stored form of the file that s is about. The error is that of the file or
// of w, wraps ErrChanged when the file is no longer what Examine saw, or is the cause of the
// end of ctx; what was written until then is of no use.
func Encode(ctx context.Context, w io.Writer, f *os.File, s *Survey, o Options) (Stored, error) {
	return Stored{}, errSoon
}

// MaxStored gives the most bytes that the stored form of size bytes of raw stream can have.
func MaxStored(size int64) int64 { return size }

// Restore reads the stored form to its end and writes the raw stream, and with CodecNone the
// file. With a manifest it proves by SHA-256 that it wrote what was stored; without, only the
// checksums of the frames and the seek table at the end vouch for it. The error wraps
// ErrCorrupt when the stored bytes are not what they should be; what was written is then of
// no use.
func Restore(ctx context.Context, w io.Writer, r io.Reader, m *Manifest) (Digest, error) {
	return Digest{}, errSoon
}

// Seekable gives any part of the raw stream of a stored form. It is safe for concurrent use.
type Seekable struct{}

// OpenSeekable reads the seek table at the end of size stored bytes. The error wraps
// ErrNotSeekable if there is none.
func OpenSeekable(r io.ReaderAt, size int64) (*Seekable, error) { return nil, errSoon }

// Size is the length of the raw stream in bytes.
func (s *Seekable) Size() int64 { return 0 }

// ReadAt implements io.ReaderAt over the raw stream.
func (s *Seekable) ReadAt(b []byte, off int64) (int, error) { return 0, errSoon }

// Marshal gives the manifest as JSON, indented, with a newline at the end. Nothing in it can
// do anything to a terminal.
func (m *Manifest) Marshal() ([]byte, error) { return nil, errSoon }

// ParseManifest reads a manifest, which may be of anybody's making: sizes, digests and names
// are checked, and nothing longer than MaxManifest is read. Unknown keys are left out.
func ParseManifest(data []byte) (*Manifest, error) { return nil, errSoon }

// CheckLabels says what is wrong with labels: more than MaxLabels of them, a name or a value of more than
// MaxLabel bytes, an empty name, or characters that are not printable.
func CheckLabels(labels map[string]string) error { return errSoon }

func clip(s string, n int) string { return s }
