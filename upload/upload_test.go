package upload

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/s3test"
	"github.com/memvault/memvault/internal/statedir"
)

// eachServer runs a test against minis3 within the process, and the real servers.
func eachServer(t *testing.T, test func(t *testing.T, s s3test.Server)) {
	t.Run("minis3", func(t *testing.T) { test(t, s3test.Minis3(t)) })
	t.Run("real", func(t *testing.T) {
		for _, s := range s3test.Servers(t) {
			t.Run(s.Name, func(t *testing.T) { test(t, s) })
		}
	})
}

// noise writes a file that does not compress.
func noise(t *testing.T, size int) *os.File {
	t.Helper()
	data := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{byte(size)}).Read(data); err != nil {
		t.Fatal(err)
	}
	return write(t, "scheduler_memory.bin", data)
}

func write(t *testing.T, name string, data []byte) *os.File {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func state(t *testing.T) *statedir.Dir {
	t.Helper()
	d, err := statedir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// upload stores f and fails the test if that fails.
func upload(t *testing.T, s *Store, f *os.File, o Options) Result {
	t.Helper()
	r, err := s.Upload(t.Context(), f, o)
	if err != nil {
		t.Fatalf("Upload: %v", err)
	}
	return r
}

// restored gives what archive.Restore makes of the object.
func restored(t *testing.T, s *Store, r Result) []byte {
	t.Helper()
	m, err := s.ReadManifest(t.Context(), r.Bucket, r.Key)
	if err != nil {
		t.Fatal(err)
	}
	at, size, err := s.ReaderAt(t.Context(), r.Bucket, r.Key)
	if err != nil {
		t.Fatal(err)
	}
	stored := make([]byte, size)
	if _, err := at.ReadAt(stored, 0); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := archive.Restore(t.Context(), &raw, bytes.NewReader(stored), m); err != nil {
		t.Fatal(err)
	}
	return raw.Bytes()
}

func TestUpload(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		for _, tt := range []struct {
			name        string
			size, parts int
			codec       archive.Codec
		}{
			{"empty", 0, 1, ""},
			{"one part", 100_000, 1, ""},
			{"one part as it is", 100_000, 1, archive.CodecNone},
			{"one full part as it is", minPartSize, 1, archive.CodecNone},
			{"two parts as they are", minPartSize + 1, 2, archive.CodecNone},
			{"four parts", 3*minPartSize + 1, 4, ""},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s := dialServer(t, server, nil)
				f := noise(t, tt.size)
				o := Options{
					Place: Place{server.NewBucket(t), "captures"}, PartSize: minPartSize, State: state(t),
					Archive: archive.Options{Codec: tt.codec, Labels: map[string]string{"keep": "7d", "né": "ü"}},
				}
				got := upload(t, s, f, o)
				if got.State != Uploaded || got.PartsSent != tt.parts || got.Checksum == "" && (tt.parts > 1 || server.Name != "minis3") || len(got.Warnings) > 0 {
					t.Errorf("first: got state %s, %d parts, checksum %q, warnings %q, want %s, %d, one, none", got.State, got.PartsSent, got.Checksum, got.Warnings, Uploaded, tt.parts)
				}
				data, _ := os.ReadFile(f.Name())
				if !bytes.Equal(restored(t, s, got), data) {
					t.Error("restored: got other bytes than the file's")
				}
				again := upload(t, s, f, o)
				if again.State != Present || again.Key != got.Key || again.PartsSent != 0 || again.Checksum != got.Checksum {
					t.Errorf("second: got %+v, want %s with the key and checksum of %+v", again, Present, got)
				}
				if left, err := s.unfinished(t.Context(), o.Place.Bucket, got.Key); err != nil || len(left) > 0 {
					t.Errorf("unfinished uploads: got %v, %v, want none", left, err)
				}
				if d, ok := Recall(o.State, got.Survey.Identity); !ok || d.Key != got.Key {
					t.Errorf("Recall: got %+v, %v, want the key %s", d, ok, got.Key)
				}
			})
		}
	})
}

