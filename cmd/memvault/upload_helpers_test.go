package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/internal/s3test"
	"github.com/memvault/memvault/upload"
)

// command returns memvault as a process of its own that uses the server. TestMain has put it
// into PATH.
func command(t testing.TB, s s3test.Server, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("memvault", args...)
	cmd.Env = append(append(os.Environ(), "HOME="+t.TempDir(), "XDG_STATE_HOME="), s.Env()...)
	return cmd
}

// output runs the command to its end and returns its exit code, standard output and error.
func output(t testing.TB, cmd *exec.Cmd) (code int, stdout, stderr []byte) {
	t.Helper()
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.Bytes(), text.Bytes()
}

// results runs an upload with --json that must end with the code, and returns its lines.
func results(t testing.TB, cmd *exec.Cmd, want int) []upload.Result {
	t.Helper()
	code, stdout, stderr := output(t, cmd)
	if code != want {
		t.Fatalf("%q: got exit code %d, want %d\n%s%s", cmd.Args, code, want, stdout, stderr)
	}
	return decoded(t, stdout)
}

// decoded returns the lines of upload --json.
func decoded(t testing.TB, stdout []byte) (list []upload.Result) {
	t.Helper()
	for d := json.NewDecoder(bytes.NewReader(stdout)); ; {
		var r upload.Result
		err := d.Decode(&r)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, stdout)
		}
		list = append(list, r)
	}
}

// noiseFile writes a file of that size, which does not compress, and is another for each seed.
func noiseFile(t testing.TB, dir string, seed, size int) (name string, data []byte) {
	t.Helper()
	data = make([]byte, size)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1}).Read(data)
	name = filepath.Join(dir, "scheduler_memory.bin")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, data
}

// captureFile writes a finished capture of a process that is dead, of about 9 bytes a record
// that compress badly, and is another for each seed.
func captureFile(t testing.TB, dir string, seed, records int) (name string, data []byte) {
	t.Helper()
	dead := exec.Command("memvault", "version")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	h := codectest.Header(12, codec.AllAllocations, 8)
	h.PID = int32(dead.Process.Pid)
	w := codectest.NewWriter(h)
	rnd := rand.New(rand.NewPCG(uint64(seed), 3))
	w.Record(&codec.Record{Kind: codec.KindContextSwitch, Thread: 7})
	for range records {
		w.Record(&codec.Record{Kind: codec.KindAllocation, Allocator: codec.Malloc, Address: rnd.Uint64() >> 16, Size: rnd.Uint64() >> 44})
	}
	w.Finish()
	data, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(dir, "scheduler_memory.bin")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, data
}

// wantStored wants the object of the key and its manifest in the bucket, each in one version,
// nothing else below the prefix, and in the object the data.
func wantStored(t testing.TB, s s3test.Server, bucket, prefix, key string, data []byte) {
	t.Helper()
	got := versionsIn(t, s, bucket, prefix)
	if len(got) != 2 || got[key] != 1 || got[upload.ManifestKey(key)] != 1 {
		t.Errorf("%s: got versions %v, want one of %s and its manifest", prefix, got, key)
		return
	}
	body, _, _, err := s.Core(t).GetObject(t.Context(), bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	z, err := zstd.NewReader(body)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	stored, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(stored, data) {
		t.Errorf("%s: %d bytes come back, which are not the %d of the file: %v", key, len(stored), len(data), err)
	}
}

// versionsIn counts the versions of each key below the prefix.
func versionsIn(t testing.TB, s s3test.Server, bucket, prefix string) map[string]int {
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

// wantNoUploads wants no unfinished upload in the bucket.
func wantNoUploads(t testing.TB, s s3test.Server, bucket string) {
	t.Helper()
	all, err := s.Core(t).ListMultipartUploads(t.Context(), bucket, "", "", "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all.Uploads {
		t.Errorf("%s: unfinished upload of %s", s.Name, u.Key)
	}
}

// versionedBucket makes a bucket that keeps all versions, so that overwriting shows.
func versionedBucket(t testing.TB, s s3test.Server) string {
	t.Helper()
	bucket := s.NewBucket(t)
	if err := s.Core(t).EnableVersioning(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	return bucket
}
