package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/s3test"
)

// answer is what a store could have said.
func answer(status int, code string) *http.Response {
	text := fmt.Sprintf(`<?xml version="1.0"?><Error><Code>%s</Code><Message>for the test</Message></Error>`, code)
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/xml"}},
		Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)),
	}
}

// consumed is answer after the store has read the request.
func consumed(req *http.Request, status int, code string) *http.Response {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
	return answer(status, code)
}

var errLost = errors.New("the reply is lost")

// lose loses the first reply to a request that is wanted.
func lose(want func(*http.Request) bool) *trip {
	var once sync.Once
	return &trip{after: func(req *http.Request, resp *http.Response) (err error) {
		if want(req) && resp.StatusCode == http.StatusOK {
			once.Do(func() { err = errLost })
		}
		return err
	}}
}

func isObjectPut(req *http.Request) bool {
	return req.Method == http.MethodPut && req.URL.RawQuery == "" && !strings.HasSuffix(req.URL.Path, ManifestEnd)
}

func isManifestPut(req *http.Request) bool {
	return req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, ManifestEnd)
}

func isCreate(req *http.Request) bool {
	return req.Method == http.MethodPost && req.URL.Query().Has("uploads")
}

func isGet(req *http.Request) bool {
	return req.Method == http.MethodGet && req.URL.RawQuery == "" && !strings.HasSuffix(req.URL.Path, ManifestEnd)
}

// TestLostReplies loses the reply to each request that writes: it has worked all the same,
// and exactly once.
func TestLostReplies(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		for _, tt := range []struct {
			name string
			size int
			want func(*http.Request) bool
		}{
			{"put", 1000, isObjectPut},
			{"manifest", 1000, isManifestPut},
			{"create", 12 << 20, isCreate},
			{"part", 12 << 20, isPart},
			{"complete", 12 << 20, isComplete},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s := through(t, server, lose(tt.want))
				o := Options{Place: Place{Bucket: server.NewBucket(t)}, PartSize: minPartSize, State: state(t)}
				f := noise(t, tt.size)
				got := upload(t, s, f, o)
				if got.State != Uploaded {
					t.Errorf("Upload: got %s, want %s", got.State, Uploaded)
				}
				data, _ := os.ReadFile(f.Name())
				if !bytes.Equal(restored(t, s, got), data) {
					t.Error("restored: got other bytes than the file's")
				}
			})
		}
	})
}

// TestRefusals are stores that do not take all that is asked for.
func TestRefusals(t *testing.T) {
	server := s3test.Minis3(t)
	for _, tt := range []struct {
		name     string
		size     int
		refuses  func(*http.Request) bool
		code     string
		status   int
		warning  string
		checksum string
	}{
		{"tags of an upload", 12 << 20, func(r *http.Request) bool { return r.Header.Get("X-Amz-Tagging") != "" }, "AccessDenied", 403, "no tags", "crc32c:"},
		{"tags of a put", 1000, func(r *http.Request) bool { return r.Header.Get("X-Amz-Tagging") != "" && isObjectPut(r) }, "NotImplemented", 501, "no tags", ""},
		{"crc32c of whole objects", 12 << 20, func(r *http.Request) bool { return r.Header.Get("X-Amz-Checksum-Algorithm") == "CRC32C" && isCreate(r) }, "InvalidRequest", 400, "", "crc64nvme:"},
		{"any checksum of whole objects", 12 << 20, func(r *http.Request) bool { return r.Header.Get("X-Amz-Checksum-Algorithm") != "" && isCreate(r) }, "NotImplemented", 501, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := through(t, server, &trip{before: func(req *http.Request) *http.Response {
				if tt.refuses(req) {
					return consumed(req, tt.status, tt.code)
				}
				return nil
			}})
			got := upload(t, s, noise(t, tt.size), Options{Place: Place{Bucket: server.NewBucket(t)}, PartSize: minPartSize})
			if got.State != Uploaded || !strings.Contains(strings.Join(got.Warnings, "\n"), tt.warning) || (len(got.Warnings) > 0) != (tt.warning != "") {
				t.Errorf("Upload: got %s, warnings %q, want %s, %q", got.State, got.Warnings, Uploaded, tt.warning)
			}
			if !strings.HasPrefix(got.Checksum, tt.checksum) || tt.checksum == "" && tt.size > minPartSize && got.Checksum != "" {
				t.Errorf("checksum: got %q, want %q", got.Checksum, tt.checksum)
			}
			m, err := s.ReadManifest(t.Context(), got.Bucket, got.Key)
			name, _, _ := strings.Cut(got.Checksum, ":")
			if err != nil || m.Checksum != strings.ToUpper(name) {
				t.Errorf("manifest: got checksum %q, %v, want %q", m.Checksum, err, strings.ToUpper(name))
			}
		})
	}
}

