package airflow

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/testfs"
)

// quick does not watch held files for as long as there is time in earnest.
var quick = inuse.Options{Settle: 50 * time.Millisecond}

// rotate rotates paths, and wants no error.
func rotate(t *testing.T, o RotateOptions, paths ...string) []Rotation {
	t.Helper()
	if o.InUse == (inuse.Options{}) {
		o.InUse = quick
	}
	list, err := Rotate(t.Context(), paths, o)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRotate(t *testing.T) {
	dead := raw(t, noSuchPID, false)
	tests := []struct {
		name, file string
		content    []byte
		action     Action
		state      string
		to         string
	}{
		{"crashed", "scheduler_memory.bin", dead, Rotated, "crashed", "scheduler_memory.20260102T150405Z.8388608.bin"},
		{"finished", "api_memory.bin", codectest.LZ4(raw(t, 77, true)), Rotated, "finished", "api_memory.20260102T150405Z.77.bin"},
		{"not compressed", "api_memory.bin", raw(t, noSuchPID, true), Rotated, "finished", "api_memory.20260102T150405Z.8388608.bin"},
		{"empty", "triggerer_memory.bin", nil, Rotated, "empty", "triggerer_memory.20260102T150405Z.0.bin"},
		{"never started", "api_memory.bin", codectest.LZ4(nil), Rotated, "empty", "api_memory.20260102T150405Z.0.bin"},
		{"cut in the header", "api_memory.bin", dead[:30], Rotated, "empty", "api_memory.20260102T150405Z.0.bin"},
		{"zeros", "api_memory.bin", make([]byte, 8192), Rotated, "empty", "api_memory.20260102T150405Z.0.bin"},
		{"a later header", "api_memory.bin", []byte("memray\x00\x63\x00\x00\x00 and so on"), Rotated, "empty", "api_memory.20260102T150405Z.0.bin"},
		{"no capture in Airflow's way", "api_memory.bin", []byte("hello, world"), Rotated, "no capture", "api_memory.20260102T150405Z.0.bin"},
		{"no capture", "my_memory.bin", []byte("hello, world"), Left, "no capture", ""},
		{"another's component", "my_memory.bin", dead, Rotated, "crashed", "my_memory.20260102T150405Z.8388608.bin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, tt.file, tt.content)
			dry := rotate(t, RotateOptions{DryRun: true}, dir)
			if got := names(t, dir); !slices.Equal(got, []string{tt.file}) {
				t.Errorf("a dry run left %q, want %q", got, tt.file)
			}
			got := rotate(t, RotateOptions{}, dir)
			if len(got) != 1 || got[0].Action != tt.action || got[0].State != tt.state || got[0].To != tt.to {
				t.Fatalf("got %+v, want %s %q to %q", got, tt.action, tt.state, tt.to)
			}
			if dry[0].Action != tt.action || dry[0].To != tt.to {
				t.Errorf("a dry run said %s to %q, want %s to %q", dry[0].Action, dry[0].To, tt.action, tt.to)
			}
			if tt.to == "" {
				tt.to = tt.file
			}
			if left := names(t, dir); !slices.Equal(left, []string{tt.to}) {
				t.Errorf("the folder holds %q, want %q", left, tt.to)
			}
			holds(t, dir, tt.to, tt.content)
		})
	}
}

// Of a folder only *_memory.bin is taken, and nothing that is below it.
func TestRotateFolder(t *testing.T) {
	dir := t.TempDir()
	dead := raw(t, 0, false)
	others := []string{"airflow.cfg", "train.bin", "scheduler_memory.bin.77", "scheduler_memory.bin.zst",
		"scheduler_memory.20260102T150405Z.77.bin", "scheduler_memory.bin.lz4.tmp"}
	for _, name := range others {
		put(t, dir, name, dead)
	}
	put(t, dir, "scheduler_memory.bin", dead)
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "below"), "api_memory.bin", dead)
	rotate(t, RotateOptions{}, dir, dir+"/")
	want := append(slices.Clone(others), "below", "scheduler_memory.20260102T150405Z.0.bin")
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := names(t, filepath.Join(dir, "below")); !slices.Equal(got, []string{"api_memory.bin"}) {
		t.Errorf("below: got %q, want it as it was", got)
	}
}

