package archive

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec/codectest"
)

const captures = "../testdata/captures"

// everyCapture calls f for each capture of a real release.
func everyCapture(t *testing.T, f func(t *testing.T, data []byte)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(captures, func(name string, d fs.DirEntry, err error) error {
		base := filepath.Base(name)
		if err != nil || d.IsDir() || !strings.Contains(base, ".bin") || strings.HasSuffix(base, ".gz") || strings.HasSuffix(base, ".txt") || strings.HasSuffix(base, ".json") {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		n++
		rel, err := filepath.Rel(captures, name)
		t.Run(filepath.ToSlash(rel), func(t *testing.T) { f(t, data) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 50 {
		t.Fatalf("%d captures in %s, want at least 50", n, captures)
	}
}

// file makes a file of data and opens it.
func file(t testing.TB, name string, data []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// store examines and encodes a file of data.
func store(t testing.TB, data []byte, o Options) (*Survey, *Manifest, []byte) {
	t.Helper()
	f := file(t, "scheduler_memory.bin", data)
	s, err := Examine(t.Context(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	st, err := Encode(t.Context(), &out, f, s, o)
	if err != nil {
		t.Fatal(err)
	}
	return s, NewManifest(s, st, o), out.Bytes()
}

func digestOf(data []byte) Digest {
	return Digest{Size: int64(len(data)), SHA256: sha256.Sum256(data)}
}

// pattern is n bytes that compress a little, as captures do.
func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		if x = x*1664525 + 1013904223; i%3 > 0 {
			b[i] = byte(x >> 24)
		}
	}
	return b
}

func lz4(data []byte) []byte { return codectest.LZ4(data) }

// plainCapture is a capture of a real release, with a zero tail.
func plainCapture(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(captures, "memray-1.20.0-py3.12", "mixed-raw.bin"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