// TestProof: what the store shows is believed only of stores that check what they are sent.
func TestProof(t *testing.T) {
	server := s3test.Named(t, s3test.Versity)
	wrongPart := func(r *http.Request) bool { return isPart(r) && r.ContentLength < 100 }
	hideChecksum := func(req *http.Request, resp *http.Response) error {
		if req.Method == http.MethodHead {
			resp.Header.Del("X-Amz-Checksum-Crc32c")
			resp.Header.Del("X-Amz-Checksum-Type")
		}
		return nil
	}
	for _, tt := range []struct {
		name   string
		mode   ProofMode
		before func(*http.Request) *http.Response
		after  func(*http.Request, *http.Response) error
		by     ProofMode
		err    error
	}{
		{"an honest store", ProofAuto, nil, nil, ProofHead, nil},
		{"an honest store, read", ProofRead, nil, nil, ProofRead, nil},
		{"a store that takes wrong checksums", "", func(r *http.Request) *http.Response {
			if !wrongPart(r) {
				return nil
			}
			resp := consumed(r, 200, "")
			resp.Header.Set("ETag", `"0"`)
			return resp
		}, nil, ProofRead, nil},
		{"a store that cannot be asked", "", func(r *http.Request) *http.Response {
			if isCreate(r) {
				return consumed(r, 403, "AccessDenied")
			}
			return nil
		}, nil, ProofRead, nil},
		{"no checksum shown", "", nil, hideChecksum, ProofRead, nil},
		{"no checksum shown, head", ProofHead, nil, hideChecksum, "", errUnproved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var reads atomic.Int64
			s := through(t, server, &trip{before: func(req *http.Request) *http.Response {
				if isGet(req) {
					reads.Add(1)
				}
				if tt.before != nil {
					return tt.before(req)
				}
				return nil
			}, after: tt.after})
			o := Options{Place: Place{Bucket: server.NewBucket(t)}, Proof: ProofOptions{Mode: tt.mode}}
			f := noise(t, 100_000)
			got, err := s.Upload(t.Context(), f, o)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Upload: got %v, want %v", err, tt.err)
			}
			if tt.err != nil {
				return
			}
			reads.Store(0)
			p, err := s.Archived(t.Context(), got.Bucket, got.Key, got.Survey.Raw.SHA256, o.Proof)
			if err != nil || p.By != tt.by || (reads.Load() > 0) != (tt.by == ProofRead) {
				t.Errorf("Archived: got by %q with %d reads, %v, want by %q", p.By, reads.Load(), err, tt.by)
			}
		})
	}
}

// TestProbeIsRemembered: the store is asked once, not for each file and not each time.
func TestProbeIsRemembered(t *testing.T) {
	server := s3test.Named(t, s3test.Versity)
	dir := state(t)
	var probes atomic.Int64
	o := Options{Place: Place{Bucket: server.NewBucket(t)}, State: dir}
	for i := range 3 {
		s := through(t, server, &trip{before: func(req *http.Request) *http.Response {
			if isCreate(req) {
				probes.Add(1)
			}
			return nil
		}})
		upload(t, s, noise(t, 1000+i), o)
		upload(t, s, noise(t, 2000+i), o)
	}
	if got := probes.Load(); got != 1 {
		t.Errorf("probes: got %d, want 1", got)
	}
}

func TestExpiry(t *testing.T) {
	server := s3test.Minis3(t)
	for _, tt := range []struct {
		name, header string
		least        time.Duration
		err          error
	}{
		{"no rule", "", 0, nil},
		{"soon", expiresIn(24 * time.Hour), 0, ErrExpires},
		{"late", expiresIn(8 * 24 * time.Hour), 0, nil},
		{"soon enough", expiresIn(24 * time.Hour), time.Hour, nil},
		{"any", expiresIn(time.Hour), -1, nil},
		{"not to be read", "tomorrow", 0, ErrExpires},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := through(t, server, &trip{after: func(req *http.Request, resp *http.Response) error {
				if req.Method == http.MethodHead && tt.header != "" && resp.StatusCode == http.StatusOK {
					resp.Header.Set("X-Amz-Expiration", tt.header)
				}
				return nil
			}})
			o := Options{Place: Place{Bucket: server.NewBucket(t)}, Proof: ProofOptions{MinLife: tt.least}}
			got := upload(t, s, noise(t, 1000), o)
			if got.State != Uploaded || (len(got.Warnings) > 0) != (tt.err != nil) {
				t.Errorf("Upload: got %s, warnings %q, want %s, and one if %v", got.State, got.Warnings, Uploaded, tt.err)
			}
			if _, err := s.Archived(t.Context(), got.Bucket, got.Key, got.Survey.Raw.SHA256, o.Proof); !errors.Is(err, tt.err) {
				t.Errorf("Archived: got %v, want %v", err, tt.err)
			}
		})
	}
}

