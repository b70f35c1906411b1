package upload

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/internal/s3test"
)

// begin begins an upload and sends a part.
func begin(t *testing.T, s *Store, bucket, key string) string {
	t.Helper()
	id, err := s.Core.NewMultipartUpload(t.Context(), bucket, key, minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Repeat("x", 1000)
	sum := crc32c.sum([]byte(part))
	_, err = s.Core.PutObjectPart(t.Context(), bucket, key, id, 1, strings.NewReader(part), int64(len(part)), minio.PutObjectPartOptions{
		DisableContentSha256: true, CustomHeader: http.Header{crc32c.Key(): {sum}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestClean(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		p := Place{server.NewBucket(t), "captures"}
		dir := state(t)
		ours := func(n int) string { return "captures/" + fmt.Sprintf(ourKeyForm, n) }
		begin(t, s, p.Bucket, ours(1))
		begin(t, s, p.Bucket, ours(2))
		begin(t, s, p.Bucket, ours(2))
		begin(t, s, p.Bucket, "elsewhere/"+fmt.Sprintf(ourKeyForm, 3))
		begin(t, s, p.Bucket, "captures/a backup of somebody.tar")

		young, others, err := s.Orphans(t.Context(), p, OrphanOptions{OlderThan: time.Hour, State: dir})
		if err != nil || len(young) != 3 || others != 2 {
			t.Fatalf("young: got %+v, %d others, %v, want three and two", young, others, err)
		}
		for _, o := range young {
			if !strings.Contains(o.Kept, "want 1h") {
				t.Errorf("young: got kept %q, want its age", o.Kept)
			}
			if o.Parts != 1 || o.Bytes != 1000 {
				t.Errorf("young: got %d parts of %d bytes, want one of 1000", o.Parts, o.Bytes)
			}
			if err := s.Abort(t.Context(), dir, &o); err != nil || o.Aborted {
				t.Errorf("abort of what is kept: got %v, %v, want neither", err, o.Aborted)
			}
		}

		unlock, ok, err := dir.Lock(s.StateName(p.Bucket, ours(1)))
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		due, _, err := s.Orphans(t.Context(), p, OrphanOptions{State: dir})
		if err != nil || len(due) != 3 {
			t.Fatalf("due: got %+v, %v, want three", due, err)
		}
		for i := range due {
			o := &due[i]
			if err := s.Abort(t.Context(), dir, o); err != nil {
				t.Errorf("abort: %v", err)
			}
			if locked := o.Key == ours(1); o.Aborted == locked || (o.Kept != "") != locked {
				t.Errorf("%s: got %+v, want it aborted unless locked", o.Key, o)
			}
			if o.Parts != 1 || o.Bytes != 1000 || o.Newest.Before(o.Started) {
				t.Errorf("%s: got %+v, want one part of 1000 bytes, not older than the upload", o.Key, o)
			}
		}
		unlock()
		left, _, err := s.Orphans(t.Context(), p, OrphanOptions{State: dir})
		if err != nil || len(left) != 1 || left[0].Key != ours(1) || left[0].Kept != "" {
			t.Errorf("left: got %+v, %v, want the one that was locked", left, err)
		}
	})
}

// The age is that by the store's clock: ours may be wrong by years. Without the store's
// time nothing is judged.
func TestCleanNeedsTheStoresClock(t *testing.T) {
	server := s3test.Minis3(t)
	s := dialServer(t, server, func(c *Config) {
		c.Transport = func(rt http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := rt.RoundTrip(r)
				if err == nil {
					resp.Header.Set("Date", "yesterday")
				}
				return resp, err
			})
		}
	})
	p := Place{server.NewBucket(t), ""}
	begin(t, s, p.Bucket, fmt.Sprintf(ourKeyForm, 1))
	if got, _, err := s.Orphans(t.Context(), p, OrphanOptions{}); err == nil || !strings.Contains(err.Error(), "yesterday") {
		t.Errorf("got %v, %v, want an error that quotes the date", got, err)
	}
}
