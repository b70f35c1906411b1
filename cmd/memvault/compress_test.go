package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memvault/memvault/internal/testfs"
)

// On a full disk compress fails with a hint, leaves nothing behind, and lets the capture stay.
func TestCompressFullDisk(t *testing.T) {
	dir := testfs.New(t, testfs.Tmpfs, 1<<20)
	data := make([]byte, 600<<10) // that cannot be compressed
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	name := filepath.Join(dir, "x.bin")
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, rm := range []string{"--rm=false", "--rm"} {
		code, said := runApp(t, "compress", "--in-use", "proc", rm, name)
		if code != exitFailed || !strings.Contains(said, "x.bin.zst: no space left on device\nmemvault: hint: nothing was left behind") {
			t.Errorf("%s: exit code %d, %s", rm, code, said)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 || entries[0].Name() != "x.bin" {
			t.Errorf("%s: in the folder are %v, %v; want x.bin alone", rm, entries, err)
		}
	}
}

// runApp obeys a command line, and gives the exit code and what was said on standard error.
func runApp(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var files [3]*os.File
	for i := range files {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	a := &app{in: files[0], out: files[1], err: files[2]}
	code = a.run(append(args, "--state", t.TempDir()))
	text, err := os.ReadFile(files[2].Name())
	if err != nil {
		t.Fatal(err)
	}
	return code, string(text)
}
