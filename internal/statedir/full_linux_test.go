package statedir

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk writes what was reserved in advance on a file system without a free byte.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("memvault", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	d, err := Open(filepath.Join(disk, "state"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Reserve("earlier", 5000)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Put([]byte("x")), r.Release()); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(disk, "capture"))

	unlock, ok, err := d.Lock("now")
	if err != nil || !ok {
		t.Fatalf("Lock on a full disk: got %v, %v", ok, err)
	}
	defer unlock()
	if r, err = d.Reserve("now", 5000); err != nil {
		t.Fatalf("Reserve on a full disk, with space of an earlier run: %v", err)
	}
	defer r.Close()
	for _, data := range []string{"one", "two"} {
		if err := r.Put([]byte(data)); err != nil {
			t.Fatalf("Put on a full disk: %v", err)
		}
		if got, err := d.Get("now"); err != nil || string(got) != data {
			t.Errorf("Get: got %q, %v, want %q", got, err, data)
		}
	}
	if r, err := d.Reserve("more", 5000); !errors.Is(err, ErrNoState) {
		t.Errorf("Reserve without space: got %v, %v, want %v", r, err, ErrNoState)
	}
	if err := d.Put("more", make([]byte, 5000)); !errors.Is(err, ErrNoState) {
		t.Errorf("Put without space: got %v, want %v", err, ErrNoState)
	}
	if got, err := d.Names(""); err != nil || len(got) != 1 {
		t.Errorf("Names: got %q, %v, want only now", got, err)
	}
}

func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
