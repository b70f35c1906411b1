package removal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/internal/soak"
	"github.com/memvault/memvault/internal/testfs"
)

const diskSize = 64 << 20 // bytes

// fill writes files until nothing more fits, and makes sure of that.
func fill(t *testing.T, dir string) {
	t.Helper()
	for size := 1 << 20; size >= 1; size /= 16 {
		for i := 0; ; i++ {
			name := filepath.Join(dir, fmt.Sprintf("filler-%d-%d", size, i))
			err := os.WriteFile(name, bytes.Repeat([]byte("x"), size), 0o600)
			if errors.Is(err, unix.ENOSPC) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	// Until the folder has no room for a name, in any of its parts.
	for i, refused := 0, 0; int64(st.Type) == unix.EXT4_SUPER_MAGIC && refused < 300; i++ {
		err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("filler-0-%d", i)), nil, 0o600)
		switch {
		case errors.Is(err, unix.ENOSPC):
			refused++
		case err != nil:
			t.Fatal(err)
		}
	}
	if st.Bavail != 0 {
		t.Fatalf("%d blocks are free, want a full disk", st.Bavail)
	}
}

// A disk that has become full, with the journal made while there was room, and one that was full before memvault came.
func TestFullDisk(t *testing.T) {
	for _, kind := range []string{testfs.Tmpfs, testfs.Ext4} {
		for _, first := range []bool{false, true} {
			for _, state := range []string{"", t.TempDir()} {
				t.Run(fmt.Sprintf("%s, first run %v, state %v", kind, first, state != ""), func(t *testing.T) {
					testFull(t, kind, state, first)
				})
			}
		}
	}
}

func testFull(t *testing.T, kind, state string, first bool) {
	dir := testfs.New(t, kind, diskSize)
	if !first {
		if err := folder(t, dir, Options{}).Close(); err != nil {
			t.Fatal(err)
		}
	}
	const captures = 12
	for i := range captures {
		write(t, dir, fmt.Sprintf("%02d.bin", i), strings.Repeat("x", 2<<20))
	}
	fill(t, dir)
	var text bytes.Buffer
	d := folder(t, dir, Options{State: state, InUse: quick, Log: slog.New(slog.NewTextHandler(&text, nil))})
	for i := range captures {
		name := fmt.Sprintf("%02d.bin", i)
		out, err := d.Remove(t.Context(), itemOf(t, dir, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if out.Freed < 1<<20 || out.Short != "" {
			t.Errorf("%s: %+v, want 2 MiB freed", name, out)
		}
		if !strings.Contains(text.String(), name) {
			t.Errorf("%s: no line in the log: %s", name, text.String())
		}
	}
	if state != "" && first && strings.Contains(text.String(), "without a journal") {
		t.Errorf("with --state: %s", text.String())
	}
	for _, line := range []string{"no room for a trash folder", "no room for another name"} {
		if first && kind == testfs.Ext4 && !strings.Contains(text.String(), line) {
			t.Errorf("the log does not say %q, so that was not tested: %s", line, text.String())
		}
	}
	for _, name := range names(t, dir) {
		if name != trashName && !strings.HasPrefix(name, "filler") {
			t.Errorf("%q is left", name)
		}
	}
}

// On a full disk an undo window works as long as the journal has room.
func TestFullDiskUndo(t *testing.T) {
	dir := testfs.New(t, testfs.Tmpfs, diskSize)
	if err := folder(t, dir, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.bin", strings.Repeat("x", 2<<20))
	fill(t, dir)
	d := folder(t, dir, Options{Undo: time.Hour, InUse: quick})
	if out, err := d.Remove(t.Context(), itemOf(t, dir, "a.bin")); err != nil || !out.Trashed {
		t.Fatalf("got %+v, %v; want it in the trash", out, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = folder(t, dir, Options{InUse: quick})
	if len(d.Trash()) != 1 || d.Trash()[0].Reason != "a test" {
		t.Errorf("the trash holds %+v, want a.bin by the journal", d.Trash())
	}
	if freed, err := d.EmptyTrash(t.Context(), nil); err != nil || freed < 1<<20 {
		t.Errorf("emptying the trash frees %d bytes, %v; want 2 MiB", freed, err)
	}
}

// Where the disk is full, what a kill leaves in the folder itself is put back, with the journal in --state and without.
func TestKillOnFullDisk(t *testing.T) {
	for _, state := range []string{"", t.TempDir()} {
		kills := 0
		for at := 1; ; at++ {
			dir := testfs.New(t, testfs.Ext4, 8<<20)
			write(t, dir, "a.bin", strings.Repeat("capture ", 32<<10))
			fill(t, dir)
			tk := task{Do: "remove", Dir: dir, State: state, Name: "a.bin", KillAt: at}
			if !tk.run(t) {
				break
			}
			kills++
			gone := false
			if _, err := os.Lstat(filepath.Join(dir, "a.bin")); err != nil {
				gone = true
			}
			if err := folder(t, dir, Options{State: state}).Close(); err != nil {
				t.Error(err)
			}
			left := slices.DeleteFunc(names(t, dir), func(s string) bool { return strings.HasPrefix(s, "filler") || s == trashName })
			if !slices.Equal(left, []string{"a.bin"}) && !(gone && len(left) == 0) {
				t.Errorf("state %q, killed at %d: the folder holds %q, want a.bin or nothing", state, at, left)
			}
		}
		if kills < 4 {
			t.Errorf("state %q: killed %d times, want at least 4", state, kills)
		}
	}
}

func TestReadOnly(t *testing.T) {
	dir := testfs.New(t, testfs.Tmpfs, diskSize)
	write(t, dir, "a.bin", "capture")
	it := itemOf(t, dir, "a.bin")
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Open gives %v, want %v", err, ErrReadOnly)
	}
	d := folder(t, dir, Options{RenameOnly: true, InUse: quick})
	if err := d.Rename(t.Context(), it, "b.bin"); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Rename gives %v, want %v", err, ErrReadOnly)
	}
	d = folder(t, dir, Options{DryRun: true, InUse: quick})
	if _, err := d.Remove(t.Context(), it); err != nil {
		t.Errorf("a dry run gives %v", err)
	}
}

// A folder of very many files.
func TestManyFiles(t *testing.T) {
	files := soak.N(t, 3_000, 100_000)
	dir := testfs.New(t, testfs.Tmpfs, 1<<30)
	for i := range files {
		write(t, dir, fmt.Sprintf("%06d.bin", i), "x")
	}
	d := folder(t, dir, Options{Undo: time.Hour, InUse: quick})
	for i := range files {
		if _, err := d.Remove(t.Context(), itemOf(t, dir, fmt.Sprintf("%06d.bin", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = folder(t, dir, Options{InUse: quick})
	if got := len(d.Trash()); got != files {
		t.Errorf("the trash holds %d files, want %d", got, files)
	}
	got, err := d.Undo(t.Context())
	if err != nil || len(got) != files || len(names(t, dir)) != files+1 {
		t.Errorf("undo gives %d files, %v; want %d", len(got), err, files)
	}
}
