package testfs

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestNew(t *testing.T) {
	magic := map[string]int64{Ext4: unix.EXT4_SUPER_MAGIC, Tmpfs: unix.TMPFS_MAGIC, Overlay: unix.OVERLAYFS_SUPER_MAGIC, Ramfs: unix.RAMFS_MAGIC}
	for kind, want := range magic {
		t.Run(kind, func(t *testing.T) {
			dir := New(t, kind, 16<<20)
			var fs unix.Statfs_t
			if err := unix.Statfs(dir, &fs); err != nil {
				t.Fatal(err)
			}
			if int64(fs.Type) != want {
				t.Errorf("statfs says type %#x, want %#x", fs.Type, want)
			}
		})
	}
}
