package upload

import (
	"context"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// Tags gives the tags of an object. They are none where the store has no tags at all.
func (s *Store) Tags(ctx context.Context, bucket, key string) (map[string]string, error) {
	var tags map[string]string
	err := s.do(ctx, "tags of "+object(bucket, key), func(ctx context.Context, _ *watch) error {
		t, err := s.Core.GetObjectTagging(ctx, bucket, key, minio.GetObjectTaggingOptions{})
		if err == nil {
			tags = t.ToMap()
		}
		return err
	})
	if code := codeOf(err); code == "NoSuchTagSet" || code == "NotImplemented" || statusOf(err) == http.StatusNotImplemented {
		return nil, nil
	}
	return tags, absent(err, bucket, key)
}
