package inuse

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/internal/testfs"
)

// quick watches data for a moment only: the holders of these tests write every 10 ms or never.
var quick = Options{Settle: 300 * time.Millisecond}

func TestCheck(t *testing.T) {
	writer := -1 // the pid of the header is that of the holder
	tests := []struct {
		name   string
		pid    int // in the header; 0 makes an empty file
		hold   *task
		method Method
		want   State
		how    string
		reason string
	}{
		{name: "nobody", pid: 4711, want: Free, how: "lease"},
		{name: "nobody, empty", want: Free, how: "lease"},
		{name: "nobody, by proc", pid: 4711, method: MethodProc, want: Free, how: "proc"},
		{name: "its writer", pid: writer, hold: &task{Flags: os.O_RDWR}, want: Live, how: "proc", reason: "its writer has it open"},
		{name: "its writer, by proc", pid: writer, hold: &task{Flags: os.O_RDWR}, method: MethodProc, want: Live, how: "proc", reason: "its writer has it open"},
		{name: "its writer, reading: the final LZ4 pass", pid: writer, hold: &task{Flags: os.O_RDONLY}, want: Live, how: "proc", reason: "its writer has it open"},
		{name: "another", pid: 4711, hold: &task{Flags: os.O_RDWR}, want: Held, how: "proc", reason: "is gone"},
		{name: "another, by proc", pid: 4711, hold: &task{Flags: os.O_RDWR}, method: MethodProc, want: Held, how: "proc", reason: "is gone"},
		{name: "another, by lease", pid: 4711, hold: &task{Flags: os.O_RDWR}, method: MethodLease, want: Live, how: "lease"},
		{name: "a reader", pid: 4711, hold: &task{Flags: os.O_RDONLY}, want: Held, how: "proc"},
		{name: "another, and it grows", pid: 4711, hold: &task{Flags: os.O_RDWR, Grow: true}, want: Live, how: "proc", reason: "its data grow"},
		{name: "another, empty", hold: &task{Flags: os.O_RDWR}, want: Live, how: "proc", reason: "no header"},
	}
	for _, kind := range testfs.Kinds {
		t.Run(kind, func(t *testing.T) {
			dir := testfs.Dir(t, kind)
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					path := capture(t, dir, "a.bin", max(tt.pid, 1))
					if tt.pid == 0 {
						if err := os.Truncate(path, 0); err != nil {
							t.Fatal(err)
						}
					}
					pid := 0
					if tt.hold != nil {
						tt.hold.Do, tt.hold.Path = "hold", path
						var end func()
						pid, _, end = tt.hold.start(t, 0)
						defer end()
					}
					if tt.pid == writer {
						capture(t, dir, "a.bin", pid)
					}
					o := quick
					o.Method = tt.method
					got := verdict(t, path, o)
					if got.State != tt.want || got.How != tt.how || !strings.Contains(got.Reason, tt.reason) {
						t.Errorf("got %v by %s: %s\nwant %v by %s: %s", got.State, got.How, got.Reason, tt.want, tt.how, tt.reason)
					}
					seen := slices.ContainsFunc(got.Holders, func(h Holder) bool { return h.PID == pid })
					if want := pid != 0 && tt.method != MethodLease; seen != want {
						t.Errorf("holders %v with %d: %v, want %v", got.Holders, pid, seen, want)
					}
				})
			}
		})
	}
}

// A mapping whose descriptor is closed holds a file too. On overlayfs no lease shows it
// (facts/storage.md 0.5), but Memray keeps its descriptor.
func TestMapped(t *testing.T) {
	for _, kind := range []string{testfs.Ext4, testfs.Tmpfs} {
		t.Run(kind, func(t *testing.T) {
			path := capture(t, testfs.Dir(t, kind), "a.bin", 4711)
			pid, _, _ := task{Do: "hold", Path: path, Flags: os.O_RDWR, Map: true}.start(t, 0)
			got := verdict(t, path, quick)
			if got.State != Held || len(got.Holders) != 1 || got.Holders[0].PID != pid {
				t.Errorf("got %v by %v: %s\nwant held by %d", got.State, got.Holders, got.Reason, pid)
			}
		})
	}
}

