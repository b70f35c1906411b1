package airflow

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/memraytest"
	"github.com/memvault/memvault/internal/soak"
)

// writes is a Python program that traces itself as Airflow does.
const writes = `
import memray, sys
with memray.Tracker(sys.argv[1]):
    for i in range(int(sys.argv[2])):
        x = bytearray(600 + i % 7)
`

// Whoever rotates while a real Memray writes, ends and compresses its capture moves it once, finished
// and compressed; nothing comes back to the fixed name.
func TestRotateEndingSoak(t *testing.T) {
	python := memraytest.Python(t)
	for i := range soak.N(t, 2, 60) {
		dir := t.TempDir()
		path := filepath.Join(dir, "scheduler_memory.bin")
		cmd := exec.Command(python, "-c", writes, path, []string{"1000", "100000", "2000000"}[i%3])
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		to := rotateUntilDone(t, path)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if left := names(t, dir); len(left) != 1 || left[0] != to {
			t.Fatalf("round %d: the folder holds %q, want %q", i, left, to)
		}
		f, err := os.Open(filepath.Join(dir, to))
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		s, err := codec.Inspect(f, info.Size())
		_ = f.Close()
		if err != nil || s.Container != "lz4" || s.Header.Allocations == 0 {
			t.Fatalf("round %d: got %+v, %v, want Memray's own compressed capture", i, s, err)
		}
	}
}

// rotateUntilDone rotates a file again and again until it is moved, and gives its new name.
func rotateUntilDone(t *testing.T, path string) string {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); {
		if _, err := os.Lstat(path); err != nil {
			continue // the writer is still to begin
		}
		list := rotate(t, RotateOptions{Wait: time.Minute}, path)
		switch r := list[0]; r.Action {
		case Rotated:
			return r.To
		case Failed:
			t.Fatalf("got %+v", r)
		}
	}
	t.Fatal("not rotated within 5 minutes")
	return ""
}
