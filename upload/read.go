package upload

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/minio/crc64nvme"
	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
)

// watched tells a watch what comes, and ends after left bytes.
type watched struct {
	r     io.Reader
	watch *watch
	left  int64
}

func (w *watched) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, io.EOF
	}
	n, err := w.r.Read(p[:min(int64(len(p)), w.left)])
	w.left -= int64(n)
	w.watch.move(n)
	return n, err
}

// A remote is one state of one object.
type remote struct {
	s           *Store
	bucket, key string
	etag        string
	size        int64
}

// ReaderAt reads any part of an object by range requests, until ctx ends. All of them are of
// the object that was there at the first: if another takes its place, the error wraps
// ErrIntegrity. The error wraps ErrAbsent if there is none. It is safe for concurrent use.
func (s *Store) ReaderAt(ctx context.Context, bucket, key string) (r io.ReaderAt, size int64, err error) {
	info, err := s.head(ctx, bucket, key)
	if err != nil {
		return nil, 0, err
	}
	return readerAt{ctx, s.remote(bucket, key, info)}, info.Size, nil
}

func (s *Store) remote(bucket, key string, info minio.ObjectInfo) remote {
	return remote{s, bucket, key, info.ETag, info.Size}
}

// A readerAt is used for one piece of work, whose context it holds since io.ReaderAt has
// no place for one.
type readerAt struct {
	ctx context.Context
	remote
}

// ReadAt implements io.ReaderAt.
func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: want 0 or more", off)
	}
	if off >= r.size {
		return 0, io.EOF
	}
	want := int(min(int64(len(p)), r.size-off))
	got := 0
	err := r.s.do(r.ctx, "read "+object(r.bucket, r.key), func(ctx context.Context, w *watch) error {
		body, err := r.open(ctx, w, off+int64(got), int64(want-got))
		if err != nil {
			return err
		}
		n, err := io.ReadFull(body, p[got:want])
		got += n // what came is kept
		return errors.Join(err, body.Close())
	})
	if err == nil && want < len(p) {
		err = io.EOF
	}
	return got, r.changed(err)
}

// changed tells that the object is no longer the one that was looked at.
func (r remote) changed(err error) error {
	if code := codeOf(err); err != nil && (code == "PreconditionFailed" || isAbsent(err)) {
		return fmt.Errorf("%s: %w: the object was replaced or removed while it was read", object(r.bucket, r.key), ErrIntegrity)
	}
	return err
}

type readCloser struct {
	io.Reader
	io.Closer
}

// open asks for size bytes from off on.
func (r remote) open(ctx context.Context, w *watch, off, size int64) (io.ReadCloser, error) {
	o := minio.GetObjectOptions{ServerSideEncryption: r.s.customerKey()}
	if err := o.SetRange(off, off+size-1); err != nil {
		return nil, err
	}
	if r.etag != "" {
		if err := o.SetMatchETag(r.etag); err != nil {
			return nil, err
		}
	}
	body, info, _, err := r.s.Core.GetObject(ctx, r.bucket, r.key, o)
	if err != nil {
		return nil, err
	}
	if info.Size >= 0 && info.Size != size {
		return nil, errors.Join(fmt.Errorf("asked for %d bytes from %d on, got %d", size, off, info.Size), body.Close())
	}
	return readCloser{&watched{body, w, size}, body}, nil
}

// stream copies all of the object to w, taking up after lost connections. It fails if w
// does.
func (r remote) stream(ctx context.Context, w io.Writer) error {
	var off int64
	var writeErr error
	for off < r.size {
		before := off
		err := r.s.do(ctx, "read "+object(r.bucket, r.key), func(ctx context.Context, watch *watch) error {
			body, err := r.open(ctx, watch, off, r.size-off)
			if err != nil {
				return err
			}
			n, err := io.Copy(&keptError{w, &writeErr}, body)
			off += n
			if closeErr := body.Close(); err == nil {
				err = closeErr
			}
			switch {
			case writeErr != nil || off > before:
				return nil // no attempt that got on counts
			case err == nil:
				err = io.ErrUnexpectedEOF
			}
			return err
		})
		if writeErr != nil {
			return writeErr
		}
		if err != nil {
			return r.changed(err)
		}
	}
	return nil
}

// keptError keeps the error of a writer, to tell it from that of the reader.
type keptError struct {
	w   io.Writer
	err *error
}

func (k *keptError) Write(p []byte) (int, error) {
	n, err := k.w.Write(p)
	if err != nil {
		*k.err = err
	}
	return n, err
}

// sums are all that is known of stored bytes by reading them.
type sums struct {
	size   int64
	sha    hash.Hash
	crc32c hash.Hash32
	crc64  hash.Hash64
}

func newSums() *sums {
	return &sums{sha: sha256.New(), crc32c: crc32.New(crc32.MakeTable(crc32.Castagnoli)), crc64: crc64nvme.New()}
}

func (s *sums) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	for _, h := range []hash.Hash{s.sha, s.crc32c, s.crc64} {
		h.Write(p)
	}
	return len(p), nil
}

func (s *sums) stored() archive.Stored {
	st := archive.Stored{CRC32C: s.crc32c.Sum32(), CRC64NVME: s.crc64.Sum64()}
	st.Size = s.size
	s.sha.Sum(st.SHA256[:0])
	return st
}

// readBack reads an object and hashes what is stored and, if raw is set, the raw stream
// in it, which with a manifest must be what that says: nothing larger is unpacked.
func (s *Store) readBack(ctx context.Context, r remote, raw bool, m *archive.Manifest) (st archive.Stored, stream archive.Digest, err error) {
	h := newSums()
	if !raw {
		err = r.stream(ctx, h)
		return h.stored(), archive.Digest{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := r.stream(ctx, io.MultiWriter(h, out))
		done <- err
		out.CloseWithError(err)
	}()
	stream, err = archive.Restore(ctx, io.Discard, in, m)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	in.CloseWithError(errClosed)
	cancel(err)
	if streamErr := <-done; streamErr != nil && !errors.Is(streamErr, errClosed) && (err == nil || !errors.Is(streamErr, context.Canceled)) {
		err = streamErr
	}
	if errors.Is(err, archive.ErrCorrupt) {
		err = fmt.Errorf("%s: %w: %w", object(r.bucket, r.key), ErrIntegrity, err)
	}
	return h.stored(), stream, err
}
