package removal

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/internal/bootclock"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/testfs"
)

func TestRemove(t *testing.T) {
	proved := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	refused := errors.New("no such object")
	tests := []struct {
		name           string
		options        Options
		item           Item
		open           bool // somebody has the file open
		changed        bool // it is not the file that was looked at
		err            error
		trashed        bool
		files, inTrash []string
	}{
		{name: "at once", files: nil},
		{name: "undo window", options: Options{Undo: time.Hour}, trashed: true, inTrash: []string{"a.bin"}},
		{name: "critical", options: Options{Undo: time.Hour}, item: Item{Critical: true}},
		{name: "proved", item: Item{Proof: proved(nil)}},
		{name: "not proved", item: Item{Proof: proved(refused)}, err: ErrNotArchived, files: []string{"a.bin"}},
		{name: "in use", open: true, err: ErrInUse, files: []string{"a.bin"}},
		{name: "changed", changed: true, err: ErrChanged, files: []string{"a.bin"}},
		{name: "dry run", options: Options{DryRun: true}, files: []string{"a.bin"}},
		{name: "dry run with undo", options: Options{DryRun: true, Undo: time.Hour}, trashed: true, files: []string{"a.bin"}},
		{name: "dry run, in use", options: Options{DryRun: true}, open: true, err: ErrInUse, files: []string{"a.bin"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			folder(t, dir, Options{}).Close() // makes the trash
			write(t, dir, "a.bin", strings.Repeat("x", 2<<20))
			tt.options.InUse = quick
			d, err := Open(t.Context(), dir, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			it := itemOf(t, dir, "a.bin")
			it.Proof, it.Critical = tt.item.Proof, tt.item.Critical
			if tt.open {
				f, err := os.Open(filepath.Join(dir, "a.bin"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
			}
			if tt.changed {
				write(t, dir, "a.bin", "another")
			}
			out, err := d.Remove(t.Context(), it)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got error %v, want %v", err, tt.err)
			}
			want(t, "after", dir, tt.files, tt.inTrash)
			if out.Trashed != tt.trashed || err == nil && out.Occupied < 2<<20 {
				t.Errorf("got %+v, want trashed %v of 2 MiB", out, tt.trashed)
			}
		})
	}
}

// What a folder may hold beside captures is left alone, and nothing outside is touched.
func TestHostileFolder(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, "secret", "outside")
	path := func(name string) string { return filepath.Join(dir, name) }
	secret := filepath.Join(outside, "secret")
	long := strings.Repeat("n", 251) + ".bin"
	if err := errors.Join(
		os.Symlink(secret, path("link.bin")), os.Symlink(outside, path("folder link.bin")), os.Symlink("a.bin", path("inner link.bin")),
		os.Symlink("/etc", path("etc.bin")), unix.Mkfifo(path("fifo.bin"), 0o600), os.Link(secret, path("hard link.bin")),
		os.MkdirAll(path("dir.bin/sub"), 0o700), os.Link(secret, path("hard link.bin.lz4.tmp")),
	); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(path("device.bin"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
		t.Logf("no device to test with: %v", err)
		write(t, dir, "device.bin", "")
	}
	for _, name := range []string{"a.bin", "new\nline.bin", "esc\x1b[2J.bin", "\xff\xfe.bin", "-rf", long} {
		write(t, dir, name, "capture")
	}
	before := stamp(t, outside)
	d := folder(t, dir, Options{Undo: time.Hour, InUse: quick})
	for _, name := range []string{"link.bin", "folder link.bin", "inner link.bin", "etc.bin", "fifo.bin", "hard link.bin", "hard link.bin.lz4.tmp", "dir.bin", lockName, trashName} {
		if _, err := d.Remove(t.Context(), itemOf(t, dir, name)); !errors.Is(err, ErrRefused) {
			t.Errorf("remove %q: %v, want %v", name, err, ErrRefused)
		}
		if err := d.Rename(t.Context(), itemOf(t, dir, name), "b.bin"); !errors.Is(err, ErrRefused) {
			t.Errorf("rename %q: %v, want %v", name, err, ErrRefused)
		}
	}
	for _, name := range []string{"../" + filepath.Base(outside) + "/secret", secret, "..", ".", "", "dir.bin/../a.bin", "a\x00b"} {
		if _, err := d.Remove(t.Context(), Item{Name: name}); !errors.Is(err, ErrRefused) {
			t.Errorf("remove %q: %v, want %v", name, err, ErrRefused)
		}
		if err := d.Rename(t.Context(), itemOf(t, dir, "a.bin"), name); !errors.Is(err, ErrRefused) {
			t.Errorf("rename to %q: %v, want %v", name, err, ErrRefused)
		}
	}
	odd := []string{"-rf", "a.bin", "esc\x1b[2J.bin", long, "new\nline.bin", "\xff\xfe.bin"}
	for _, name := range odd {
		if out, err := d.Remove(t.Context(), itemOf(t, dir, name)); err != nil || !out.Trashed {
			t.Errorf("remove %q: %+v, %v, want it in the trash", name, out, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = folder(t, dir, Options{Undo: time.Hour, InUse: quick})
	got, err := d.Undo(t.Context())
	slices.Sort(got)
	slices.Sort(odd)
	if err != nil || !slices.Equal(got, odd) {
		t.Errorf("undo gives %q, %v; want %q", got, err, odd)
	}
	if after := stamp(t, outside); after != before {
		t.Errorf("outside of the folder: %s, want %s", after, before)
	}
}

// stamp is what changes when a file of a folder is touched in any way. Access times do not count.
func stamp(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, name := range append([]string{"."}, names(t, dir)...) {
		fi, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		id, _ := IdentityOf(fi)
		b.WriteString(name + id.Ctime.Format(time.RFC3339Nano) + fi.Mode().String() + " ")
	}
	return b.String()
}

// Names that are memvault's own may have been made by others.
func TestHostileOwnNames(t *testing.T) {
	tests := []struct {
		name  string
		plant func(dir, outside string) error
		opens bool
	}{
		{"trash is a link", func(dir, outside string) error { return os.Symlink(outside, filepath.Join(dir, trashName)) }, false},
		{"trash is a file", func(dir, _ string) error { return os.WriteFile(filepath.Join(dir, trashName), nil, 0o600) }, false},
		{"others may write to the trash", func(dir, _ string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, trashName), 0o700), os.Chmod(filepath.Join(dir, trashName), 0o777))
		}, false},
		{"journal is a link", func(dir, outside string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, trashName), 0o700), os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, trashName, journalName)))
		}, false},
		{"journal is a hard link", func(dir, outside string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, trashName), 0o700), os.Link(filepath.Join(outside, "secret"), filepath.Join(dir, trashName, journalName)))
		}, false},
		{"journal is a FIFO", func(dir, _ string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, trashName), 0o700), unix.Mkfifo(filepath.Join(dir, trashName, journalName), 0o600))
		}, false},
		{"journal is noise", func(dir, _ string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, trashName), 0o700), os.WriteFile(filepath.Join(dir, trashName, journalName), []byte("\n\x00noise 1 {}\n"), 0o600))
		}, true},
		{"lock leads outside", func(dir, outside string) error {
			return os.Symlink(filepath.Join(outside, "new"), filepath.Join(dir, lockName))
		}, true},
		{"lock is a FIFO", func(dir, _ string) error { return unix.Mkfifo(filepath.Join(dir, lockName), 0o600) }, true},
		{"loose trash is a link", func(dir, outside string) error {
			return os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, looseTrash+"AAAAAAAAAAAAA-a.bin"))
		}, true},
		{"loose trash is a hard link", func(dir, outside string) error {
			return os.Link(filepath.Join(outside, "secret"), filepath.Join(dir, looseTrash+"AAAAAAAAAAAAA-b.bin"))
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			outside, dir := t.TempDir(), t.TempDir()
			write(t, outside, "secret", "outside")
			if err := tt.plant(dir, outside); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "a.bin", "capture")
			before := stamp(t, outside)
			d, err := Open(t.Context(), dir, Options{InUse: quick})
			if got := err == nil; got != tt.opens {
				t.Errorf("Open gives %v, want it to open: %v", err, tt.opens)
			}
			if err == nil {
				if _, err := d.Remove(t.Context(), itemOf(t, dir, "a.bin")); err != nil {
					t.Error(err)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
			if after := stamp(t, outside); after != before {
				t.Errorf("outside of the folder: %s, want %s", after, before)
			}
		})
	}
}