func TestOurselves(t *testing.T) {
	path := capture(t, t.TempDir(), "a.bin", 4711)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := verdict(t, path, quick); got.State != Live || !strings.Contains(got.Reason, "this very process") {
		t.Errorf("got %v: %s, want live by this very process", got.State, got.Reason)
	}
}

// The header has the pid of the writer's own PID namespace.
func TestWriterInAnotherNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes PID namespaces")
	}
	path := capture(t, t.TempDir(), "a.bin", 1)
	pid, _, _ := task{Do: "hold", Path: path, Flags: os.O_RDWR}.start(t, unix.CLONE_NEWPID)
	if got := verdict(t, path, quick); got.State != Live || len(got.Holders) != 1 || got.Holders[0].PID != pid {
		t.Errorf("pid 1 of its namespace holds it, and the header says 1: got %v: %s, want live", got.State, got.Reason)
	}
	capture(t, filepath.Dir(path), "a.bin", pid)
	if got := verdict(t, path, quick); got.State != Held {
		t.Errorf("pid 1 of its namespace holds it, and the header says %d, which it has outside: got %v: %s, want held", pid, got.State, got.Reason)
	}
}

// Whom /proc does not show may still be the writer.
func TestUnseenWriter(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes PID namespaces")
	}
	path := capture(t, t.TempDir(), "a.bin", 4711)
	task{Do: "hold", Path: path, Flags: os.O_RDWR}.start(t, 0)
	tests := []struct {
		name   string
		task   task
		reason string
	}{
		{"alone", task{}, "cannot be seen from here"},
		{"beside a reader", task{Reader: true}, "only read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.task.Do, tt.task.Path, tt.task.Mount, tt.task.Options = "check", path, true, quick
			_, line, _ := tt.task.start(t, unix.CLONE_NEWPID|unix.CLONE_NEWNS)
			var got Verdict
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatal(err)
			}
			if got.State != Live || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("from within a PID namespace: got %v: %s, want live: %s", got.State, got.Reason, tt.reason)
			}
		})
	}
}

