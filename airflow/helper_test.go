package airflow

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
)

// began is when the captures of these tests began.
var began = time.Date(2026, 1, 2, 15, 4, 5, 600e6, time.UTC)

// noSuchPID is above the highest pid of Linux.
const noSuchPID = 1 << 23

// raw makes a plain capture of a process: of a killed one, or of one that ended.
func raw(t *testing.T, pid int, finished bool) []byte {
	t.Helper()
	h := codectest.Header(13, codec.AllAllocations, 8)
	h.PID, h.StartTime, h.Allocations = int32(pid), began.UnixMilli(), 0
	w := codectest.NewWriter(h)
	for _, r := range codectest.Sample(h) {
		if r.Kind != codec.KindTrailer {
			w.Record(&r)
		}
	}
	if finished {
		w.Finish()
	}
	b, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return append(b, make([]byte, 8192)...)
}

// put writes a file of a folder that began to be when the captures did.
func put(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, began, began); err != nil {
		t.Fatal(err)
	}
}

// names lists a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// holds checks the content of a file.
func holds(t *testing.T, dir, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: got %d bytes, %v, want the %d that were there", name, len(got), err, len(want))
	}
}
