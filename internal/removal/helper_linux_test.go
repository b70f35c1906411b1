package removal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/internal/inuse"
)

// A task is what this test binary does instead of testing, as another process.
type task struct {
	Do, Dir, State string
	Name           string
	Undo           time.Duration
	Proof, NoFlags bool
	// KillAt is the step, counted from 1, at which the process kills itself; 0 is never.
	KillAt int
	// Rounds is how often removeAll goes over the folder.
	Rounds int
	// Mount mounts a fresh /proc first, of the PID namespace that the process is in.
	Mount bool
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
		err = errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("proc", "/proc", "proc", 0, ""))
	}
	switch {
	case err != nil:
	case tk.Do == "remove" || tk.Do == "rename":
		err = tk.remove()
	case tk.Do == "replay":
		err = tk.replay()
	case tk.Do == "swap":
		err = tk.swap(".other")
	case tk.Do == "swap links":
		err = tk.swap(".other", ".1", ".2", ".3")
	case tk.Do == "remove all":
		err = tk.removeAll()
	case tk.Do == "remove and log":
		err = tk.removeAndLog()
	default:
		err = fmt.Errorf("no task %q", tk.Do)
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// open opens the folder of a task, which kills its process at a step.
func (tk task) open() (*Folder, error) {
	steps := 0
	step := func(string) {
		if steps++; steps == tk.KillAt {
			if err := unix.Kill(os.Getpid(), unix.SIGKILL); err != nil {
				panic(err)
			}
			select {}
		}
	}
	o := Options{State: tk.State, Undo: tk.Undo, Proof: tk.trashProof(), RenameOnly: tk.Do == "rename"}
	return open(context.Background(), tk.Dir, o, hooks{step, tk.NoFlags})
}

func (tk task) trashProof() func(context.Context, Entry) error {
	if !tk.Proof {
		return nil
	}
	return func(context.Context, Entry) error { return nil }
}

func (tk task) remove() error {
	d, err := tk.open()
	if err != nil {
		return err
	}
	it, err := tk.item(tk.Name)
	if err != nil {
		return err
	}
	if tk.Do == "rename" {
		err = d.Rename(context.Background(), it, "new.bin")
	} else {
		_, err = d.Remove(context.Background(), it)
	}
	return errors.Join(err, d.Close())
}

func (tk task) replay() error {
	d, err := tk.open()
	if err != nil {
		return err
	}
	return d.Close()
}

func (tk task) item(name string) (Item, error) {
	it := Item{Name: name, Reason: "a test"}
	if tk.Proof {
		it.Proof = func(context.Context) error { return nil }
	}
	fi, err := os.Lstat(filepath.Join(tk.Dir, name))
	if err == nil {
		it.Identity, _ = IdentityOf(fi)
	}
	return it, err
}

// removeAll tries, again and again, to delete all that is in a folder.
func (tk task) removeAll() error {
	for range tk.Rounds {
		if err := tk.removeAllOnce(); err != nil {
			return err
		}
	}
	return nil
}

func (tk task) removeAllOnce() error {
	d, err := Open(context.Background(), tk.Dir, Options{State: tk.State, LockWait: time.Minute})
	if err != nil {
		return err
	}
	list, err := os.ReadDir(tk.Dir)
	for _, f := range list {
		it, statErr := tk.item(f.Name())
		if statErr != nil {
			continue
		}
		_, err := d.Remove(context.Background(), it)
		if err != nil && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrInUse) && !errors.Is(err, ErrChanged) {
			return errors.Join(err, d.Close())
		}
	}
	return errors.Join(err, d.Close())
}

// removeAndLog removes all captures of a folder, and prints the name of each after it was done.
func (tk task) removeAndLog() error {
	d, err := tk.open()
	if err != nil {
		return err
	}
	list, err := os.ReadDir(tk.Dir)
	for _, f := range list {
		it, statErr := tk.item(f.Name())
		if statErr != nil || !strings.HasSuffix(f.Name(), ".bin") {
			continue
		}
		if _, err := d.Remove(context.Background(), it); err != nil {
			return err
		}
		fmt.Println(f.Name())
	}
	return errors.Join(err, d.Close())
}

// command is a task as a process that was not started yet.
func (tk task) command(t *testing.T, clone uintptr) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(tk)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), taskVariable+"="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: clone, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run does a task in another process, and tells whether it was killed.
func (tk task) run(t *testing.T) (killed bool) {
	t.Helper()
	out, err := tk.command(t, 0).CombinedOutput()
	if err != nil && err.Error() == "signal: killed" {
		return true
	}
	if err != nil {
		t.Fatalf("%+v: %v: %s", tk, err, out)
	}
	return false
}

// background starts a process, waits for a line of it, and ends it with the test.
func background(t *testing.T, cmd *exec.Cmd) (line string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("cannot start %s: %v", cmd.Path, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err = bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error:") {
		t.Fatalf("%s: %v: %s", cmd.Path, err, line)
	}
	return strings.TrimSpace(line)
}

// write makes a file.
func write(t testing.TB, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// folder opens a folder, which is closed with the test.
func folder(t *testing.T, dir string, o Options) *Folder {
	t.Helper()
	d, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// itemOf is the item for a file as it is.
func itemOf(t testing.TB, dir, name string) Item {
	t.Helper()
	it, err := task{Dir: dir}.item(name)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// names lists a folder without the lock.
func names(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, f := range list {
		if f.Name() != lockName && f.Name() != "lost+found" {
			all = append(all, f.Name())
		}
	}
	return all
}

// want compares what is in a folder, and in its trash, with what should be.
func want(t testing.TB, when, dir string, files, trashed []string) {
	t.Helper()
	if got, want := names(t, dir), append([]string{trashName}, files...); !slices.Equal(got, want) {
		t.Errorf("%s: the folder holds %q, want %q", when, got, want)
	}
	var old []string
	for _, name := range names(t, filepath.Join(dir, trashName)) {
		if name != journalName {
			_, name, _ = strings.Cut(name, "-")
			old = append(old, name)
		}
	}
	if !slices.Equal(old, trashed) {
		t.Errorf("%s: the trash holds %q, want %q", when, old, trashed)
	}
}

var quick = inuse.Options{Settle: 50 * time.Millisecond}

// capture gives the bytes of a capture of a killed process, whose pid was pid.
func capture(t testing.TB, pid int) []byte {
	t.Helper()
	h := codectest.Header(13, codec.AllAllocations, 8)
	h.PID, h.StartTime = int32(pid), time.Now().UnixMilli()
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
	return b
}

// script runs a shell script that prints a number, until the test ends.
func script(t *testing.T, text, arg string) int {
	t.Helper()
	cmd := exec.Command("sh", "-c", text, arg)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	n, err := strconv.Atoi(background(t, cmd))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) })
	return n
}

// swap exchanges the file of a name with others, until it is killed: with one other, or with several
// that come back to the name by chance even while it is free.
func (tk task) swap(others ...string) error {
	fmt.Println("ready")
	name := filepath.Join(tk.Dir, tk.Name)
	for i := 0; ; i++ {
		other := name + others[i%len(others)]
		err := unix.Renameat2(unix.AT_FDCWD, name, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE)
		if errors.Is(err, unix.ENOENT) && len(others) > 1 {
			err = unix.Renameat2(unix.AT_FDCWD, other, unix.AT_FDCWD, name, unix.RENAME_NOREPLACE)
		}
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EEXIST) {
			return err
		}
		time.Sleep(time.Duration(i%7) * 100 * time.Microsecond)
	}
}
