package upload

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
)

// Progress is called with how many more bytes came, of how many in all.
type Progress func(n, size int64)

// Got is what was read of an object, and what proves it.
type Got struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Size   int64  `json:"stored_bytes"`
	SHA256 string `json:"stored_sha256"`
	// RawSize and RawSHA256 are of the raw stream, where it was unpacked.
	RawSize   int64  `json:"raw_bytes,omitempty"`
	RawSHA256 string `json:"raw_sha256,omitempty"`
	// Checksum is that of the store for the whole object, which was compared; empty if the
	// store has none. It is written as in Result.
	Checksum string `json:"checksum,omitempty"`
	// Proved names what was compared: "manifest", "checksum", "metadata".
	Proved []string `json:"proved"`
	// Manifest is that of the object; nil if it has none.
	Manifest *archive.Manifest `json:"-"`
}

// Get writes the stored bytes of an object as they are. The error wraps ErrIntegrity when
// they are not what the manifest or the store's checksum says, ErrAbsent when there is no
// object; what was written is then of no use. Without manifest and checksum nothing proves
// the bytes: Got.Proved is empty. Progress may be nil.
func (s *Store) Get(ctx context.Context, w io.Writer, bucket, key string, progress Progress) (Got, error) {
	o, err := s.look(ctx, bucket, key)
	if err != nil {
		return Got{Bucket: bucket, Key: key}, err
	}
	h := newSums()
	if err := s.remote(bucket, key, o.info).stream(ctx, io.MultiWriter(w, h, &counted{progress, o.info.Size})); err != nil {
		return o.got, err
	}
	return o.got, o.compare(h.stored())
}

// looked is what is known of an object before it is read.
type looked struct {
	got  Got
	info minio.ObjectInfo
}

func (s *Store) look(ctx context.Context, bucket, key string) (*looked, error) {
	info, err := s.head(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	o := &looked{Got{Bucket: bucket, Key: key, Proved: []string{}}, info}
	m, err := s.ReadManifest(ctx, bucket, key)
	switch {
	case errors.Is(err, ErrAbsent):
	case err != nil:
		return nil, err
	case m.Stored.Size != info.Size:
		return nil, fmt.Errorf("%w: %s", ErrIntegrity, sizeProblem(m.Stored.Size, info.Size))
	}
	o.got.Manifest = m
	return o, nil
}

// compare compares what was read with what it should be.
func (o *looked) compare(st archive.Stored) error {
	g := &o.got
	g.Size, g.SHA256 = st.Size, hexOf(st.SHA256)
	if st.Size != o.info.Size {
		return fmt.Errorf("%w: %d bytes came, want %d", ErrIntegrity, st.Size, o.info.Size)
	}
	if m := g.Manifest; m != nil {
		if m.Stored.SHA256 != st.SHA256 {
			return fmt.Errorf("%w: SHA-256 is %s, want %s as the manifest says", ErrIntegrity, g.SHA256, hexOf(m.Stored.SHA256))
		}
		g.Proved = append(g.Proved, "manifest")
	}
	kind, want := shown(o.info)
	if kind == noSum {
		return nil
	}
	if got := kind.whole(st); got != want {
		return fmt.Errorf("%w: %s is %s, want %.64q as the store says", ErrIntegrity, kind.name(), got, want)
	}
	g.Checksum = kind.text(want)
	g.Proved = append(g.Proved, "checksum")
	return nil
}

// counted tells progress what is written.
type counted struct {
	progress Progress
	size     int64
}

func (c *counted) Write(b []byte) (int, error) {
	if c.progress != nil {
		c.progress(int64(len(b)), c.size)
	}
	return len(b), nil
}
