package upload

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/s3test"
)

func TestGetAndVerify(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		bucket := server.NewBucket(t)
		for _, tt := range []struct {
			name  string
			codec archive.Codec
		}{{"packed", ""}, {"plain", archive.CodecNone}} {
			t.Run(tt.name, func(t *testing.T) {
				f := noise(t, 2*minPartSize+7)
				r := upload(t, s, f, Options{Place: Place{bucket, tt.name}, PartSize: minPartSize, Archive: archive.Options{Codec: tt.codec}})
				var b bytes.Buffer
				var seen int64
				got, err := s.Get(t.Context(), &b, bucket, r.Key, func(n, size int64) { seen += n })
				if err != nil || got.Size != r.StoredBytes || seen != r.StoredBytes || int64(b.Len()) != r.StoredBytes {
					t.Errorf("Get: got %+v, %v, %d bytes, progress %d, want %d", got, err, b.Len(), seen, r.StoredBytes)
				}
				if !slices.Contains(got.Proved, "manifest") || got.Checksum != r.Checksum {
					t.Errorf("Get: proved by %q, checksum %q, want the manifest, and %q", got.Proved, got.Checksum, r.Checksum)
				}
				checked, err := s.Verify(t.Context(), bucket, r.Key)
				if err != nil || checked.SHA256 != got.SHA256 || tt.codec == "" && checked.RawSHA256 != r.RawSHA256 {
					t.Errorf("Verify: got %+v, %v, want the hashes %s and %s", checked, err, got.SHA256, r.RawSHA256)
				}
			})
		}
		if _, err := s.Get(t.Context(), &bytes.Buffer{}, bucket, "no-such-key", nil); !errors.Is(err, ErrAbsent) {
			t.Errorf("absent: got %v, want %v", err, ErrAbsent)
		}
	})
}

// Each row damages one thing of a good object; the error must say so.
func TestVerifyFindsDamage(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		for _, tt := range []struct {
			name   string
			damage func(object, manifest []byte) (newObject, newManifest []byte)
			want   error
			text   string
		}{
			{"nothing", func(o, m []byte) ([]byte, []byte) { return o, m }, nil, ""},
			{"a bit of the object", func(o, m []byte) ([]byte, []byte) { o[len(o)/2] ^= 1; return o, m }, ErrIntegrity, ""},
			{"object cut", func(o, m []byte) ([]byte, []byte) { return o[:len(o)-1], m }, ErrIntegrity, "bytes, want"},
			{"object longer", func(o, m []byte) ([]byte, []byte) { return append(o, 0), m }, ErrIntegrity, "bytes, want"},
			{"hash of what is stored", func(o, m []byte) ([]byte, []byte) {
				return o, change(m, `"stored": {`, `"sha256": "`)
			}, ErrIntegrity, "as the manifest says"},
			{"hash of the raw stream", func(o, m []byte) ([]byte, []byte) {
				return o, change(m, `"raw": {`, `"sha256": "`)
			}, ErrIntegrity, "the manifest says"},
			{"manifest is garbage", func(o, m []byte) ([]byte, []byte) { return o, []byte("\x00\x1b[2J") }, ErrIntegrity, ".json"},
			{"manifest missing", func(o, m []byte) ([]byte, []byte) { return o, nil }, ErrNoManifest, "no manifest"},
			{"object is garbage without manifest", func(o, m []byte) ([]byte, []byte) { return []byte("garbage"), nil }, ErrIntegrity, "zstd"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				p := Place{server.NewBucket(t), ""}
				key := stock(t, s, p, "scheduler", 1)
				var object, manifest bytes.Buffer
				for k, b := range map[string]*bytes.Buffer{key: &object, ManifestKey(key): &manifest} {
					info, err := s.head(t.Context(), p.Bucket, k)
					if err != nil {
						t.Fatal(err)
					}
					if err := s.remote(p.Bucket, k, info).stream(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				o, m := tt.damage(object.Bytes(), manifest.Bytes())
				drop(t, s, p.Bucket, key, string(o))
				drop(t, s, p.Bucket, ManifestKey(key), string(m))
				if m == nil {
					if err := s.Core.RemoveObject(t.Context(), p.Bucket, ManifestKey(key), minio.RemoveObjectOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				_, err := s.Verify(t.Context(), p.Bucket, key)
				if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.text) {
					t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
				}
			})
		}
	})
}

// change flips a hexadecimal digit behind two marks.
func change(text []byte, marks ...string) []byte {
	at := 0
	for _, m := range marks {
		i := bytes.Index(text[at:], []byte(m))
		if i < 0 {
			panic("no " + m + " in " + string(text))
		}
		at += i + len(m)
	}
	text[at] = map[bool]byte{true: '1', false: '0'}[text[at] == '0']
	return text
}

// Connections that break, and a store that is busy, are taken up where they ended.
func TestGetThroughFaults(t *testing.T) {
	for _, server := range s3test.Servers(t) {
		t.Run(server.Name, func(t *testing.T) {
			s := dialServer(t, server, nil)
			bucket := server.NewBucket(t)
			r := upload(t, s, noise(t, minPartSize), Options{Place: Place{bucket, ""}, PartSize: minPartSize})
			gets := 0
			proxy := server.Proxy(t, s3test.Faults{Choose: func(q s3test.Request) s3test.Fault {
				if q.Op != s3test.Get || strings.HasSuffix(q.Key, ManifestEnd) {
					return s3test.Fault{}
				}
				if gets++; gets <= 3 {
					return s3test.Fault{Kind: s3test.CutReply, At: 1 << 20}
				}
				return s3test.Fault{}
			}})
			faulty := dialServer(t, proxy.Server, nil)
			var b bytes.Buffer
			got, err := faulty.Get(t.Context(), &b, bucket, r.Key, nil)
			if err != nil || int64(b.Len()) != r.StoredBytes || gets != 4 {
				t.Errorf("got %+v, %v, %d bytes in %d requests, want %d in 4", got, err, b.Len(), gets, r.StoredBytes)
			}
		})
	}
}

func TestPresign(t *testing.T) {
	for _, server := range s3test.Servers(t) {
		t.Run(server.Name, func(t *testing.T) {
			s := dialServer(t, server, nil)
			p := Place{server.NewBucket(t), ""}
			key := stock(t, s, p, "scheduler", 1)
			signed, err := s.Presign(t.Context(), p.Bucket, key, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := s.client.Get(signed.URL)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("GET: got %v, %v, want 200", resp, err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			for _, d := range []time.Duration{0, -time.Hour, MaxPresign + time.Second} {
				if _, err := s.Presign(t.Context(), p.Bucket, key, d); err == nil {
					t.Errorf("expires after %v: got no error", d)
				}
			}
			if _, err := s.Presign(t.Context(), p.Bucket, "no-such-key", time.Hour); !errors.Is(err, ErrAbsent) {
				t.Errorf("absent: got %v, want %v", err, ErrAbsent)
			}
		})
	}
}
