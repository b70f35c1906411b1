package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// ErrForeign: the object is no capture of ours, so it is left alone.
var ErrForeign = errors.New("no capture of memvault: it has no manifest, and not a key as memvault makes them")

// Removed tells what Remove did, or would do.
type Removed struct {
	// Bytes is the size of object and manifest.
	Bytes int64
	// Hidden tells that the bucket keeps versions: nothing was freed.
	Hidden bool
}

// Remove deletes a stored capture: first its manifest, which is the mark that it is whole,
// then the object, where the store allows it only as long as it is the one that was looked
// at. An object whose manifest was deleted already is finished. The error wraps ErrAbsent
// when there is neither, ErrForeign when the object is none of ours. Without yes it only
// looks.
func (s *Store) Remove(ctx context.Context, bucket, key string, yes bool) (Removed, error) {
	var r Removed
	manifest, manifestErr := s.head(ctx, bucket, ManifestKey(key))
	if manifestErr != nil && !errors.Is(manifestErr, ErrAbsent) {
		return r, manifestErr
	}
	object, err := s.head(ctx, bucket, key)
	if err != nil && !errors.Is(err, ErrAbsent) {
		return r, err
	}
	absent, bare := err != nil, manifestErr != nil
	switch {
	case absent && bare:
		return r, err
	case bare && !looksStored(key) && meta(object, metaRaw) == "":
		return r, fmt.Errorf("%s: %w", key, ErrForeign)
	case !yes:
		return Removed{Bytes: manifest.Size + object.Size}, nil
	}
	if !bare {
		if err := s.remove(ctx, bucket, manifest, &r); err != nil {
			return r, err
		}
	}
	if absent {
		return r, nil
	}
	return r, s.remove(ctx, bucket, object, &r)
}

// remove deletes one object if it still is what info says, on stores that can make sure.
// One that is gone already is no error.
func (s *Store) remove(ctx context.Context, bucket string, info minio.ObjectInfo, r *Removed) error {
	q := request{method: http.MethodDelete, bucket: bucket, key: info.Key, header: http.Header{}}
	if info.ETag != "" {
		q.header.Set("If-Match", `"`+info.ETag+`"`)
	}
	what := "delete " + info.Key
	reply, err := s.send(ctx, what, q)
	if err != nil && (statusOf(err) == http.StatusNotImplemented || codeOf(err) == "NotImplemented") {
		q.header.Del("If-Match")
		reply, err = s.send(ctx, what, q)
	}
	switch {
	case isAbsent(err):
		return nil
	case err != nil && statusOf(err) == http.StatusPreconditionFailed:
		return fmt.Errorf("%s: %w: another object has taken its place", info.Key, ErrConflict)
	case err != nil:
		return err
	}
	r.Bytes += info.Size
	r.Hidden = r.Hidden || reply.header.Get("X-Amz-Delete-Marker") == "true"
	return nil
}

// Versioned reports whether the bucket keeps what is deleted. It is not known where the
// store does not say, or forbids asking.
func (s *Store) Versioned(ctx context.Context, bucket string) (versioned, known bool) {
	var c minio.BucketVersioningConfiguration
	err := s.do(ctx, "ask for versions", func(ctx context.Context, _ *watch) (err error) {
		c, err = s.Core.GetBucketVersioning(ctx, bucket)
		return err
	})
	return c.Enabled() || c.Suspended(), err == nil
}