// A FILE may have any name that ends in .bin.
func TestRotateFile(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		"train.bin":                          "train_memory.20260102T150405Z.0.bin",
		"api_memory.bin":                     "api_memory.20260102T150405Z.0.bin",
		"airflow.cfg":                        "",
		"api_memory.bin.zst":                 "",
		"x_memory.bin.lz4.tmp":               "",
		"api_memory.20260102T150405Z.77.bin": "",
	} {
		put(t, dir, name, raw(t, 0, false))
		got := rotate(t, RotateOptions{}, filepath.Join(dir, name))
		if len(got) != 1 || got[0].To != want {
			t.Errorf("%s: got %+v, want it to be %q", name, got, want)
		}
	}
}

// A name that exists is never taken, however many there are.
func TestRotateTaken(t *testing.T) {
	dir := t.TempDir()
	taken := []byte("taken")
	put(t, dir, "api_memory.20260102T150405Z.0.bin", taken)
	if err := os.Symlink("nowhere", filepath.Join(dir, "api_memory.20260102T150405Z.0.2.bin")); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "api_memory.bin", nil)
	got := rotate(t, RotateOptions{}, dir)
	if want := "api_memory.20260102T150405Z.0.3.bin"; got[0].To != want {
		t.Errorf("got %+v, want %s", got, want)
	}
	holds(t, dir, "api_memory.20260102T150405Z.0.bin", taken)
}

// What is in the way and no file is not moved, and said.
func TestRotateNoFile(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a symbolic link": func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a folder":        func(path string) error { return os.Mkdir(path, 0o755) },
		"a special file":  func(path string) error { return unix.Mkfifo(path, 0o644) },
	} {
		dir := t.TempDir()
		if err := make(filepath.Join(dir, "api_memory.bin")); err != nil {
			t.Fatal(err)
		}
		got := rotate(t, RotateOptions{}, dir)
		if len(got) != 1 || got[0].Action != Failed || !strings.HasPrefix(got[0].Reason, name) {
			t.Errorf("%s: got %+v, want it to be said", name, got)
		}
		if left := names(t, dir); !slices.Equal(left, []string{"api_memory.bin"}) {
			t.Errorf("%s: the folder holds %q", name, left)
		}
	}
}

func TestRotateMissing(t *testing.T) {
	got := rotate(t, RotateOptions{}, filepath.Join(t.TempDir(), "nowhere"))
	if len(got) != 1 || got[0].Action != Failed || !errors.Is(got[0].Err, fs.ErrNotExist) {
		t.Errorf("got %+v, want one that is not there", got)
	}
}

// holder is a process that has a file open until end is called.
func holder(t *testing.T, path string) (pid int, end func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat")
	cmd.ExtraFiles = []*os.File{f}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(end)
	return cmd.Process.Pid, end
}

// A capture whose writer lives stays; one that only others hold goes, and they are named.
func TestRotateHeld(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "scheduler_memory.bin")
	put(t, dir, "scheduler_memory.bin", nil)
	pid, end := holder(t, path)
	if got := rotate(t, RotateOptions{}, dir)[0]; got.Action != Blocked {
		t.Errorf("0 bytes, held: got %+v, want it to stay", got)
	}
	put(t, dir, "scheduler_memory.bin", raw(t, pid, false))
	if got := rotate(t, RotateOptions{}, dir)[0]; got.Action != Blocked || got.State != "live" {
		t.Errorf("held by its writer: got %+v, want it to stay", got)
	}
	put(t, dir, "scheduler_memory.bin", raw(t, noSuchPID, false))
	got := rotate(t, RotateOptions{}, dir)[0]
	if got.Action != Rotated || got.State != "crashed" || len(got.Verdict.Holders) != 1 || got.Verdict.Holders[0].PID != pid {
		t.Errorf("held by another: got %+v, want it to be rotated, and pid %d named", got, pid)
	}
	end()
}

