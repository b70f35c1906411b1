package memraytest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// venv gives the interpreter of a virtual environment that has the release, and greenlet.
// Where it cannot be installed the test is skipped.
func venv(t *testing.T, p pair) string {
	t.Helper()
	dir := filepath.Join(cache(t), p.String())
	python := filepath.Join(dir, "bin", "python")
	// The mark is written when all is installed: without it, whatever is there is half done.
	mark, installed := filepath.Join(dir, "installed"), "memray "+p.version+" under "+p.python.Path+"\n"
	if b, err := os.ReadFile(mark); err == nil && string(b) == installed {
		return python
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "", p.python.Path, "-m", "venv", dir); err != nil {
		t.Skipf("no virtual environment for %s: %v: %s", p.python.Path, err, lastLine(out))
	}
	install := []string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "30"}
	if out, err := run(t, "", python, append(install, "--only-binary", ":all:", "memray=="+p.version, "greenlet")...); err != nil {
		t.Skipf("cannot install memray %s under CPython %s: %v: %s", p.version, p.python.Version, err, lastLine(out))
	}
	if err := os.WriteFile(mark, []byte(installed), 0o644); err != nil {
		t.Fatal(err)
	}
	return python
}

func cache(t *testing.T) string {
	if dir := os.Getenv("MEMVAULT_VENVS"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("no place for virtual environments: %v", err)
	}
	return filepath.Join(dir, "memvault", "venvs")
}

// run starts a program in dir and waits for its end, five minutes at most.
func run(t *testing.T, dir, program string, args ...string) (output []byte, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

func lastLine(output []byte) string {
	text := strings.TrimSpace(string(output))
	return text[strings.LastIndexByte(text, '\n')+1:]
}
