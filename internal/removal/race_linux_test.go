package removal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/internal/soak"
)

// A process exchanges the file that is to go with another, as fast as it can: never is the other one deleted, nor
// lost, nor anything outside of the folder touched.
func TestSwappedFiles(t *testing.T) {
	tests := []struct {
		name    string
		do      string
		undo    time.Duration
		noFlags bool
	}{
		{"exchanged", "swap", 0, false},
		{"exchanged, undo window", "swap", time.Hour, false},
		{"exchanged, no flags", "swap", 0, true},
		{"exchanged with links and folders", "swap links", 0, false},
		{"exchanged with links and folders, no flags", "swap links", 0, true},
	}
	rounds := soak.N(t, 200, 10_000)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			outside, dir := t.TempDir(), t.TempDir()
			write(t, outside, "secret", "outside")
			write(t, dir, "a.bin.other", "innocent")
			if tt.do == "swap links" {
				if err := errors.Join(os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "a.bin.1")),
					os.Mkdir(filepath.Join(dir, "a.bin.2"), 0o700), os.Symlink(outside, filepath.Join(dir, "a.bin.3"))); err != nil {
					t.Fatal(err)
				}
			}
			before := stamp(t, outside)
			r := swapped{t: t, dir: dir, innocent: inodes(t, dir)}
			step := func(at string) {
				if at == "take back" {
					r.caught++
				}
			}
			var err error
			r.d, err = open(t.Context(), dir, Options{Undo: tt.undo, InUse: quick}, hooks{step, tt.noFlags})
			if err != nil {
				t.Fatal(err)
			}
			defer r.d.Close()
			background(t, task{Do: tt.do, Dir: dir, Name: "a.bin"}.command(t, 0))
			for range rounds {
				r.round()
			}
			t.Logf("%d removed, %d left alone, %d caught by the rename and put back", r.removed, r.left, r.caught)
			if r.removed == 0 || r.left == 0 || r.caught == 0 {
				t.Errorf("%d removed, %d left alone, %d caught: want some of each, else nothing was tested", r.removed, r.left, r.caught)
			}
			if after := stamp(t, outside); after != before {
				t.Errorf("outside of the folder: %s, want %s", after, before)
			}
		})
	}
}

type swapped struct {
	t                     *testing.T
	d                     *Folder
	dir                   string
	innocent              map[uint64]bool
	victim                uint64 // 0 when there is none
	removed, left, caught int
}

// round decides that the victim is to go when it has the name, and removes it while others take its name.
func (r *swapped) round() {
	r.t.Helper()
	r.place()
	var it Item
	for ; it.Identity.Ino != r.victim; it, _ = (task{Dir: r.dir}).item("a.bin") {
	}
	it.Name = "a.bin"
	out, err := r.d.Remove(r.t.Context(), it)
	if err != nil && !errors.Is(err, ErrChanged) && !errors.Is(err, ErrRefused) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ELOOP) {
		r.t.Fatalf("got %v, want nil or that it was another file", err)
	}
	if out.Trashed {
		if _, err := r.d.EmptyTrash(r.t.Context(), nil); err != nil {
			r.t.Fatal(err)
		}
	}
	there := inodes(r.t, r.dir)
	for ino := range r.innocent {
		if !there[ino] {
			r.t.Fatalf("an innocent file is gone after %v", err)
		}
	}
	if there[r.victim] == (err == nil) {
		r.t.Fatalf("the victim is there: %v, after %v", there[r.victim], err)
	}
	if err == nil {
		r.removed, r.victim = r.removed+1, 0
	} else {
		r.left++
	}
}

// place makes a victim if there is none, under any name that is free.
func (r *swapped) place() {
	r.t.Helper()
	if r.victim != 0 {
		return
	}
	write(r.t, r.dir, "victim", "victim")
	fi, err := os.Lstat(filepath.Join(r.dir, "victim"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.victim = sys(fi).Ino
	for i := 0; ; i++ {
		name := []string{"a.bin", "a.bin.other", "a.bin.1", "a.bin.2", "a.bin.3"}[i%5]
		err := unix.Renameat2(unix.AT_FDCWD, filepath.Join(r.dir, "victim"), unix.AT_FDCWD, filepath.Join(r.dir, name), unix.RENAME_NOREPLACE)
		if err == nil {
			return
		}
		if !errors.Is(err, unix.EEXIST) {
			r.t.Fatal(err)
		}
	}
}

// inodes are those of all files in the folder but memvault's own.
func inodes(t *testing.T, dir string) map[uint64]bool {
	t.Helper()
	// Names move while the folder is read: what one look misses the next one finds.
	all := make(map[uint64]bool)
	for range 5 {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			if fi, err := f.Info(); err == nil && !strings.HasPrefix(f.Name(), ownPrefix) {
				all[sys(fi).Ino] = true
			}
		}
	}
	return all
}
