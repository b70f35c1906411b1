package upload

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// MaxPresign is how long a presigned URL can be good.
const MaxPresign = 7 * 24 * time.Hour

// Presigned is a URL that reads an object without credentials.
type Presigned struct {
	URL string `json:"url"`
	// Expires is when it ends, at the latest.
	Expires time.Time `json:"expires"`
	// Temporary tells that the credentials are such: the URL ends when they do.
	Temporary bool `json:"temporary_credentials"`
}

// Presign gives a URL that reads an object until it expires. Whoever has the URL can read
// the object. The error wraps ErrAbsent if there is no object.
func (s *Store) Presign(ctx context.Context, bucket, key string, expires time.Duration) (Presigned, error) {
	switch {
	case expires < time.Second || expires > MaxPresign:
		return Presigned{}, fmt.Errorf("expires after %v: want 1s to %v", expires, MaxPresign)
	case s.customerKey() != nil:
		return Presigned{}, errors.New("an object encrypted with a key of ours cannot be read by a URL alone")
	}
	if _, err := s.head(ctx, bucket, key); err != nil {
		return Presigned{}, err
	}
	u, err := s.Core.PresignedGetObject(ctx, bucket, key, expires, nil)
	if err != nil {
		return Presigned{}, err
	}
	creds, err := s.Core.GetCreds()
	if err != nil {
		return Presigned{}, err
	}
	return Presigned{u.String(), time.Now().Add(expires).UTC().Truncate(time.Second), creds.SessionToken != ""}, nil
}
