package cpython

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Find answers with what a named file says of itself, and passes over files that are no interpreter.
func TestFind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs shell scripts")
	}
	dir := t.TempDir()
	script := func(name, body string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script("python3.99", "echo 3.99.4 /opt/x/python3.99")
	script("python3.98", "echo 3.98.10 '/opt/with space/python3.98'")
	script("python3", "exit 3")
	script("python3.5", "") // too old: says nothing
	script("python3-config", "echo 3.97.0 /opt/x/python3-config")
	t.Setenv("PATH", dir)
	t.Setenv("PYENV_ROOT", dir)
	got := Find()
	want := []Interpreter{
		{Path: "/opt/with space/python3.98", Version: "3.98.10", Minor: 98, Patch: 10},
		{Path: "/opt/x/python3.99", Version: "3.99.4", Minor: 99, Patch: 4},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The interpreters that are found run, and are what they say.
func TestFound(t *testing.T) {
	found := Find()
	if len(found) == 0 {
		t.Skip("no CPython 3.7 or later found in PATH or among pyenv's")
	}
	for _, p := range found {
		out, err := exec.Command(p.Path, "-c", "import sys; print('3.%d.%d' % sys.version_info[1:3], end='')").Output()
		if err != nil || string(out) != p.Version {
			t.Errorf("%s: got %q, %v, want %s", p.Path, out, err, p.Version)
		}
	}
}
