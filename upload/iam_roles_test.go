package upload

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/internal/s3test"
)

// roleOf dials as a role with the permissions of docs/iam-NAME.json. Of the two servers only
// MinIO has roles.
func roleOf(t *testing.T, server s3test.Server, name, bucket string) *Store {
	t.Helper()
	return dialAs(t, server, documented(t, name, bucket, "captures", ""))
}

// The permissions that are documented are enough for what they are for, and for no more.
func TestPermissions(t *testing.T) {
	server := s3test.Named(t, s3test.MinIO)
	bucket := server.NewBucket(t)
	p := Place{bucket, "captures"}
	uploader, reader, cleaner := roleOf(t, server, "upload", bucket), roleOf(t, server, "read", bucket), roleOf(t, server, "clean", bucket)

	key := stock(t, uploader, p, "scheduler", 1)
	file := noise(t, 2*minPartSize)
	parts := upload(t, uploader, file, Options{Place: p, PartSize: minPartSize, State: state(t)})
	if len(parts.Warnings) > 0 || parts.PartsSent < 2 {
		t.Errorf("upload: got %d parts, warnings %q, want two or more, and none", parts.PartsSent, parts.Warnings)
	}
	if again := upload(t, uploader, file, Options{Place: p, PartSize: minPartSize}); again.State != Present {
		t.Errorf("upload again: got %s, want %s", again.State, Present)
	}
	begin(t, uploader, bucket, "captures/"+fmt.Sprintf(ourKeyForm, 9))

	for name, s := range map[string]*Store{"reader": reader, "uploader": uploader} {
		if n := len(listed(t, s, p, ListOptions{})); n != 2 {
			t.Errorf("%s: listed %d, want 2", name, n)
		}
		if _, err := s.Verify(t.Context(), bucket, key); err != nil {
			t.Errorf("%s: verify: %v", name, err)
		}
		if _, err := s.Get(t.Context(), &strings.Builder{}, bucket, key+".gone", nil); !errors.Is(err, ErrAbsent) {
			t.Errorf("%s: absent: got %v, want %v", name, err, ErrAbsent)
		}
		if _, err := s.Remove(t.Context(), bucket, key, true); !errors.Is(err, ErrDenied) {
			t.Errorf("%s: remove: got %v, want %v", name, err, ErrDenied)
		}
	}
	testCleaner(t, cleaner, p, key)
}

func testCleaner(t *testing.T, s *Store, p Place, key string) {
	orphans, _, err := s.Orphans(t.Context(), p, OrphanOptions{})
	if err != nil || len(orphans) != 1 {
		t.Fatalf("orphans: got %+v, %v, want one", orphans, err)
	}
	if err := s.Abort(t.Context(), nil, &orphans[0]); err != nil || !orphans[0].Aborted {
		t.Errorf("abort: got %v", err)
	}
	if _, err := s.Tags(t.Context(), p.Bucket, key); err != nil {
		t.Errorf("tags: %v", err)
	}
	if _, known := s.Versioned(t.Context(), p.Bucket); !known {
		t.Error("versions: got no answer")
	}
	err = s.WithLease(t.Context(), p, "us", func(ctx context.Context) error {
		_, err := s.Remove(ctx, p.Bucket, key, true)
		return err
	})
	if err != nil {
		t.Errorf("remove under the lease: %v", err)
	}
	plan, err := s.PlanLifecycle(t.Context(), p.Bucket, LifecyclePolicy{Prefix: RulePrefix(p, ""), ExpireDays: 30})
	if err == nil {
		err = s.ApplyLifecycle(t.Context(), plan)
	}
	if err != nil {
		t.Errorf("lifecycle: %v", err)
	}
	_, err = s.Core.PutObject(t.Context(), p.Bucket, "captures/v1/x", strings.NewReader("x"), 1, "", "", minio.PutObjectOptions{})
	if codeOf(err) != "AccessDenied" {
		t.Errorf("writing a capture: got %v, want AccessDenied", err)
	}
	if _, err := s.Presign(t.Context(), p.Bucket, key, time.Minute); !errors.Is(err, ErrAbsent) {
		t.Errorf("presign of what is gone: got %v, want %v", err, ErrAbsent)
	}
}
