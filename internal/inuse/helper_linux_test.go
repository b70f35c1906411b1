package inuse

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
)

// A task is what this test binary does instead of testing, as another process.
type task struct {
	Do   string // "hold" or "check"
	Path string
	// Flags opens the file to hold; Map maps it, and closes the descriptor; Grow appends until the end.
	Flags     int
	Map, Grow bool
	// Mount mounts a fresh /proc first, of the PID namespace that the process is in.
	Mount bool
	// Reader has another process hold the file for reading while it is checked.
	Reader  bool
	Options Options
	// Binary is run as UID, instead of this one as root.
	Binary string
	UID    uint32
}

const taskVariable = "MEMVAULT_TEST_TASK"

func TestMain(m *testing.M) {
	text := os.Getenv(taskVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var tk task
	err := json.Unmarshal([]byte(text), &tk)
	if err == nil && tk.Mount {
		err = mountProc()
	}
	switch {
	case err != nil:
	case tk.Do == "hold":
		err = tk.hold()
	case tk.Do == "check":
		err = tk.check()
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func mountProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("proc", "/proc", "proc", 0, "")
}

// hold holds a file until stdin ends.
func (tk task) hold() error {
	f, err := os.OpenFile(tk.Path, tk.Flags, 0)
	if err != nil {
		return err
	}
	if tk.Map {
		if _, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	for {
		select {
		case <-ended:
			return nil
		case <-time.After(10 * time.Millisecond):
			if tk.Grow {
				if _, err := f.Seek(0, io.SeekEnd); err != nil {
					return err
				}
				if _, err := f.WriteString("more"); err != nil {
					return err
				}
			}
		}
	}
}

func (tk task) check() error {
	f, err := OpenFile(tk.Path)
	if err != nil {
		return err
	}
	if tk.Reader {
		second, err := OpenFile(tk.Path)
		if err != nil {
			return err
		}
		reader := exec.Command("sleep", "60")
		reader.ExtraFiles = []*os.File{second}
		if err := errors.Join(reader.Start(), second.Close()); err != nil {
			return err
		}
		defer reader.Wait() //nolint:errcheck // it is killed
		defer reader.Process.Kill()
	}
	v, err := Check(context.Background(), f, nil, tk.Options)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(v)
}

// start runs a task in another process, in new namespaces if clone says so, and gives its pid and first line.
func (tk task) start(t *testing.T, clone uintptr) (pid int, line string, end func()) {
	t.Helper()
	text, err := json.Marshal(tk)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), taskVariable+"="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: clone}
	if tk.Binary != "" {
		cmd.Path = tk.Binary
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: tk.UID, Gid: tk.UID}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("cannot start a process in namespaces %#x: %v", clone, err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			_ = in.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(end)
	line, err = bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error:") {
		t.Fatalf("%s %s: %v: %s", tk.Do, tk.Path, err, line)
	}
	return cmd.Process.Pid, line, end
}

// capture writes the capture of a killed process, whose pid was pid.
func capture(t *testing.T, dir, name string, pid int) string {
	t.Helper()
	h := codectest.Header(13, codec.AllAllocations, 8)
	h.PID = int32(pid)
	h.StartTime = time.Now().UnixMilli()
	w := codectest.NewWriter(h)
	for _, r := range codectest.Sample(h) {
		if r.Kind != codec.KindTrailer {
			w.Record(&r)
		}
	}
	b, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, append(b, make([]byte, 8192)...), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// verdict checks a file.
func verdict(t *testing.T, path string, o Options) Verdict {
	t.Helper()
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := Check(t.Context(), f, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
