package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

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
	manifest, object, err := s.lookBoth(ctx, bucket, key)
	switch {
	case err != nil:
		return Removed{}, err
	case manifest == nil && object == nil:
		return Removed{}, ErrAbsent
	case manifest == nil && !looksStored(key) && meta(*object, metaRaw) == "":
		return Removed{}, ErrForeign
	}
	return s.removeBoth(ctx, bucket, manifest, object, yes)
}

// RemoveListed is Remove for an entry of a list: one that was uploaded anew since then is
// younger, and stays. The error then wraps ErrConflict.
func (s *Store) RemoveListed(ctx context.Context, e *Entry) (Removed, error) {
	manifest, object, err := s.lookBoth(ctx, e.Bucket, e.Key)
	switch {
	case err != nil:
		return Removed{}, err
	case object == nil && manifest == nil:
		return Removed{}, nil
	case object != nil && (object.ETag != e.ETag || object.LastModified.After(e.Uploaded)):
		return Removed{}, fmt.Errorf("%w: it was uploaded again at %s", ErrConflict, object.LastModified.UTC().Format(time.RFC3339))
	}
	return s.removeBoth(ctx, e.Bucket, manifest, object, true)
}

// lookBoth asks for the manifest and the object of a key; nil is one that is not there.
func (s *Store) lookBoth(ctx context.Context, bucket, key string) (manifest, object *minio.ObjectInfo, err error) {
	for _, o := range []struct {
		key string
		to  **minio.ObjectInfo
	}{{ManifestKey(key), &manifest}, {key, &object}} {
		info, err := s.head(ctx, bucket, o.key)
		switch {
		case err == nil:
			info.Key = o.key
			*o.to = &info
		case !errors.Is(err, ErrAbsent):
			return nil, nil, err
		}
	}
	return manifest, object, nil
}

func (s *Store) removeBoth(ctx context.Context, bucket string, manifest, object *minio.ObjectInfo, yes bool) (Removed, error) {
	var r Removed
	for _, info := range []*minio.ObjectInfo{manifest, object} {
		switch {
		case info == nil:
		case !yes:
			r.Bytes += info.Size
		default:
			if err := s.remove(ctx, bucket, *info, &r); err != nil {
				return r, err
			}
		}
	}
	return r, nil
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
