package s3test

import (
	"bytes"
	"context"
	"encoding/base64"
	"hash/crc32"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// puts sends body through a proxy with the fault and returns what came of it.
func put(t *testing.T, s Server, f Fault, body []byte) (*Proxy, []byte, error) {
	t.Helper()
	bucket := s.NewBucket(t)
	p := s.Proxy(t, Faults{Choose: Once(Put, f)})
	opts := minio.PutObjectOptions{DisableContentSha256: true, UserMetadata: map[string]string{"X-Amz-Checksum-Crc32c": crc32c(body)}}
	_, putErr := p.Core(t).PutObject(context.Background(), bucket, "a/b c", bytes.NewReader(body), int64(len(body)), "", "", opts)
	stored, _, _, err := s.Core(t).GetObject(context.Background(), bucket, "a/b c", minio.GetObjectOptions{})
	if err != nil {
		return p, nil, putErr
	}
	defer stored.Close()
	got, err := io.ReadAll(stored)
	if err != nil {
		t.Fatal(err)
	}
	return p, got, putErr
}

func crc32c(b []byte) string {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	sum.Write(b)
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

func TestFaults(t *testing.T) {
	body := bytes.Repeat([]byte("capture "), 1<<15)
	tests := []struct {
		fault  Fault
		fails  bool
		stores bool
	}{
		{fault: Fault{}, stores: true},
		{fault: Fault{Kind: Unavailable}, fails: true},
		{fault: Fault{Kind: Denied}, fails: true},
		{fault: Fault{Kind: Reset, At: 100_000}, fails: true},
		{fault: Fault{Kind: LostReply}, fails: true, stores: true},
		{fault: Fault{Kind: CutReply}, fails: true, stores: true},
		{fault: Fault{Kind: CutBody, At: 100_000}, fails: true},
		{fault: Fault{Kind: WrongBytes, At: 100_000}, fails: true},
		{fault: Fault{Kind: Slow, At: 1 << 22}, stores: true},
		{fault: Fault{Kind: Stall, At: 100_000, Wait: 50 * time.Millisecond}, stores: true},
	}
	for _, s := range Servers(t) {
		for _, tt := range tests {
			t.Run(s.Name+"/"+string(tt.fault.Kind), func(t *testing.T) {
				p, got, err := put(t, s, tt.fault, body)
				if (err != nil) != tt.fails {
					t.Errorf("put: got error %v, want one: %t", err, tt.fails)
				}
				if stores := got != nil; stores != tt.stores {
					t.Errorf("stored: got %t, want %t", stores, tt.stores)
				}
				if got != nil && !bytes.Equal(got, body) {
					t.Errorf("stored %d bytes, which are not the %d that were sent", len(got), len(body))
				}
				if n := p.Injected(); n != 1 && tt.fault.Kind != None {
					t.Errorf("injected %d faults, want 1", n)
				}
				if r := p.Settle(t)[0]; r.Op != Put || r.Key != "a/b c" || r.Size != int64(len(body)) || r.Delivered == tt.fails && r.Status < 300 {
					t.Errorf("noted %+v", r)
				}
			})
		}
	}
}

// TestRewrite takes the condition off a request, as a store that ignores it would.
func TestRewrite(t *testing.T) {
	for _, s := range Servers(t) {
		t.Run(s.Name, func(t *testing.T) {
			bucket := s.NewBucket(t)
			p := s.Proxy(t, Faults{})
			put := func(text string) error {
				var opts minio.PutObjectOptions
				opts.SetMatchETagExcept("*")
				_, err := p.Core(t).PutObject(context.Background(), bucket, "k", bytes.NewReader([]byte(text)), int64(len(text)), "", "", opts)
				return err
			}
			if err := put("first"); err != nil {
				t.Fatal(err)
			}
			if err := put("second"); minio.ToErrorResponse(err).StatusCode != http.StatusPreconditionFailed {
				t.Errorf("second put: got %v, want 412", err)
			}
			p.SetFaults(Faults{Rewrite: func(_ Request, h http.Header) { h.Del("If-None-Match") }})
			if err := put("third"); err != nil {
				t.Errorf("put without its condition: %v", err)
			}
		})
	}
}

// TestParts counts the parts of a multipart upload.
func TestParts(t *testing.T) {
	ctx := context.Background()
	for _, s := range append(Servers(t), Minis3(t)) {
		t.Run(s.Name, func(t *testing.T) {
			bucket := s.NewBucket(t)
			p := s.Proxy(t, Faults{})
			core := p.Core(t)
			id, err := core.NewMultipartUpload(ctx, bucket, "k", minio.PutObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var parts []minio.CompletePart
			for n := 1; n <= 2; n++ {
				part, err := core.PutObjectPart(ctx, bucket, "k", id, n, bytes.NewReader(make([]byte, 5<<20)), 5<<20, minio.PutObjectPartOptions{DisableContentSha256: true})
				if err != nil {
					t.Fatal(err)
				}
				parts = append(parts, minio.CompletePart{PartNumber: n, ETag: part.ETag})
			}
			if _, err := core.ListObjectParts(ctx, bucket, "k", id, 0, 10); err != nil {
				t.Fatal(err)
			}
			if _, err := core.ListMultipartUploads(ctx, bucket, "", "", "", "", 10); err != nil {
				t.Fatal(err)
			}
			if _, err := core.CompleteMultipartUpload(ctx, bucket, "k", id, parts, minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
			for op, want := range map[Op]int{Create: 1, Part: 2, ListParts: 1, ListUploads: 1, Complete: 1} {
				if got := p.Count(op); got != want {
					t.Errorf("%s: got %d requests, want %d", op, got, want)
				}
			}
			if r := p.Settle(t)[2]; r.Part != 2 || r.UploadID != id || r.Sent != 5<<20 || !r.Delivered {
				t.Errorf("second part: noted %+v", r)
			}
		})
	}
}

// TestRandom proves that a seed decides the faults.
func TestRandom(t *testing.T) {
	a, b := Random(1, 0.3), Random(1, 0.3)
	kinds := map[Kind]int{}
	for n := range 1000 {
		r := Request{N: n + 1, Size: int64(n) * 100}
		f := a(r)
		if g := b(r); f != g {
			t.Fatalf("request %d: got %+v and %+v of the same seed", n, f, g)
		}
		kinds[f.Kind]++
	}
	if len(kinds) != 9 || kinds[None] < 600 || kinds[None] > 800 {
		t.Errorf("got %v, want all 9 kinds and about 700 of none", kinds)
	}
}
