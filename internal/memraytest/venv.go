package memraytest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/memvault/memvault/internal/cpython"
)

// Python gives the interpreter of a virtual environment that has Memray 1.20.0, for tests of other
// packages that need a real writer. Where it cannot be installed the test is skipped.
func Python(t testing.TB) string {
	t.Helper()
	python := newest()
	if python.Path == "" {
		t.Skip("no CPython 3.9 to 3.14, which Memray 1.20.0 needs")
	}
	return Venv(t, "1.20.0", python)
}

// newest finds the newest CPython that has Memray 1.20.0, once: it asks every interpreter of the machine.
var newest = sync.OnceValue(func() (newest cpython.Interpreter) {
	for _, p := range cpython.Find() {
		if p.Minor >= 9 && p.Minor <= 14 {
			newest = p
		}
	}
	return newest
})

// Venv gives the interpreter of a virtual environment that has a release of Memray, and greenlet.
// Where it cannot be installed the test is skipped.
func Venv(t testing.TB, release string, p cpython.Interpreter) string {
	t.Helper()
	return Install(t, venvName(release, p), p, "memray=="+release, "greenlet")
}

// Install gives the interpreter of a virtual environment of that name, which is made unless it is
// there: of p, with what these arguments of pip install. Where it cannot be installed the test is skipped.
func Install(t testing.TB, name string, p cpython.Interpreter, packages ...string) string {
	t.Helper()
	dir := filepath.Join(cache(t), name)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Skipf("no place for virtual environments: %v", err)
	}
	lock := flock.New(dir + ".lock") // tests of several packages run at once
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	python := filepath.Join(dir, "bin", "python")
	// The mark is written when all is installed: without it, whatever is there is half done.
	mark, installed := filepath.Join(dir, "installed"), strings.Join(packages, " ")+" under "+p.Path+"\n"
	if b, err := os.ReadFile(mark); err == nil && string(b) == installed {
		return python
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "", p.Path, "-m", "venv", dir); err != nil {
		t.Skipf("no virtual environment for %s: %v: %s", p.Path, err, lastLine(out))
	}
	install := []string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "30"}
	if out, err := run(t, "", python, append(append(install, "--only-binary", ":all:"), packages...)...); err != nil {
		t.Skipf("cannot install %s under CPython %s: %v: %s", packages[0], p.Version, err, lastLine(out))
	}
	if err := os.WriteFile(mark, []byte(installed), 0o644); err != nil {
		t.Fatal(err)
	}
	return python
}

// venvName names the folder of a virtual environment.
func venvName(release string, p cpython.Interpreter) string {
	return fmt.Sprintf("memray-%s-py3.%d", release, p.Minor)
}

func cache(t testing.TB) string {
	if dir := os.Getenv("MEMVAULT_VENVS"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("no place for virtual environments: %v", err)
	}
	return filepath.Join(dir, "memvault", "venvs")
}

// run starts a program in dir and waits for its end, a quarter of an hour at most.
func run(t testing.TB, dir, program string, args ...string) (output []byte, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

func lastLine(output []byte) string {
	text := strings.TrimSpace(string(output))
	return text[strings.LastIndexByte(text, '\n')+1:]
}