func expiresIn(d time.Duration) string {
	return fmt.Sprintf(`expiry-date="%s", rule-id="r"`, time.Now().Add(d).UTC().Format(http.TimeFormat))
}

// TestArchived looks at objects to which something was done behind our back.
func TestArchived(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		replace := func(t *testing.T, r Result, data []byte, metadata map[string]string) {
			_, err := s.Core.PutObject(t.Context(), r.Bucket, r.Key, bytes.NewReader(data), int64(len(data)), "", "",
				minio.PutObjectOptions{DisableContentSha256: true, UserMetadata: withHeaders(metadata, crc32c.Key(), crc32c.sum(data))})
			if err != nil {
				t.Fatal(err)
			}
		}
		remove := func(t *testing.T, r Result, key string) {
			if err := s.Core.RemoveObject(t.Context(), r.Bucket, key, minio.RemoveObjectOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			name         string
			do           func(t *testing.T, r Result)
			blind, known error // without and with the file at hand
		}{
			{"nothing", func(*testing.T, Result) {}, nil, nil},
			{"no object", func(t *testing.T, r Result) { remove(t, r, r.Key) }, ErrAbsent, ErrAbsent},
			{"no manifest", func(t *testing.T, r Result) { remove(t, r, ManifestKey(r.Key)) }, ErrNoManifest, nil},
			{"other bytes", func(t *testing.T, r Result) {
				replace(t, r, make([]byte, r.StoredBytes), map[string]string{metaRaw: r.RawSHA256})
			}, ErrIntegrity, ErrIntegrity},
			{"other size", func(t *testing.T, r Result) {
				replace(t, r, make([]byte, 10), map[string]string{metaRaw: r.RawSHA256})
			}, ErrIntegrity, ErrIntegrity},
			{"other bytes, no manifest", func(t *testing.T, r Result) {
				remove(t, r, ManifestKey(r.Key))
				replace(t, r, make([]byte, r.StoredBytes), map[string]string{metaRaw: r.RawSHA256})
			}, ErrNoManifest, ErrIntegrity},
			{"another capture", func(t *testing.T, r Result) {
				replace(t, r, make([]byte, 10), map[string]string{metaRaw: strings.Repeat("ab", 32)})
			}, ErrConflict, ErrConflict},
			{"no metadata", func(t *testing.T, r Result) {
				at, size, err := s.ReaderAt(t.Context(), r.Bucket, r.Key)
				data := make([]byte, size)
				if err == nil {
					_, err = at.ReadAt(data, 0)
				}
				if err != nil {
					t.Fatal(err)
				}
				replace(t, r, data, nil)
			}, nil, nil},
		} {
			t.Run(tt.name, func(t *testing.T) {
				o := Options{Place: Place{Bucket: server.NewBucket(t)}}
				r := upload(t, s, noise(t, 50_000), o)
				tt.do(t, r)
				if _, err := s.Archived(t.Context(), r.Bucket, r.Key, r.Survey.Raw.SHA256, o.Proof); !errors.Is(err, tt.blind) {
					t.Errorf("Archived: got %v, want %v", err, tt.blind)
				}
				o.Proof.Survey = r.Survey
				if _, err := s.Archived(t.Context(), r.Bucket, r.Key, r.Survey.Raw.SHA256, o.Proof); !errors.Is(err, tt.known) {
					t.Errorf("Archived with the file at hand: got %v, want %v", err, tt.known)
				}
				if tt.known != nil {
					return
				}
				if _, err := s.ReadManifest(t.Context(), r.Bucket, r.Key); err != nil {
					t.Errorf("manifest: got %v, want it written", err)
				}
			})
		}
	})
}

// TestChanged changes the file while it is sent: what is stored in the end is one state of it.
func TestChanged(t *testing.T) {
	server := s3test.Minis3(t)
	f := noise(t, 12<<20)
	var once sync.Once
	s := through(t, server, &trip{after: func(req *http.Request, _ *http.Response) error {
		if isPart(req) {
			once.Do(func() {
				w, err := os.OpenFile(f.Name(), os.O_WRONLY|os.O_APPEND, 0)
				if err == nil {
					_, err = w.WriteString("more")
				}
				if err := errors.Join(err, w.Close()); err != nil {
					t.Error(err)
				}
			})
		}
		return nil
	}})
	o := Options{Place: Place{Bucket: server.NewBucket(t)}, PartSize: minPartSize, State: state(t)}
	got := upload(t, s, f, o)
	data, _ := os.ReadFile(f.Name())
	if got.State != Uploaded || !bytes.Equal(restored(t, s, got), data) {
		t.Errorf("Upload: got %s, want %s with the bytes of the changed file", got.State, Uploaded)
	}
	noLeftovers(t, s, got)
}

