package upload

import (
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

const scheme = "s3://"

// A Place is where objects are: a bucket, and what their keys begin with.
type Place struct {
	Bucket string
	// Prefix has no slash at either end; empty for all of the bucket. Where a Place names an
	// object it is the key.
	Prefix string
}

// IsURL reports whether an argument is meant to be in a store.
func IsURL(arg string) bool { return strings.HasPrefix(arg, scheme) }

// ParseURL reads s3://bucket, s3://bucket/prefix and s3://bucket/key.
func ParseURL(url string) (Place, error) {
	rest, ok := strings.CutPrefix(url, scheme)
	if !ok {
		return Place{}, fmt.Errorf("%q: want s3://BUCKET or s3://BUCKET/PREFIX", url)
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	p := Place{bucket, strings.Trim(prefix, "/")}
	return p, p.Check()
}

// Check refuses what no store takes as a bucket or a key.
func (p Place) Check() error {
	if err := s3utils.CheckValidBucketName(p.Bucket); err != nil {
		return fmt.Errorf("bucket %q: %w", p.Bucket, err)
	}
	if p.Prefix == "" {
		return nil
	}
	if err := s3utils.CheckValidObjectNamePrefix(p.Prefix); err != nil {
		return fmt.Errorf("prefix %q: %w", p.Prefix, err)
	}
	for part := range strings.SplitSeq(p.Prefix, "/") {
		if part == "." || part == ".." || part == "" || strings.ContainsFunc(part, isControl) {
			return fmt.Errorf("prefix %q: want names with / between them, without control characters", p.Prefix)
		}
	}
	return nil
}

// Holds reports whether a key is below the prefix.
func (p Place) Holds(key string) bool {
	return p.Prefix == "" || strings.HasPrefix(key, p.Prefix+"/")
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// String gives the place as a URL.
func (p Place) String() string {
	if p.Prefix == "" {
		return scheme + p.Bucket
	}
	return scheme + p.Bucket + "/" + p.Prefix
}
