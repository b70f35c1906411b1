package upload

import (
	"maps"
	"net/http"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/internal/s3test"
)

// verdicts returns those of the checks that are not Honoured.
func verdicts(e *Examination) map[string]Verdict {
	odd := map[string]Verdict{}
	for _, c := range e.Checks {
		if c.Verdict != Honoured {
			odd[c.Name] = c.Verdict
		}
	}
	return odd
}

// examine examines a new bucket and fails if anything is left in it.
func examine(t *testing.T, s, behind s3test.Server, bucket string) *Examination {
	t.Helper()
	e, err := dialServer(t, s, nil).Examine(t.Context(), Place{Bucket: bucket, Prefix: "captures"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Checks) != len(storeChecks) {
		t.Errorf("got %d checks, want %d", len(e.Checks), len(storeChecks))
	}
	for _, c := range e.Checks {
		t.Logf("%-8s %-20s %s", c.Verdict, c.Name, c.Found)
	}
	wantNothing(t, behind, bucket)
	return e
}

// wantNothing fails if the bucket holds objects, versions or unfinished uploads.
func wantNothing(t *testing.T, s s3test.Server, bucket string) {
	t.Helper()
	core := s.Core(t)
	for o := range core.Client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		t.Errorf("left in the bucket: %s %s %v", o.Key, o.VersionID, o.Err)
	}
	uploads, err := core.ListMultipartUploads(t.Context(), bucket, "", "", "", "", 100)
	if err != nil {
		t.Error(err)
	}
	for _, u := range uploads.Uploads {
		t.Errorf("left unfinished: %s", u.Key)
	}
}

func wantVerdicts(t *testing.T, e *Examination, want map[string]Verdict) {
	t.Helper()
	got := verdicts(e)
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s: got %q, want %q", name, got[name], v)
		}
		delete(got, name)
	}
	for name, v := range got {
		t.Errorf("%s: got %q, want ok", name, v)
	}
}

// known is what the servers of the tests do not honour.
var known = map[string]map[string]Verdict{
	s3test.Versity: {"lifecycle": Noted},
	s3test.MinIO:   {"delete-if-match": Noted},
}

func TestExamine(t *testing.T) {
	for _, s := range s3test.Servers(t) {
		t.Run(s.Name, func(t *testing.T) {
			wantVerdicts(t, examine(t, s, s, s.NewBucket(t)), known[s.Name])
		})
	}
}

func TestExamineVersions(t *testing.T) {
	for _, s := range s3test.Servers(t) {
		t.Run(s.Name, func(t *testing.T) {
			bucket := s.NewBucket(t)
			if err := s.Core(t).EnableVersioning(t.Context(), bucket); err != nil {
				t.Fatal(err)
			}
			if got := verdicts(examine(t, s, s, bucket))["versioning"]; got != Noted {
				t.Errorf("versioning: got %q, want note", got)
			}
		})
	}
}

// TestExamineKeepsOut proves that nothing is written where it would stay.
func TestExamineKeepsOut(t *testing.T) {
	deny := func(r s3test.Request) s3test.Fault {
		if r.Op == s3test.Delete {
			return s3test.Fault{Kind: s3test.Denied}
		}
		return s3test.Fault{}
	}
	for _, s := range s3test.Servers(t) {
		t.Run(s.Name+"/no delete", func(t *testing.T) {
			p := s.Proxy(t, s3test.Faults{Choose: deny})
			wantUnasked(t, examine(t, p.Server, s, s.NewBucket(t)), "delete")
			if n := p.Count(s3test.Put); n != 0 {
				t.Errorf("%d objects were written, want 0", n)
			}
		})
		t.Run(s.Name+"/lock", func(t *testing.T) {
			bucket, core := s.NewBucket(t)+"-lock", s.Core(t)
			if err := core.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
				t.Fatal(err)
			}
			mode, days, unit := minio.Governance, uint(1), minio.Days
			if err := core.SetObjectLockConfig(t.Context(), bucket, &mode, &days, &unit); err != nil {
				t.Fatal(err)
			}
			p := s.Proxy(t, s3test.Faults{})
			wantUnasked(t, examine(t, p.Server, s, bucket), "lock")
			if n := p.Count(s3test.Put); n != 0 {
				t.Errorf("%d objects were written, want 0", n)
			}
		})
	}
}

// wantUnasked wants a note of the check with that name, and no check that writes objects.
func wantUnasked(t *testing.T, e *Examination, name string) {
	t.Helper()
	got := verdicts(e)
	if got[name] != Noted {
		t.Errorf("%s: got %q, want note", name, got[name])
	}
	for _, c := range storeChecks {
		if c.writes && got[c.name] != Unasked {
			t.Errorf("%s: got %q, want unknown", c.name, got[c.name])
		}
	}
}

// TestExamineDeaf takes the conditions off all requests: a store that ignores them.
func TestExamineDeaf(t *testing.T) {
	for _, s := range s3test.Servers(t) {
		t.Run(s.Name, func(t *testing.T) {
			p := s.Proxy(t, s3test.Faults{Rewrite: func(_ s3test.Request, h http.Header) {
				h.Del("If-None-Match")
				h.Del("If-Match")
			}})
			want := map[string]Verdict{
				"put-if-absent": Found, "complete-if-absent": Found, "put-if-match": Noted, "delete-if-match": Noted,
			}
			maps.Copy(want, known[s.Name])
			e := examine(t, p.Server, s, s.NewBucket(t))
			wantVerdicts(t, e, want)
			if e.Worst() != Found {
				t.Errorf("worst: got %q, want finding", e.Worst())
			}
		})
	}
}

// TestExamineEncrypted asks with keys of ours and of the store.
func TestExamineEncrypted(t *testing.T) {
	s := s3test.Named(t, s3test.MinIO)
	for _, sse := range []SSE{{Mode: "s3"}, {Mode: "kms", KeyID: "test-key"}, {Mode: "c", Key: make([]byte, 32)}} {
		t.Run(sse.Mode, func(t *testing.T) {
			store, bucket := dialServer(t, s, func(c *Config) { c.SSE = sse }), s.NewBucket(t)
			e, err := store.Examine(t.Context(), Place{Bucket: bucket}, 0)
			if err != nil {
				t.Fatal(err)
			}
			wantVerdicts(t, e, known[s.Name])
			wantNothing(t, s, bucket)
		})
	}
}

// TestExamineFaults proves that faults leave nothing behind either.
func TestExamineFaults(t *testing.T) {
	for _, s := range s3test.Servers(t) {
		t.Run(s.Name, func(t *testing.T) {
			p := s.Proxy(t, s3test.Faults{Choose: s3test.Random(1, 0.2)})
			bucket := s.NewBucket(t)
			e, err := dialServer(t, p.Server, nil).Examine(t.Context(), Place{Bucket: bucket}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(e.Left) > 0 {
				t.Errorf("left: %q", e.Left)
			}
			wantNothing(t, s, bucket)
		})
	}
}
