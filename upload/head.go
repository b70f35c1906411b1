package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/memvault/memvault/archive"
)

// customerKey gives what requests must say about an object that has a key of ours; nil
// for other objects, whose encryption is the store's affair.
func (s *Store) customerKey() encrypt.ServerSide {
	if s.sse != nil && s.sse.Type() == encrypt.SSEC {
		return s.sse
	}
	return nil
}

// head asks for an object with its checksum. The error wraps ErrAbsent if there is none.
func (s *Store) head(ctx context.Context, bucket, key string) (minio.ObjectInfo, error) {
	var info minio.ObjectInfo
	err := s.do(ctx, "look at "+object(bucket, key), func(ctx context.Context, _ *watch) error {
		o := minio.StatObjectOptions{Checksum: true}
		o.ServerSideEncryption = s.customerKey()
		var err error
		info, err = s.Core.StatObject(ctx, bucket, key, o)
		return err
	})
	return info, absent(err, bucket, key)
}

func object(bucket, key string) string { return scheme + bucket + "/" + key }

// absent names the lack of an object.
func absent(err error, bucket, key string) error {
	if err != nil && isAbsent(err) {
		return fmt.Errorf("%s: %w", object(bucket, key), ErrAbsent)
	}
	return err
}

// checkExpiry refuses an object that does not stay long enough.
func checkExpiry(info minio.ObjectInfo, bucket, key string, least time.Duration, now time.Time) error {
	if least == 0 {
		least = DefaultMinLife
	}
	header := info.Headers.Get("x-amz-expiration")
	switch {
	case least < 0, header == "":
		return nil
	case info.Expiration.IsZero():
		return fmt.Errorf("%s: %w: x-amz-expiration %q cannot be read", object(bucket, key), ErrExpires, header)
	case info.Expiration.Before(now.Add(least)):
		return fmt.Errorf("%s: %w: rule %q deletes it at %s, want %v or later from now", object(bucket, key), ErrExpires,
			info.ExpirationRuleID, info.Expiration.UTC().Format(time.RFC3339), least)
	}
	return nil
}

// ReadManifest reads the manifest of the object of that key. The error wraps ErrAbsent if
// there is none, and ErrIntegrity if there is one that cannot be read.
func (s *Store) ReadManifest(ctx context.Context, bucket, key string) (*archive.Manifest, error) {
	name := ManifestKey(key)
	var data []byte
	err := s.do(ctx, "read "+object(bucket, name), func(ctx context.Context, w *watch) error {
		var err error
		data, err = s.get(ctx, w, bucket, name, archive.MaxManifest+1)
		return err
	})
	if err != nil {
		return nil, absent(err, bucket, name)
	}
	m, err := archive.ParseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", object(bucket, name), ErrIntegrity, err)
	}
	return m, nil
}

// putManifest writes a manifest, unless there is one already.
func (s *Store) putManifest(ctx context.Context, bucket, key string, m *archive.Manifest, o minio.PutObjectOptions) error {
	data, err := m.Marshal()
	if err != nil {
		return err
	}
	name := ManifestKey(key)
	o.ContentType, o.StorageClass = "application/json", ""
	_, err = s.offer(o, func(t offer) error {
		if t.sum != noSum {
			t.o.UserMetadata = map[string]string{t.sum.Key(): t.sum.sum(data)}
		}
		return s.putOnce(ctx, bucket, name, data, t.o)
	})
	if err == nil {
		return nil
	}
	// Whoever was first, or a lost reply of ours: what counts is what it says.
	there, readErr := s.ReadManifest(ctx, bucket, key)
	switch {
	case errors.Is(readErr, ErrAbsent):
		return err
	case readErr != nil:
		return readErr
	case there.Raw.SHA256 != m.Raw.SHA256 || there.Stored.Digest != m.Stored.Digest:
		return fmt.Errorf("%s: %w: it tells of other bytes than are stored", object(bucket, name), ErrIntegrity)
	}
	return nil
}

// putOnce writes a small object by one PUT that replaces nothing.
func (s *Store) putOnce(ctx context.Context, bucket, key string, data []byte, o minio.PutObjectOptions) error {
	o.DisableContentSha256 = true
	o.ServerSideEncryption = s.sse
	o.SetMatchETagExcept("*")
	return s.do(ctx, "write "+object(bucket, key), func(ctx context.Context, w *watch) error {
		_, err := s.Core.PutObject(ctx, bucket, key, s.body(ctx, w, data), int64(len(data)), "", "", o)
		return err
	})
}

// get reads an object of up to size bytes.
func (s *Store) get(ctx context.Context, w *watch, bucket, key string, size int) ([]byte, error) {
	o := minio.GetObjectOptions{ServerSideEncryption: s.customerKey()}
	r, info, _, err := s.Core.GetObject(ctx, bucket, key, o)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(&watched{r, w, int64(size)})
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	if err == nil && info.Size >= 0 && int64(b.Len()) != min(info.Size, int64(size)) {
		err = fmt.Errorf("got %d bytes of %d", b.Len(), info.Size)
	}
	return b.Bytes(), err
}
