// Package converttest reads the captures of testdata for the tests of all targets, and what
// Memray itself made of them.
package converttest

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// A Capture is a file of testdata/captures.
type Capture struct {
	// Name is as "memray-1.20.0-py3.12/mixed.bin".
	Name string
	path string
}

// Captures gives all captures.
func Captures(t testing.TB) []Capture {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), "../../../testdata/captures")
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.expected.json.gz"))
	if err != nil || len(paths) < 50 {
		t.Fatalf("%s: got %d captures, %v", dir, len(paths), err)
	}
	var out []Capture
	for _, path := range paths {
		path = strings.TrimSuffix(path, ".expected.json.gz")
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Capture{Name: filepath.ToSlash(name), path: path})
	}
	return out
}

// Find gives the capture of this name.
func Find(t testing.TB, name string) Capture {
	t.Helper()
	for _, c := range Captures(t) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no capture %s", name)
	return Capture{}
}

// Release is that of Memray, as "1.20.0".
func (c Capture) Release() string {
	release, _, _ := strings.Cut(strings.TrimPrefix(c.Name, "memray-"), "-")
	return release
}

// Read makes a Profile of c.
func (c Capture) Read(t testing.TB, o heap.Options) *heap.Profile {
	t.Helper()
	f, err := os.Open(c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := codec.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := heap.Read(r, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	return p
}

// Memray gives what "memray transform" of the release made of c, and whether it can: target is
// csv, gprof2dot or speedscope.
func (c Capture) Memray(t testing.TB, target string) ([]byte, bool) {
	t.Helper()
	f, err := os.Open(c.path + ".memray-" + target + ".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b, true
}

// LikeMemray is how Profiles are read that are compared with what Memray gives.
var LikeMemray = heap.Options{LikeMemray: true, Oldest: true}

// Chain gives a profile of a call chain that never returns, with a byte alive at the peak in each
// call: what a small hostile capture can hold, and would be half of depth's square as text.
func Chain(depth int, name string) *heap.Profile {
	p := &heap.Profile{
		Frames: []heap.Frame{{Function: name, File: "a.py"}}, Stacks: make([]heap.Stack, 1), Threads: make([]heap.Thread, 1),
	}
	for i := range uint32(depth) {
		p.Stacks = append(p.Stacks, heap.Stack{Parent: i, Depth: i + 1})
		s := heap.Sample{Stack: i + 1}
		s.Values[heap.Peak] = heap.Value{Count: 1, Bytes: 1}
		p.Samples = append(p.Samples, s)
	}
	return p
}
