// Package testfs makes file systems for tests of what only real ones show: full disks,
// leases, the numbers of devices and inodes.
package testfs

import (
	"os"
	"testing"
)

// The kinds of file systems that New makes.
const (
	Ext4    = "ext4"
	Tmpfs   = "tmpfs"
	Overlay = "overlayfs"
	// Ramfs stands for all where a lease proves nothing.
	Ramfs = "ramfs"
)

// Kinds are those where leases are trusted.
var Kinds = []string{Ext4, Tmpfs, Overlay}

// New mounts an empty file system of a kind and of about size bytes, and gives its folder. It goes
// with the test. Where it cannot be made, for want of rights above all, the test is skipped.
func New(t testing.TB, kind string, size int64) string {
	t.Helper()
	dir, err := mount(t, kind, size)
	if err != nil {
		t.Skipf("no %s file system to test on: %v", kind, err)
	}
	return dir
}

// Dir gives an empty folder on a file system of a kind, whose size does not matter: one that the machine
// has, so that no rights are needed, else one by New.
func Dir(t testing.TB, kind string) string {
	t.Helper()
	for _, base := range []string{os.TempDir(), "/dev/shm"} {
		if !is(base, kind) {
			continue
		}
		dir, err := os.MkdirTemp(base, "testfs")
		if err != nil {
			continue
		}
		t.Cleanup(func() {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		})
		return dir
	}
	return New(t, kind, 1<<30)
}
