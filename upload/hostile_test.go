package upload

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/internal/s3test"
)

// hostileBucket is a store of one bucket without end: it lists pages of keys, each with a
// manifest that never ends. Sent counts the bytes of manifests that went out.
func hostileBucket(t *testing.T, pages, perPage int) (s *Store, sent *atomic.Int64) {
	t.Helper()
	sent = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("list-type") == "2" {
			page := 0
			fmt.Sscan(r.URL.Query().Get("continuation-token"), &page)
			writePage(w, page, pages, perPage)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(1<<30))
		w.Header().Set("Last-Modified", "Fri, 02 Jan 2026 15:04:05 GMT")
		w.Header().Set("ETag", `"e"`)
		for chunk := bytes.Repeat([]byte("["), 64<<10); ; {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return dialServer(t, s3test.Server{Endpoint: server.URL, AccessKey: "a", SecretKey: "b", Region: "us-east-1"}, nil), sent
}

func writePage(w io.Writer, page, pages, perPage int) {
	fmt.Fprintf(w, `<ListBucketResult><IsTruncated>%v</IsTruncated><NextContinuationToken>%d</NextContinuationToken>`, page+1 < pages, page+1)
	for i := range perPage {
		key := fmt.Sprintf("v1/worker/2026/01/02/20260102T150405Z-%09d-0123456789abcdef.bin.zst", page*perPage+i)
		for _, k := range []string{key, ManifestKey(key)} {
			fmt.Fprintf(w, `<Contents><Key>%s</Key><LastModified>2026-01-02T15:04:05.000Z</LastModified><ETag>"e"</ETag><Size>1073741824</Size></Contents>`, k)
		}
	}
	io.WriteString(w, `</ListBucketResult>`)
}

// Manifests of a gigabyte are not read further than a manifest can be.
func TestListEndlessManifests(t *testing.T) {
	s, sent := hostileBucket(t, 1, 20)
	n := 0
	for e, err := range s.List(t.Context(), Place{"bucket", ""}, ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(e.Problem, "manifest") {
			t.Errorf("%s: got problem %q, want one with its manifest", e.Key, e.Problem)
		}
		n++
	}
	// What the kernel buffers of each connection comes on top.
	if limit := int64(n) * (16 << 20); n != 20 || sent.Load() > limit {
		t.Errorf("got %d entries, %d bytes sent, want 20 and at most %d", n, sent.Load(), limit)
	}
}

// However many objects there are, no more are held than are read at a time.
func TestListHoldsFew(t *testing.T) {
	const pages, perPage = 30, 500
	s, _ := hostileBucket(t, pages, perPage)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	n, before, most := 0, heap(), uint64(0)
	for _, err := range s.List(t.Context(), Place{"bucket", ""}, ListOptions{KeysOnly: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%5000 == 0 {
			most = max(most, heap())
		}
	}
	if n != pages*perPage || most > before+8<<20 {
		t.Errorf("got %d entries, heap from %d to %d bytes, want %d, and at most 8 MiB more", n, before, most, pages*perPage)
	}
}

// An object that unpacks to far more than its manifest says is given up there.
func TestVerifyBomb(t *testing.T) {
	server := s3test.Minis3(t)
	s := dialServer(t, server, nil)
	p := Place{server.NewBucket(t), ""}
	key := stock(t, s, p, "scheduler", 1)
	m, err := s.ReadManifest(t.Context(), p.Bucket, key)
	if err != nil {
		t.Fatal(err)
	}
	var bomb bytes.Buffer
	z, err := zstd.NewWriter(&bomb, zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	for range 256 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sum := newSums()
	sum.Write(bomb.Bytes())
	codec := m.Stored.Codec
	m.Stored = sum.stored()
	m.Stored.Codec = codec
	m.Raw.Size, m.File.Size = 1<<20, 1<<20 // or the manifest itself is not believed
	text, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	drop(t, s, p.Bucket, key, bomb.String())
	drop(t, s, p.Bucket, ManifestKey(key), string(text))
	if _, err := s.Verify(t.Context(), p.Bucket, key); err == nil || !strings.Contains(err.Error(), "more than the manifest says") {
		t.Errorf("got %v, want an error: it holds more than the manifest says", err)
	}
}

// Types and encodings that somebody else has put on an object change nothing: the bytes
// come as they are stored.
func TestGetOddContentTypes(t *testing.T) {
	for _, server := range s3test.Servers(t) {
		t.Run(server.Name, func(t *testing.T) {
			s := dialServer(t, server, nil)
			bucket := server.NewBucket(t)
			content := "this is neither gzip nor a page"
			_, err := s.Core.PutObject(t.Context(), bucket, "x.bin.zst", strings.NewReader(content), int64(len(content)), "", "", minio.PutObjectOptions{
				ContentType: "text/html", ContentEncoding: "gzip", DisableContentSha256: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if _, err := s.Get(t.Context(), &b, bucket, "x.bin.zst", nil); err != nil || b.String() != content {
				t.Errorf("got %q, %v, want %q", b.String(), err, content)
			}
		})
	}
}
