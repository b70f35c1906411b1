package upload

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/memvault/memvault/archive"
)

const chunkSize = 64 << 10

var errClosed = errors.New("closed")

type probes struct{}

type algorithms struct{}

// DefaultPartSize is the least size of parts, in bytes.
const DefaultPartSize = 8 << 20

// DefaultParts is how many parts of a file are sent at a time.
const DefaultParts = 4

// Upload stores the file f, once. The Result tells what is stored also with an error.
func (s *Store) Upload(ctx context.Context, f *os.File, o Options) (Result, error) {
	return Result{}, errors.ErrUnsupported
}

// Archived proves, by asking the store now, that the object is there whole, holds the raw
// stream of that SHA-256, has its manifest, and will stay. It is what Upload ends with, and
// what deleting a local file asks last. The error wraps ErrAbsent, ErrConflict, ErrIntegrity,
// ErrNoManifest, ErrExpires or ErrUnreachable; any error means that nothing is proved.
func (s *Store) Archived(ctx context.Context, bucket, key string, raw [32]byte, o ProofOptions) (Proof, error) {
	return Proof{}, errors.ErrUnsupported
}

// ReadManifest reads the manifest of the object of that key. The error wraps ErrAbsent if
// there is none.
func (s *Store) ReadManifest(ctx context.Context, bucket, key string) (*archive.Manifest, error) {
	return nil, errors.ErrUnsupported
}

// ReaderAt reads any part of an object by range requests. All of them are of the object
// that was there at the first: if another takes its place, the error wraps ErrIntegrity.
func (s *Store) ReaderAt(ctx context.Context, bucket, key string) (r io.ReaderAt, size int64, err error) {
	return nil, 0, errors.ErrUnsupported
}
