package removal

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/memraytest"
	"github.com/memvault/memvault/internal/soak"
	"github.com/memvault/memvault/internal/testfs"
)

// writer records itself until its stdin ends: busily, idly, or with children that live on when it is killed.
const writer = `
import os, select, sys, time
import memray

path, mode = sys.argv[1:]
with memray.Tracker(path, trace_python_allocators=True):
    if mode == "orphans":
        for _ in range(3):
            if os.fork() == 0:
                time.sleep(600)
                os._exit(0)
        time.sleep(0.2)
        print(os.getpid(), flush=True)
        os.kill(os.getpid(), 9)
    print(os.getpid(), flush=True)
    kept = []
    while not select.select([sys.stdin], [], [], 0.005 if mode == "busy" else 0.5)[0]:
        if mode == "busy":
            kept = [[str(i)] for i in range(200)]
`

const liveName = "scheduler_memory.bin"

// startWriter starts a writer, and gives what ends it.
func startWriter(t *testing.T, dir, mode string, clone uintptr) (end func()) {
	t.Helper()
	cmd := exec.Command(memraytest.Python(t), "-c", writer, filepath.Join(dir, liveName), mode)
	cmd.Env = append(os.Environ(), "PYTHONMALLOC=pymalloc")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: clone, Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	// A file: of a pipe, Wait would wait until the children have closed it too.
	said, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd.Stderr = said
	line := background(t, cmd)
	t.Cleanup(func() { _ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) })
	if _, err := strconv.Atoi(line); err != nil {
		t.Fatalf("the writer says %q, want its pid", line)
	}
	return func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && mode != "orphans" {
			text, _ := os.ReadFile(said.Name())
			t.Errorf("the writer ends with %v: %s", err, text)
		}
	}
}

// A real Memray process writes while everything in its folder is to be deleted, again and again: its capture stays,
// and is complete in the end; what else is there goes each time.
func TestLiveWriter(t *testing.T) {
	rounds := soak.N(t, 4, 1000)
	spaces := map[string]uintptr{"": 0}
	if os.Geteuid() == 0 {
		spaces[", in another PID namespace"] = unix.CLONE_NEWPID
	}
	for _, kind := range testfs.Kinds {
		for _, mode := range []string{"busy", "idle"} {
			for space, clone := range spaces {
				t.Run(kind+", "+mode+space, func(t *testing.T) {
					dir := testfs.Dir(t, kind)
					end := startWriter(t, dir, mode, clone)
					before := sysOf(t, dir, liveName).Ino
					finished := string(capture(t, 4711))
					for i := range rounds {
						write(t, dir, "finished.bin", finished)
						removeAndRotate(t, dir)
						if after := sysOf(t, dir, liveName).Ino; after != before {
							t.Fatalf("round %d: the live capture has inode %d, want %d", i, after, before)
						}
						if _, err := os.Lstat(filepath.Join(dir, "finished.bin")); err == nil {
							t.Fatalf("round %d: the finished capture is still there", i)
						}
					}
					end()
					complete(t, dir)
					removeAndRotate(t, dir)
					if _, err := os.Lstat(filepath.Join(dir, liveName)); err == nil {
						t.Error("the capture is still there after its writer has ended")
					}
				})
			}
		}
	}
}

// removeAndRotate tries to delete all files of a folder, and to rename the live one.
func removeAndRotate(t *testing.T, dir string) {
	t.Helper()
	d, err := Open(t.Context(), dir, Options{RenameOnly: true, InUse: quick})
	if err != nil {
		t.Fatal(err)
	}
	if live, err := codecState(dir); err == nil && live == codec.StateUnfinished {
		if err := d.Rename(t.Context(), itemOf(t, dir, liveName), "rotated.bin"); !errors.Is(err, ErrInUse) && !errors.Is(err, ErrChanged) {
			t.Errorf("rename of the live capture: %v, want %v", err, ErrInUse)
		}
	}
	if err := errors.Join(d.Close(), task{Dir: dir}.removeAllOnce()); err != nil {
		t.Fatal(err)
	}
}

func codecState(dir string) (codec.State, error) {
	f, err := os.Open(filepath.Join(dir, liveName))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	s, err := codec.Inspect(f, fi.Size())
	if err != nil {
		return 0, err
	}
	return s.State, nil
}

func complete(t *testing.T, dir string) {
	t.Helper()
	if state, err := codecState(dir); err != nil || state != codec.StateComplete {
		t.Errorf("the capture is %v, %v; want %v", state, err, codec.StateComplete)
	}
}

func sysOf(t *testing.T, dir, name string) *syscall.Stat_t {
	t.Helper()
	fi, err := os.Lstat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return sys(fi)
}

// A sidecar sees no process but its own: the lease alone keeps the capture of its neighbour.
func TestLiveWriterUnseen(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes PID namespaces")
	}
	rounds := soak.N(t, 10, 1000)
	for _, kind := range testfs.Kinds {
		t.Run(kind, func(t *testing.T) {
			dir := testfs.Dir(t, kind)
			end := startWriter(t, dir, "idle", 0)
			before := sysOf(t, dir, liveName).Ino
			write(t, dir, "finished.bin", string(capture(t, 4711)))
			out, err := task{Do: "remove all", Dir: dir, Rounds: rounds, Mount: true}.command(t, unix.CLONE_NEWPID|unix.CLONE_NEWNS).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if after := sysOf(t, dir, liveName).Ino; after != before {
				t.Errorf("the live capture has inode %d, want %d", after, before)
			}
			if _, err := os.Lstat(filepath.Join(dir, "finished.bin")); err == nil {
				t.Error("the finished capture is still there")
			}
			end()
			complete(t, dir)
		})
	}
}

// The forked children of a killed writer hold its capture for good, and never write: it is held, not live. It can be
// renamed and deleted, and the outcome says that its space comes back when they end.
func TestOrphans(t *testing.T) {
	for _, kind := range testfs.Kinds {
		t.Run(kind, func(t *testing.T) {
			dir := testfs.Dir(t, kind)
			startWriter(t, dir, "orphans", 0)()
			for range soak.N(t, 1, 10) { // two seconds each
				f, err := inuse.OpenFile(filepath.Join(dir, liveName))
				if err != nil {
					t.Fatal(err)
				}
				v, err := inuse.Check(t.Context(), f, nil, inuse.Options{})
				if err != nil || v.State != inuse.Held || len(v.Holders) != 3 {
					t.Errorf("got %v by %v, %v: %s; want held by the three children", v.State, v.HeldBy(), err, v.Reason)
				}
				f.Close()
			}
			rotate := folder(t, dir, Options{RenameOnly: true, InUse: quick})
			for range soak.N(t, 20, 500) {
				for _, names := range [][2]string{{liveName, "rotated.bin"}, {"rotated.bin", liveName}} {
					if err := rotate.Rename(t.Context(), itemOf(t, dir, names[0]), names[1]); err != nil {
						t.Fatal(err)
					}
				}
			}
			out, err := folder(t, dir, Options{}).Remove(t.Context(), itemOf(t, dir, liveName))
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Held) != 3 || !strings.Contains(out.Short, "come back only when") {
				t.Errorf("got %+v, want it held by three", out)
			}
		})
	}
}