// A capture that Memray compresses is waited for: the copy takes its name, and that is what goes.
func TestRotateWaits(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "scheduler_memory.bin")
	put(t, dir, "scheduler_memory.bin", nil)
	pid, end := holder(t, path)
	put(t, dir, "scheduler_memory.bin", raw(t, pid, true))
	compressed := codectest.LZ4(raw(t, pid, true))
	put(t, dir, "scheduler_memory.bin.lz4.tmp", compressed)
	if got := rotate(t, RotateOptions{}, dir)[0]; got.Action != Blocked || got.State != "compressing" {
		t.Errorf("without waiting: got %+v, want it to be compressing", got)
	}
	done := make(chan []Rotation)
	go func() {
		list, _ := Rotate(t.Context(), []string{dir}, RotateOptions{Wait: time.Minute, InUse: quick})
		done <- list
	}()
	time.Sleep(3 * poll) // so that it waits, most often; it must work either way
	if err := os.Rename(path+".lz4.tmp", path); err != nil {
		t.Fatal(err)
	}
	end()
	if got := (<-done)[0]; got.Action != Rotated || got.State != "finished" || got.PID != pid {
		t.Errorf("got %+v, want the finished one to be rotated", got)
	}
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("the folder holds %q, want one file", left)
	} else {
		holds(t, dir, left[0], compressed)
	}
}

// Where a lease proves something a crashed capture and one of 0 bytes go; where nothing does they stay.
func TestRotateFileSystems(t *testing.T) {
	for _, kind := range append(slices.Clone(testfs.Kinds), testfs.Ramfs) {
		t.Run(kind, func(t *testing.T) {
			dir := testfs.New(t, kind, 16<<20)
			put(t, dir, "scheduler_memory.bin", raw(t, noSuchPID, false))
			put(t, dir, "api_memory.bin", nil)
			want, state := Rotated, "crashed"
			if kind == testfs.Ramfs {
				want, state = Blocked, "unknown"
			}
			list := rotate(t, RotateOptions{}, filepath.Join(dir, "scheduler_memory.bin"), filepath.Join(dir, "api_memory.bin"))
			if got := list[0]; got.Action != want || got.State != state {
				t.Errorf("crashed: got %+v, want %s, %s", got, want, state)
			}
			if got := list[1]; got.Action != want {
				t.Errorf("0 bytes: got %+v, want %s", got, want)
			}
		})
	}
}

// A file that keeps a capture goes along with it, and stays where the capture does.
func TestRotateKeep(t *testing.T) {
	for _, links := range []bool{true, false} { // without: the new name of the .keep file is taken by one already
		dir := t.TempDir()
		put(t, dir, "api_memory.bin", raw(t, 77, false))
		put(t, dir, "api_memory.bin.keep", nil)
		if r := rotate(t, RotateOptions{DryRun: true}, dir)[0]; r.Action != Rotated || !slices.Contains(names(t, dir), "api_memory.bin.keep") {
			t.Errorf("dry run: got %+v and %q, want nothing changed", r, names(t, dir))
		}
		if !links {
			put(t, dir, rotate(t, RotateOptions{DryRun: true}, dir)[0].To+".keep", nil)
		}
		r := rotate(t, RotateOptions{}, dir)[0]
		if got, want := names(t, dir), []string{r.To, r.To + ".keep"}; !slices.Equal(got, want) {
			t.Errorf("the folder holds %q, want %q", got, want)
		}
	}
	dir := t.TempDir()
	put(t, dir, "api_memory.bin", raw(t, 77, false))
	put(t, dir, "api_memory.bin.keep", nil)
	pid, _ := holder(t, filepath.Join(dir, "api_memory.bin"))
	put(t, dir, "api_memory.bin", raw(t, pid, false))
	rotate(t, RotateOptions{}, dir)
	if got, want := names(t, dir), []string{"api_memory.bin", "api_memory.bin.keep"}; !slices.Equal(got, want) {
		t.Errorf("of a live capture, the folder holds %q, want %q", got, want)
	}
}