// A trip is a transport that a test looks at and meddles with.
type trip struct {
	http.RoundTripper
	// before may answer in place of the store; after sees what the store has answered.
	before func(*http.Request) *http.Response
	after  func(*http.Request, *http.Response) error
}

func (r *trip) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.before != nil {
		if resp := r.before(req); resp != nil {
			return resp, nil
		}
	}
	resp, err := r.RoundTripper.RoundTrip(req)
	if err == nil && r.after != nil {
		if err := r.after(req, resp); err != nil {
			return nil, errors.Join(err, resp.Body.Close())
		}
	}
	return resp, err
}

// through dials the server with r in between.
func through(t *testing.T, server s3test.Server, r *trip) *Store {
	return dialServer(t, server, func(c *Config) {
		c.Transport = func(rt http.RoundTripper) http.RoundTripper {
			r.RoundTripper = rt
			return r
		}
	})
}

func isPart(req *http.Request) bool {
	return req.Method == http.MethodPut && req.URL.Query().Has("partNumber")
}

func isComplete(req *http.Request) bool {
	return req.Method == http.MethodPost && req.URL.Query().Has("uploadId")
}

// interrupted uploads f until three parts were sent, then ends as a killed process does: the
// store keeps what it has.
func interrupted(t *testing.T, server s3test.Server, f *os.File, o Options) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	killed := errors.New("killed")
	parts := 0
	o.Parts = 1
	s := through(t, server, &trip{after: func(req *http.Request, resp *http.Response) error {
		if isPart(req) && resp.StatusCode == http.StatusOK {
			parts++
		}
		if parts == 3 {
			cancel(killed)
		}
		return nil
	}})
	if r, err := s.Upload(ctx, f, o); !errors.Is(err, killed) {
		t.Fatalf("Upload: got %+v, %v, want %v", r, err, killed)
	}
}

func TestResume(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		for _, tt := range []struct {
			name   string
			forget bool // the state
			change func(*Options)
			kept   bool
		}{
			{"by the state", false, nil, true},
			{"by the parts", true, nil, true},
			{"with other labels", false, func(o *Options) { o.Archive.Labels = map[string]string{"a": "b"} }, false},
			{"by the parts, redacted", true, func(o *Options) { o.Archive.Redact = true }, false},
			{"with larger parts", false, func(o *Options) { o.PartSize = 6 << 20 }, false},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s := dialServer(t, server, nil)
				f := noise(t, 21<<20)
				o := Options{Place: Place{Bucket: server.NewBucket(t)}, PartSize: minPartSize, State: state(t)}
				interrupted(t, server, f, o)
				if tt.forget {
					o.State = state(t)
				}
				if tt.change != nil {
					tt.change(&o)
				}
				want := Uploaded
				if tt.forget && tt.kept {
					want = Present // by the token it is the killed one's
				}
				got := upload(t, s, f, o)
				if got.State != want || (got.PartsKept >= 3) != tt.kept || tt.kept && got.PartsKept+got.PartsSent != 5 {
					t.Errorf("second: got %s, %d parts kept, %d sent, want %s, kept %v", got.State, got.PartsKept, got.PartsSent, want, tt.kept)
				}
				data, _ := os.ReadFile(f.Name())
				if !bytes.Equal(restored(t, s, got), data) {
					t.Error("restored: got other bytes than the file's")
				}
			})
		}
	})
}

func TestConflict(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		o := Options{Place: Place{Bucket: server.NewBucket(t)}}
		f := noise(t, 1000)
		survey, err := archive.Examine(t.Context(), f, o.Archive)
		if err != nil {
			t.Fatal(err)
		}
		key, err := Key(o.Place, "", survey, "")
		if err != nil {
			t.Fatal(err)
		}
		rival := []byte("something else")
		_, err = s.Core.PutObject(t.Context(), o.Place.Bucket, key, bytes.NewReader(rival), int64(len(rival)), "", "",
			minio.PutObjectOptions{DisableContentSha256: true, UserMetadata: map[string]string{metaRaw: strings.Repeat("0", 64)}})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := s.Upload(t.Context(), f, o); !errors.Is(err, ErrConflict) || r.State != Failed {
			t.Errorf("Upload: got %s, %v, want %v", r.State, err, ErrConflict)
		}
	})
}