func TestNoLease(t *testing.T) {
	dir := testfs.Dir(t, testfs.Ramfs)
	path := capture(t, dir, "a.bin", 4711)
	o := Options{Idle: 200 * time.Millisecond, Memory: new(Memory)}
	if got := verdict(t, path, o); got.State != Unknown || !strings.Contains(got.Reason, "no lease") {
		t.Errorf("first look: got %v: %s, want unknown for want of a lease", got.State, got.Reason)
	}
	time.Sleep(o.Idle)
	got := verdict(t, path, o)
	if got.State != Quiet || !got.MayRotate() || got.MayDelete(true) || got.QuietFor < o.Idle {
		t.Errorf("after %v: got %v for %v: %s, want quiet, to be rotated and not to be deleted", o.Idle, got.State, got.QuietFor, got.Reason)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("more"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got := verdict(t, path, o); got.State != Live {
		t.Errorf("it has grown: got %v: %s, want live", got.State, got.Reason)
	}
	o.Wait = true
	if got := verdict(t, path, o); got.State != Quiet {
		t.Errorf("waiting: got %v: %s, want quiet", got.State, got.Reason)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if got := verdict(t, path, o); got.State != Live || !strings.Contains(got.Reason, "0 bytes") {
		t.Errorf("empty: got %v: %s, want live for its 0 bytes", got.State, got.Reason)
	}
	pid, _, _ := task{Do: "hold", Path: path, Flags: os.O_RDWR}.start(t, 0)
	capture(t, dir, "a.bin", pid)
	if got := verdict(t, path, o); got.State != Live || !strings.Contains(got.Reason, "its writer") {
		t.Errorf("its writer holds it: got %v: %s, want live", got.State, got.Reason)
	}
}

// What Memray is compressing is not final, unless nobody is doing it any more.
func TestCompressing(t *testing.T) {
	dir := t.TempDir()
	path := capture(t, dir, "a.bin", 4711)
	tmp := path + lz4Temporary
	if err := os.WriteFile(tmp, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := verdict(t, path, quick); got.State != Free {
		t.Errorf("an orphaned copy: got %v: %s, want free", got.State, got.Reason)
	}
	pid, _, end := task{Do: "hold", Path: tmp, Flags: os.O_WRONLY}.start(t, 0)
	capture(t, dir, "a.bin", pid)
	if got := verdict(t, path, quick); got.State != Live || !strings.Contains(got.Reason, "compressing") {
		t.Errorf("a copy that the writer has open: got %v: %s, want live", got.State, got.Reason)
	}
	end()
	if err := os.Remove(tmp); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", tmp); err != nil {
		t.Fatal(err)
	}
	if got := verdict(t, path, quick); got.State != Free {
		t.Errorf("a link of that name: got %v: %s, want free", got.State, got.Reason)
	}
}

// Somebody who wants the file gets it within a second.
func TestLease(t *testing.T) {
	for _, kind := range testfs.Kinds {
		t.Run(kind, func(t *testing.T) {
			path := capture(t, testfs.Dir(t, kind), "a.bin", 4711)
			f, err := OpenFile(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			l, err := TryLease(f)
			if err != nil {
				t.Fatal(err)
			}
			if !l.Held() {
				t.Error("Held gives false, and nobody wants the file")
			}
			began := time.Now()
			task{Do: "hold", Path: path, Flags: os.O_RDWR}.start(t, 0) // returns when it has it open
			t.Logf("opened after %v", time.Since(began))
			if l.Held() {
				t.Error("Held gives true, and another process has opened the file")
			}
			<-l.Lost()
			if err := errors.Join(l.Release(), l.Release()); err != nil {
				t.Errorf("release: %v", err)
			}
			if _, err := TryLease(f); !errors.Is(err, ErrRefused) {
				t.Errorf("a second lease gives %v, want %v", err, ErrRefused)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.Symlink("/etc/passwd", path("link")), unix.Mkfifo(path("fifo"), 0o600), os.Mkdir(path("dir"), 0o700),
		os.WriteFile(path("file"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for name, opens := range map[string]bool{"link": false, "fifo": true, "file": true, "../" + filepath.Base(dir) + "/file": false, "..": false, "": false} {
		f, err := OpenAt(d, name)
		if got := err == nil; got != opens {
			t.Errorf("OpenAt(%q) gives %v, want it to open: %v", name, err, opens)
		}
		if err != nil {
			continue
		}
		_, err = Check(t.Context(), f, nil, quick)
		if got := err == nil; got != (name == "file") {
			t.Errorf("Check of %q gives %v, want an error of all but files", name, err)
		}
		f.Close()
	}
}

func TestInterrupted(t *testing.T) {
	path := capture(t, t.TempDir(), "a.bin", 4711)
	task{Do: "hold", Path: path, Flags: os.O_RDWR}.start(t, 0)
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := Check(ctx, f, nil, Options{Settle: time.Hour}); !errors.Is(err, context.Canceled) || v.State != Unknown {
		t.Errorf("got %v, %v; want unknown, %v", v.State, err, context.Canceled)
	}
}

// What a user may not look into counts as the writer when it has the writer's pid, user and age.
func TestOtherUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root starts processes of others")
	}
	const we, writer = 12345, 12346
	dir, err := os.MkdirTemp("", "inuse") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary := filepath.Join(dir, "test")
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := capture(t, dir, "a.bin", 4711)
	if err := errors.Join(os.WriteFile(binary, b, 0o755), os.Chmod(binary, 0o755), os.Chmod(dir, 0o755), os.Chown(path, writer, writer)); err != nil {
		t.Fatal(err)
	}
	pid, _, _ := task{Do: "hold", Path: path, Flags: os.O_RDWR, Binary: binary, UID: writer}.start(t, 0)
	check := func() (v Verdict) {
		t.Helper()
		_, line, _ := task{Do: "check", Path: path, Options: quick, Binary: binary, UID: we}.start(t, 0)
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	if got := check(); got.State != Unknown || !strings.Contains(got.Reason, "no lease") {
		t.Errorf("another pid: got %v: %s, want unknown, since the file is not ours", got.State, got.Reason)
	}
	capture(t, dir, "a.bin", pid)
	if got := check(); got.State != Live || !strings.Contains(got.Reason, "cannot be looked at") {
		t.Errorf("the writer's pid and user: got %v: %s, want live", got.State, got.Reason)
	}
	if err := os.Chown(path, we, we); err != nil {
		t.Fatal(err)
	}
	if got := check(); got.State != Live || !strings.Contains(got.Reason, "cannot be seen") {
		t.Errorf("our own file, held by another user: got %v: %s, want live", got.State, got.Reason)
	}
}