func TestRename(t *testing.T) {
	for _, noFlags := range []bool{false, true} {
		dir := t.TempDir()
		d := folder(t, dir, Options{RenameOnly: true, InUse: quick})
		d.noFlags = noFlags // as on NFS
		write(t, dir, "a.bin", "a")
		write(t, dir, "taken.bin", "taken")
		it := itemOf(t, dir, "a.bin")
		if err := d.Rename(t.Context(), it, "taken.bin"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("onto a name that is taken: %v, want %v", err, fs.ErrExist)
		}
		if err := d.Rename(t.Context(), it, "b.bin"); err != nil {
			t.Error(err)
		}
		if err := d.Rename(t.Context(), it, "c.bin"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("of a file that is gone: %v, want %v", err, fs.ErrNotExist)
		}
		if got, want := names(t, dir), []string{"b.bin", "taken.bin"}; !slices.Equal(got, want) {
			t.Errorf("without flags %v: the folder holds %q, want %q and neither lock nor trash", noFlags, got, want)
		}
		if _, err := d.Remove(t.Context(), itemOf(t, dir, "b.bin")); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Remove with RenameOnly: %v, want %v", err, errors.ErrUnsupported)
		}
	}
}

func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of others")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 1234, 1234); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.bin", "a")
	if err := os.Chown(filepath.Join(dir, "a.bin"), 4321, 4321); err != nil {
		t.Fatal(err)
	}
	d := folder(t, dir, Options{Undo: time.Hour, InUse: quick})
	if _, err := d.Remove(t.Context(), itemOf(t, dir, "a.bin")); err != nil {
		t.Errorf("root removes a file of another: %v", err)
	}
	for _, name := range []string{trashName, trashName + "/" + journalName} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if uid := sys(fi).Uid; uid != 1234 || fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has owner %d and mode %v, want the folder's owner 1234 and nothing for others", name, uid, fi.Mode())
		}
	}
	var st unix.Stat_t
	st.Mode, st.Nlink, st.Dev, st.Uid = unix.S_IFREG, 1, sys(d.info).Dev, 1234
	if err := d.allowed(&st, 1234); err != nil {
		t.Errorf("a user and his own file: %v", err)
	}
	if err := d.allowed(&st, 4321); !errors.Is(err, ErrRefused) {
		t.Errorf("a user and the file of another: %v, want %v", err, ErrRefused)
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	first := folder(t, dir, Options{})
	if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second pass: %v, want %v", err, ErrLocked)
	}
	for _, o := range []Options{{RenameOnly: true}, {DryRun: true}} {
		if d, err := Open(t.Context(), dir, o); err != nil {
			t.Errorf("%+v needs no lock: %v", o, err)
		} else if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	opened := make(chan error)
	go func() {
		d, err := Open(context.Background(), dir, Options{LockWait: time.Minute})
		if err == nil {
			err = d.Close()
		}
		opened <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("one that waits: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	folder(t, dir, Options{}) // holds the lock
	if _, err := Open(ctx, dir, Options{LockWait: time.Minute}); !errors.Is(err, context.Canceled) {
		t.Errorf("one that is interrupted: %v, want %v", err, context.Canceled)
	}
}

func TestUndo(t *testing.T) {
	dir := t.TempDir()
	d := folder(t, dir, Options{Undo: time.Hour, InUse: quick})
	for _, name := range []string{"scheduler_memory.bin", "a.bin", "a.bin.123", "b.bin"} {
		write(t, dir, name, name)
		if err := os.Chtimes(filepath.Join(dir, name), time.Time{}, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Remove(t.Context(), itemOf(t, dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "a.bin", "a new one")
	wanted := []string{"scheduler_memory.20260102T030405Z.0.bin", "a.back-2.bin", "a.bin.123", "b.bin"}
	if got, err := d.Undo(t.Context()); err != nil || !slices.Equal(got, wanted) {
		t.Errorf("undo gives %q, %v; want %q", got, err, wanted)
	}
	slices.Sort(wanted)
	want(t, "after undo", dir, slices.Sorted(slices.Values(append(wanted, "a.bin"))), nil)
	if got, err := d.Undo(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("undo again gives %q, %v; want nothing", got, err)
	}
}

func TestTrashGoes(t *testing.T) {
	proof := func(err error) func(context.Context, Entry) error {
		return func(context.Context, Entry) error { return err }
	}
	tests := []struct {
		name    string
		proved  bool
		next    Options
		expired bool
		inTrash []string
	}{
		{"within the window", false, Options{}, false, []string{"a.bin"}},
		{"after it", false, Options{}, true, nil},
		{"proved, and asked again", true, Options{Proof: proof(nil)}, true, nil},
		{"proved, and no longer", true, Options{Proof: proof(errors.New("gone"))}, true, []string{"a.bin"}},
		{"proved, and nobody to ask", true, Options{}, true, []string{"a.bin"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "a.bin", "a")
			undo := time.Hour
			if tt.expired {
				undo = time.Nanosecond
			}
			d := folder(t, dir, Options{Undo: undo, InUse: quick})
			it := itemOf(t, dir, "a.bin")
			if tt.proved {
				it.Proof = func(context.Context) error { return nil }
			}
			if out, err := d.Remove(t.Context(), it); err != nil || !out.Trashed {
				t.Fatalf("got %+v, %v", out, err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			tt.next.InUse = quick
			d = folder(t, dir, tt.next)
			want(t, "after the next pass", dir, nil, tt.inTrash)
			if len(d.Trash()) != len(tt.inTrash) {
				t.Errorf("Trash gives %v, want %q", d.Trash(), tt.inTrash)
			}
		})
	}
}

func TestEmptyTrash(t *testing.T) {
	dir := testfs.New(t, testfs.Tmpfs, diskSize) // nobody else uses its space
	d := folder(t, dir, Options{Undo: time.Hour, InUse: quick})
	for _, name := range []string{"a.bin", "b.bin", "c.bin"} {
		write(t, dir, name, strings.Repeat("x", 4<<20))
		if _, err := d.Remove(t.Context(), itemOf(t, dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	rounds := 0
	freed, err := d.EmptyTrash(t.Context(), func() bool { rounds++; return rounds > 2 })
	if err != nil || freed < 4<<20 {
		t.Errorf("two of three: %d bytes freed, %v; want about 8 MiB", freed, err)
	}
	want(t, "two of three", dir, nil, []string{"c.bin"})
	if _, err := d.EmptyTrash(t.Context(), nil); err != nil {
		t.Error(err)
	}
	want(t, "all", dir, nil, nil)
}

// Somebody who waits for the lease gets the inode even in the trash: what he writes is put back.
func TestWrittenInTheTrash(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.bin", "a")
	d := folder(t, dir, Options{Undo: time.Nanosecond, InUse: quick})
	if _, err := d.Remove(t.Context(), itemOf(t, dir, "a.bin")); err != nil {
		t.Fatal(err)
	}
	trashed := d.Trash()[0].Path
	f, err := os.OpenFile(trashed, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("a new capture"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	folder(t, dir, Options{InUse: quick})
	want(t, "while it is written", dir, []string{"a.bin"}, nil)
	f.Close()
}

// A file in the trash that no journal knows of can be put back, and does not go by itself.
func TestLostJournal(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.bin", "a")
	d := folder(t, dir, Options{Undo: time.Nanosecond, InUse: quick})
	if _, err := d.Remove(t.Context(), itemOf(t, dir, "a.bin")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Close(), os.Remove(filepath.Join(dir, trashName, journalName))); err != nil {
		t.Fatal(err)
	}
	d = folder(t, dir, Options{InUse: quick})
	want(t, "after the next pass", dir, nil, []string{"a.bin"})
	if got, err := d.Undo(t.Context()); err != nil || !slices.Equal(got, []string{"a.bin"}) {
		t.Errorf("undo gives %q, %v; want a.bin", got, err)
	}
}

// Who holds a deleted file keeps its space: the outcome says who.
func TestHeld(t *testing.T) {
	dir := testfs.New(t, testfs.Tmpfs, diskSize)
	b := capture(t, 4711)
	write(t, dir, "a.bin", string(b)+strings.Repeat("\x00", 2<<20))
	path := filepath.Join(dir, "a.bin")
	holder := script(t, "exec 3<>\"$0\"; sleep 60 & echo $!; wait", path)
	d := folder(t, dir, Options{InUse: quick})
	out, err := d.Remove(t.Context(), itemOf(t, dir, "a.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(out.Held, func(h inuse.Holder) bool { return h.PID == holder }) || !strings.Contains(out.Short, "come back only when") {
		t.Errorf("got %+v, want it held by %d, and nothing freed", out, holder)
	}
	if out.Freed >= out.Occupied {
		t.Errorf("%d bytes freed of %d, though somebody holds them", out.Freed, out.Occupied)
	}
}

// Who comes to open the file, at any moment up to the last one, gets it within a second and with its name: it is left alone.
func TestOpenedMeanwhile(t *testing.T) {
	for _, at := range []string{"proof", "intent", "rename", "renamed"} {
		t.Run(at, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "a.bin", string(capture(t, 4711)))
			opener := func() {
				path, err := filepath.Glob(filepath.Join(dir, trashName, "*-a.bin"))
				if err != nil || len(path) == 0 {
					path = []string{filepath.Join(dir, "a.bin")}
				}
				script(t, "exec 3<>\"$0\"; echo $$; sleep 60", path[0]) // returns when it is open
			}
			step := func(s string) {
				if s == at {
					opener()
				}
			}
			d, err := open(t.Context(), dir, Options{InUse: quick}, hooks{step: step})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			it := itemOf(t, dir, "a.bin")
			it.Proof = func(context.Context) error { step("proof"); return nil }
			if _, err := d.Remove(t.Context(), it); !errors.Is(err, ErrInUse) {
				t.Errorf("got %v, want %v", err, ErrInUse)
			}
			want(t, "after", dir, []string{"a.bin"}, nil)
		})
	}
}

// The undo window lasts by the clock of the boot too, where that can be compared.
func TestUndoWindow(t *testing.T) {
	moved := bootclock.Moment{Wall: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC), Up: 10 * time.Hour, Boot: "a"}
	for _, tt := range []struct {
		name     string
		wall, up time.Duration // since it was moved
		boot     string
		want     bool
	}{
		{"within", 59 * time.Minute, 59 * time.Minute, "a", false},
		{"over", time.Hour, time.Hour, "a", true},
		{"clock set on", 24 * time.Hour, time.Minute, "a", false},
		{"clock set back", -time.Hour, 2 * time.Hour, "a", false},
		{"another boot", 2 * time.Hour, -9 * time.Hour, "b", true},
		{"boots that cannot be told", 2 * time.Hour, 0, "", true},
	} {
		e := &entry{Entry: Entry{Moved: moved.Wall, Until: moved.Wall.Add(time.Hour)}, began: moved}
		if got := e.over(bootclock.Moment{Wall: moved.Wall.Add(tt.wall), Up: moved.Up + tt.up, Boot: tt.boot}); got != tt.want {
			t.Errorf("%s: got over %v, want %v", tt.name, got, tt.want)
		}
	}
	dir := t.TempDir()
	write(t, dir, "a.bin", "x")
	d := folder(t, dir, Options{Undo: time.Hour, InUse: quick})
	if _, err := d.Remove(t.Context(), itemOf(t, dir, "a.bin")); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = folder(t, dir, Options{InUse: quick})
	if got, now := d.entries[0].began, bootclock.Read(); got.Boot != now.Boot || got.Up <= 0 || got.Up > now.Up {
		t.Errorf("the journal gives %+v back, want a moment before %+v", got, now)
	}
}