// noLeftovers wants one object with its manifest in the bucket, and no upload.
func noLeftovers(t *testing.T, s *Store, r Result) {
	t.Helper()
	left, err := s.Core.ListMultipartUploads(t.Context(), r.Bucket, "", "", "", "", 1000)
	if err != nil || len(left.Uploads) > 0 {
		t.Errorf("unfinished uploads: got %v, %v, want none", left.Uploads, err)
	}
	list, err := s.Core.ListObjectsV2(r.Bucket, "", "", "", "", 1000)
	if err != nil || len(list.Contents) != 2 || list.Contents[0].Key != r.Key || list.Contents[1].Key != ManifestKey(r.Key) {
		t.Errorf("objects: got %v, %v, want %s and its manifest", list.Contents, err, r.Key)
	}
}

// TestKeepsChanging gives up when it seems that somebody writes the file.
func TestKeepsChanging(t *testing.T) {
	server := s3test.Minis3(t)
	f := noise(t, 6<<20)
	s := through(t, server, &trip{after: func(req *http.Request, _ *http.Response) error {
		if isPart(req) {
			return os.Chtimes(f.Name(), time.Time{}, time.Now().Add(time.Hour))
		}
		return nil
	}})
	o := Options{Place: Place{Bucket: server.NewBucket(t)}, PartSize: minPartSize}
	if r, err := s.Upload(t.Context(), f, o); !errors.Is(err, archive.ErrChanged) {
		t.Errorf("Upload: got %+v, %v, want %v", r, err, archive.ErrChanged)
	}
	left, err := s.Core.ListMultipartUploads(t.Context(), o.Place.Bucket, "", "", "", "", 1000)
	if err != nil || len(left.Uploads) > 0 {
		t.Errorf("unfinished uploads: got %v, %v, want none", left.Uploads, err)
	}
}

// TestVanished aborts the upload behind our back: it starts again, also where the store closes the
// connection instead of saying why.
func TestVanished(t *testing.T) {
	for _, resets := range []bool{false, true} {
		t.Run(fmt.Sprintf("resets %v", resets), func(t *testing.T) {
			eachServer(t, func(t *testing.T, server s3test.Server) { testVanished(t, server, resets) })
		})
	}
}

func testVanished(t *testing.T, server s3test.Server, resets bool) {
	var once sync.Once
	plain := dialServer(t, server, nil)
	bucket := server.NewBucket(t)
	s := through(t, server, &trip{after: func(req *http.Request, resp *http.Response) error {
		if isPart(req) && req.ContentLength > 1000 {
			once.Do(func() {
				key := strings.TrimPrefix(req.URL.Path, "/"+bucket+"/")
				plain.abort(context.Background(), bucket, key, req.URL.Query().Get("uploadId"))
			})
		}
		if resets && isPart(req) && resp.StatusCode == http.StatusNotFound {
			return syscall.ECONNRESET
		}
		return nil
	}})
	f := noise(t, 22<<20)
	got := upload(t, s, f, Options{Place: Place{Bucket: bucket}, PartSize: minPartSize, State: state(t), Parts: 1})
	data, _ := os.ReadFile(f.Name())
	if got.State != Uploaded || !bytes.Equal(restored(t, s, got), data) {
		t.Errorf("Upload: got %s, want %s with the bytes of the file", got.State, Uploaded)
	}
	noLeftovers(t, s, got)
}

