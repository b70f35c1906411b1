package upload

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/internal/s3test"
	"github.com/memvault/memvault/internal/soak"
)

// A sample is a file to upload, and the raw stream that must come back.
type sample struct {
	name string
	data []byte
	raw  []byte
}

// samples are files of one part and of several: no capture at all, a real capture of
// Memray, and a made one within LZ4.
func samples(t *testing.T) []sample {
	t.Helper()
	noise := make([]byte, 13<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	real, err := os.ReadFile(filepath.FromSlash("../testdata/captures/memray-1.20.0-py3.12/killed.bin"))
	if err != nil {
		t.Fatal(err)
	}
	made := madeCapture(t, 1_500_000)
	return []sample{
		{"noise.bin", noise, noise},
		{"killed.bin", real, real},
		{"made.bin", codectest.LZ4(made), made},
		{"small.bin", noise[:1000], noise[:1000]},
	}
}

// madeCapture makes a capture of allocations that compress badly, of about 8 bytes each.
func madeCapture(t *testing.T, records int) []byte {
	t.Helper()
	w := codectest.NewWriter(codectest.Header(12, codec.AllAllocations, 8))
	rnd := rand.New(rand.NewPCG(1, 2))
	w.Record(&codec.Record{Kind: codec.KindContextSwitch, Thread: 7})
	for range records {
		w.Record(&codec.Record{Kind: codec.KindAllocation, Allocator: codec.Malloc, Address: rnd.Uint64() >> 16, Size: rnd.Uint64() >> 44})
	}
	w.Finish()
	data, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSoakFaults uploads through faults of every kind, in buckets that keep all versions:
// each capture lands exactly once with the right checksum, or fails with a clear error,
// leaves the local file, and lands exactly once when it is tried again.
func TestSoakFaults(t *testing.T) {
	rounds := soak.N(t, 8, 500)
	files := samples(t)
	servers := s3test.Servers(t)
	runs := make([]*faultRun, len(servers))
	for i, s := range servers {
		bucket := s.NewBucket(t)
		if err := s.Core(t).EnableVersioning(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
		proxy := s.Proxy(t, s3test.Faults{})
		runs[i] = &faultRun{
			server: s, bucket: bucket, proxy: proxy,
			faulty: dialServer(t, proxy.Server, func(c *Config) { c.Retry.Stall = time.Second }),
			direct: dialServer(t, s, nil), kinds: map[s3test.Kind]int{},
		}
	}
	for round := range rounds {
		runs[round%len(runs)].upload(t, round, files[round/len(runs)%len(files)])
	}
	for _, r := range runs {
		t.Logf("%s: %d uploaded at once, %d failed first; faults %v", r.server.Name, r.landed, r.failed, r.kinds)
		r.checkOrphans(t)
		if r.landed == 0 {
			t.Errorf("%s: all uploads failed: the faults prove nothing", r.server.Name)
		}
		if rounds >= 100 && r.failed == 0 {
			t.Errorf("%s: no upload failed: the faults prove nothing", r.server.Name)
		}
	}
}

// A faultRun is the uploads to one server.
type faultRun struct {
	server         s3test.Server
	bucket         string
	proxy          *s3test.Proxy
	faulty, direct *Store
	landed, failed int
	kinds          map[s3test.Kind]int
}

// upload is one round: a file of its own prefix, so of its own key.
func (r *faultRun) upload(t *testing.T, round int, file sample) {
	t.Helper()
	f := write(t, file.name, file.data)
	o := Options{Place: Place{r.bucket, fmt.Sprint("round-", round)}, PartSize: minPartSize, State: state(t)}
	r.proxy.SetFaults(s3test.Faults{Choose: faultsOf(round)})
	before := len(r.proxy.Requests())
	result, err := r.faulty.Upload(t.Context(), f, o)
	for _, q := range r.proxy.Requests()[before:] {
		r.kinds[q.Fault]++
	}
	if err != nil {
		r.failed++
		wantClear(t, round, err)
		if data, readErr := os.ReadFile(f.Name()); readErr != nil || !bytes.Equal(data, file.data) {
			t.Errorf("round %d: the local file is not as it was: %v", round, readErr)
		}
		if result, err = r.direct.Upload(t.Context(), f, o); err != nil {
			t.Errorf("round %d: second run: %v", round, err)
			return
		}
	} else {
		r.landed++
		if result.State != Uploaded {
			t.Errorf("round %d: got state %s of a new key, want %s", round, result.State, Uploaded)
		}
	}
	r.check(t, round, file, result)
}

// faultsOf makes few or many faults, and now and then stalls that take too long.
func faultsOf(round int) func(s3test.Request) s3test.Fault {
	choose := s3test.Random(uint64(round), []float64{0.1, 0.3, 0.6}[round%3])
	return func(q s3test.Request) s3test.Fault {
		f := choose(q)
		if f.Kind == s3test.Stall && q.N%8 == 0 {
			f.Wait = 1500 * time.Millisecond
		}
		return f
	}
}

// wantClear wants an error that says what it is about and why.
func wantClear(t *testing.T, round int, err error) {
	t.Helper()
	kind := errors.Is(err, ErrUnreachable) || errors.Is(err, ErrIntegrity) || errors.Is(err, ErrDenied)
	if !kind || !strings.Contains(err.Error(), "s3://") && !strings.Contains(err.Error(), "store") {
		t.Errorf("round %d: unclear error: %v", round, err)
	}
}

// check wants the object and its manifest in one version each, and the right bytes.
func (r *faultRun) check(t *testing.T, round int, file sample, result Result) {
	t.Helper()
	sum := sha256.Sum256(file.raw)
	if result.RawSHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("round %d: got raw SHA-256 %s, want %x", round, result.RawSHA256, sum)
	}
	if got := restored(t, r.direct, result); !bytes.Equal(got, file.raw) {
		t.Errorf("round %d: %d bytes come back, which are not the %d of the raw stream", round, len(got), len(file.raw))
	}
	got := versions(t, r.server, r.bucket, fmt.Sprint("round-", round, "/"))
	if len(got) != 2 || got[result.Key] != 1 || got[ManifestKey(result.Key)] != 1 {
		t.Errorf("round %d: got %v, want one version of %s and its manifest", round, got, result.Key)
	}
	r.checkSums(t, round, result)
}

// checkSums hashes the stored bytes and compares with what the store and the manifest say.
func (r *faultRun) checkSums(t *testing.T, round int, result Result) {
	t.Helper()
	m, err := r.direct.ReadManifest(t.Context(), r.bucket, result.Key)
	if err != nil {
		t.Fatal(err)
	}
	body, info, _, err := r.server.Core(t).GetObject(t.Context(), r.bucket, result.Key, minio.GetObjectOptions{Checksum: true})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	sha, crc := sha256.New(), crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if _, err := io.Copy(io.MultiWriter(sha, crc), body); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sha.Sum(nil), m.Stored.SHA256[:]) || crc.Sum32() != m.Stored.CRC32C {
		t.Errorf("round %d: stored SHA-256 %x, CRC32C %x; the manifest has %x, %x", round, sha.Sum(nil), crc.Sum32(), m.Stored.SHA256, m.Stored.CRC32C)
	}
	if want := base64.StdEncoding.EncodeToString(crc.Sum(nil)); info.ChecksumCRC32C != want {
		t.Errorf("round %d: the store shows CRC32C %q, want %q", round, info.ChecksumCRC32C, want)
	}
}

// versions counts those of each key.
func versions(t *testing.T, s s3test.Server, bucket, prefix string) map[string]int {
	t.Helper()
	n := map[string]int{}
	for o := range s.Core(t).Client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		n[o.Key]++
	}
	return n
}

// checkOrphans wants no unfinished upload once they were cleaned.
func (r *faultRun) checkOrphans(t *testing.T) {
	t.Helper()
	orphans, others, err := r.direct.Orphans(t.Context(), Place{Bucket: r.bucket}, OrphanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range orphans {
		if err := r.direct.Abort(t.Context(), nil, &orphans[i]); err != nil {
			t.Error(err)
		}
	}
	uploads, err := r.server.Core(t).ListMultipartUploads(t.Context(), r.bucket, "", "", "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(uploads.Uploads) > 0 || others > 0 {
		t.Errorf("%s: %d unfinished uploads after cleaning, %d of others, want none", r.server.Name, len(uploads.Uploads), others)
	}
}
