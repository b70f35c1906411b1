package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/memraytest"
	"github.com/memvault/memvault/internal/soak"
	"github.com/memvault/memvault/internal/testfs"
)

// liveWriter allocates under Memray until its standard input ends.
const liveWriter = `
import select, sys
import memray

with memray.Tracker(sys.argv[1], trace_python_allocators=True):
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.005)[0]:
        kept = [[str(i)] for i in range(200)]
`

// A real Memray process writes while gc, as a command, is told to delete everything, again and
// again: its capture survives each run and is complete in the end, and what else is there goes.
func TestSoakGCLive(t *testing.T) {
	rounds := soak.N(t, 3, 1000)
	finished, err := os.ReadFile("../../testdata/captures/memray-1.20.0-py3.12/mixed.bin")
	if err != nil {
		t.Fatal(err)
	}
	program := buildMemvault(t)
	for _, kind := range testfs.Kinds {
		for space, clone := range map[string]uintptr{"": 0, ", in another PID namespace": unix.CLONE_NEWPID} {
			if clone != 0 && os.Geteuid() != 0 {
				continue
			}
			t.Run(kind+space, func(t *testing.T) {
				dir := testfs.Dir(t, kind)
				live := filepath.Join(dir, "scheduler_memory.bin")
				end := startLive(t, live, clone)
				for n := range rounds {
					other := filepath.Join(dir, "finished.bin")
					if err := os.WriteFile(other, finished, 0o666); err != nil {
						t.Fatal(err)
					}
					gcAll(t, program, dir)
					if _, err := os.Lstat(live); err != nil {
						t.Fatalf("round %d: the live capture: %v", n, err)
					}
					if _, err := os.Lstat(other); err == nil {
						t.Fatalf("round %d: the finished capture is still there", n)
					}
				}
				end()
				data, err := os.ReadFile(live)
				if err != nil {
					t.Fatal(err)
				}
				if s, err := codec.Inspect(bytes.NewReader(data), int64(len(data))); err != nil || s.State != codec.StateComplete {
					t.Errorf("in the end the capture is %+v, %v, want complete", s, err)
				}
				gcAll(t, program, dir)
				if _, err := os.Lstat(live); err == nil {
					t.Error("the capture is still there after its writer has ended")
				}
			})
		}
	}
}

// gcAll runs gc with a policy that lets everything go.
func gcAll(t *testing.T, program, dir string) {
	t.Helper()
	cmd := exec.Command(program, "gc", "--max-age", "0s", "--undo", "0s", "--yes", "--state", t.TempDir(), dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gc: %v\n%s", err, out)
	}
}

// startLive starts a writer, and gives what ends it.
func startLive(t *testing.T, path string, clone uintptr) (end func()) {
	t.Helper()
	cmd := exec.Command(memraytest.Python(t), "-c", liveWriter, path)
	cmd.Env = append(os.Environ(), "PYTHONMALLOC=pymalloc")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: clone}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Skipf("no writer: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatalf("the writer says nothing: %v: %s", err, said.String())
	}
	return func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the writer ends with %v: %s", err, said.String())
		}
	}
}

// buildMemvault builds the program, for tests that measure or kill a process of its own.
func buildMemvault(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "memvault")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}