// TestRacers: one wins, the others find it archived; nothing is left over.
func TestRacers(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		for _, tt := range []struct {
			name string
			size int
		}{{"one part", 1000}, {"three parts", 12 << 20}} {
			t.Run(tt.name, func(t *testing.T) {
				f := noise(t, tt.size)
				o := Options{Place: Place{Bucket: server.NewBucket(t)}, PartSize: minPartSize}
				var results [8]Result
				var wg sync.WaitGroup
				for i := range results {
					s := dialServer(t, server, nil)
					own, err := os.Open(f.Name())
					if err != nil {
						t.Fatal(err)
					}
					o := o
					o.State = state(t)
					if i%2 == 1 {
						o.Archive.Level = archive.LevelBetter
					}
					wg.Go(func() {
						defer own.Close()
						results[i], err = s.Upload(t.Context(), own, o)
						if err != nil {
							t.Errorf("racer %d: %v", i, err)
						}
					})
				}
				wg.Wait()
				won := 0
				for _, r := range results {
					if r.State == Uploaded {
						won++
					}
				}
				if won != 1 {
					t.Errorf("winners: got %d, want 1", won)
				}
				s := dialServer(t, server, nil)
				data, _ := os.ReadFile(f.Name())
				if !bytes.Equal(restored(t, s, results[0]), data) {
					t.Error("restored: got other bytes than the file's")
				}
				noLeftovers(t, s, results[0])
			})
		}
	})
}

// TestStall gives up attempts in which nothing moves.
func TestStall(t *testing.T) {
	server := s3test.Minis3(t)
	var stalls atomic.Int64
	s := dialServer(t, server, func(c *Config) {
		c.Retry.Stall = 300 * time.Millisecond
		c.Transport = func(rt http.RoundTripper) http.RoundTripper {
			return &trip{RoundTripper: rt, before: func(req *http.Request) *http.Response {
				if isPart(req) && stalls.Add(1) <= 2 {
					<-req.Context().Done()
				}
				return nil
			}}
		}
	})
	got := upload(t, s, noise(t, 12<<20), Options{Place: Place{Bucket: server.NewBucket(t)}, PartSize: minPartSize})
	if got.State != Uploaded {
		t.Errorf("Upload: got %s, want %s", got.State, Uploaded)
	}
}

func TestUnreachable(t *testing.T) {
	server := s3test.Minis3(t)
	s := through(t, server, &trip{before: func(req *http.Request) *http.Response {
		if isPart(req) {
			return consumed(req, 503, "SlowDown")
		}
		return nil
	}})
	o := Options{Place: Place{Bucket: server.NewBucket(t)}, PartSize: minPartSize, State: state(t)}
	r, err := s.Upload(t.Context(), noise(t, 12<<20), o)
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "SlowDown") || !strings.Contains(err.Error(), "tried 8 times") {
		t.Errorf("Upload: got %v, want %v, SlowDown, tried 8 times", err, ErrUnreachable)
	}
	if names, err := o.State.Names("upload-"); err != nil || len(names) != 1 {
		t.Errorf("state: got %q, %v, want the upload %s, to go on with", names, err, r.Key)
	}
}

// TestSecrets looks for secrets in all that is written or said.
func TestSecrets(t *testing.T) {
	for _, server := range s3test.Servers(t) {
		t.Run(server.Name, func(t *testing.T) {
			key := []byte("0123456789-secret-of-32-bytes-xy")
			var said bytes.Buffer
			faulty := 0
			s := dialServer(t, server, func(c *Config) {
				c.SSE = SSE{Mode: "c", Key: key}
				c.Log = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
				c.Transport = func(rt http.RoundTripper) http.RoundTripper {
					return &trip{RoundTripper: rt, before: func(req *http.Request) *http.Response {
						if faulty++; faulty%3 == 0 {
							return consumed(req, 503, "SlowDown")
						}
						return nil
					}}
				}
			})
			dir := state(t)
			o := Options{Place: Place{Bucket: server.NewBucket(t)}, PartSize: minPartSize, State: dir, Parts: 1}
			f := noise(t, 12<<20)
			got := upload(t, s, f, o)
			data, _ := os.ReadFile(f.Name())
			if !bytes.Equal(restored(t, s, got), data) {
				t.Error("restored: got other bytes than the file's")
			}
			ctx, cancel := context.WithCancel(t.Context())
			o.Progress = func(stage Stage, _ int64) {
				if stage == Sending {
					cancel()
				}
			}
			_, err := s.Upload(ctx, noise(t, 13<<20), o)
			fmt.Fprintln(&said, err, s.Source)
			_, err = s.ReadManifest(t.Context(), o.Place.Bucket, "missing")
			fmt.Fprintln(&said, err)
			err = filepath.WalkDir(dir.Path(), func(name string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := os.ReadFile(name)
				said.Write(data)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(said.String(), "try again") {
				t.Error("the log is empty: this test proves nothing")
			}
			for name, secret := range map[string]string{
				"secret key": server.SecretKey, "access key": server.AccessKey, "our key": string(key), "our key in base64": "MDEyMzQ1Njc4OS1zZWNyZXQ",
				"signature": "Signature=",
			} {
				if strings.Contains(said.String(), secret) {
					t.Errorf("the %s is in logs, errors or state", name)
				}
			}
		})
	}
}
