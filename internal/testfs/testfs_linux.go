package testfs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var magic = map[string]int64{
	Ext4: unix.EXT4_SUPER_MAGIC, Tmpfs: unix.TMPFS_MAGIC, Overlay: unix.OVERLAYFS_SUPER_MAGIC, Ramfs: unix.RAMFS_MAGIC,
}

// is tells whether a folder is on a file system of a kind.
func is(dir, kind string) bool {
	var fs unix.Statfs_t
	err := unix.Statfs(dir, &fs)
	return err == nil && int64(fs.Type) == magic[kind]
}

func mount(t testing.TB, kind string, size int64) (string, error) {
	base, err := os.MkdirTemp("", "testfs") // the name of a test may hold commas, which part mount options
	if err != nil {
		return "", err
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(base, "mnt")
	if err := os.Mkdir(dir, 0o777); err != nil {
		return "", err
	}
	switch kind {
	case Ext4:
		err = loop(filepath.Join(base, "image"), dir, size)
	case Overlay:
		err = overlay(base, dir)
	case Tmpfs:
		err = unix.Mount(kind, dir, kind, 0, fmt.Sprintf("size=%d", size))
	default:
		err = unix.Mount(kind, dir, kind, 0, "")
	}
	if err != nil {
		return "", err
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir, nil
}

// loop mounts a file as a disk.
func loop(image, dir string, size int64) error {
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(image, size); err != nil {
		return err
	}
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-m", "0", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, out)
		}
	}
	return nil
}

func overlay(base, dir string) error {
	var options strings.Builder
	for _, name := range []string{"lowerdir", "upperdir", "workdir"} {
		layer := filepath.Join(base, name)
		if err := os.Mkdir(layer, 0o777); err != nil {
			return err
		}
		options.WriteString("," + name + "=" + layer)
	}
	return unix.Mount("overlay", dir, "overlay", 0, options.String()[1:])
}
