// Package cpython finds the interpreters of this machine, for tests that compare with
// what CPython and Memray say themselves.
package cpython

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Interpreter is a CPython 3.
type Interpreter struct {
	// Path is what the interpreter calls its own executable.
	Path string
	// Version is like 3.12.1; Minor and Patch are its second and third number.
	Version      string
	Minor, Patch int
}

// Find looks for CPython 3.7 and later in PATH and among pyenv's installs, and gives one interpreter
// for each version, the oldest first.
func Find() []Interpreter {
	byVersion := map[string]Interpreter{}
	for _, name := range candidates() {
		if p, ok := ask(name); ok {
			byVersion[p.Version] = p
		}
	}
	var found []Interpreter
	for _, p := range byVersion {
		found = append(found, p)
	}
	slices.SortFunc(found, func(a, b Interpreter) int {
		return cmp.Or(cmp.Compare(a.Minor, b.Minor), cmp.Compare(a.Patch, b.Patch), strings.Compare(a.Version, b.Version))
	})
	return found
}

var executable = regexp.MustCompile(`^python3(\.\d+)?(\.exe)?$`)

// candidates lists files that are named like an interpreter, each file once whatever links lead to it.
func candidates() (names []string) {
	seen := map[string]bool{}
	pyenv := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); pyenv == "" && err == nil {
		pyenv = filepath.Join(home, ".pyenv")
	}
	dirs, _ := filepath.Glob(filepath.Join(pyenv, "versions", "*", "bin"))
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), dirs...) {
		files, _ := filepath.Glob(filepath.Join(dir, "python3*"))
		for _, file := range files {
			real, err := filepath.EvalSymlinks(file)
			if err == nil && executable.MatchString(filepath.Base(file)) && !seen[real] {
				seen[real] = true
				names = append(names, file)
			}
		}
	}
	return names
}

const whoAreYou = `import sys
if sys.implementation.name == "cpython" and sys.version_info >= (3, 7):
    print("3.%d.%d" % sys.version_info[1:3], sys.executable)`

// ask runs a candidate; ok is false when it does not run, as a pyenv shim of a version that is
// not selected, is no CPython, or is too old.
func ask(name string) (p Interpreter, ok bool) {
	out, err := exec.Command(name, "-c", whoAreYou).Output()
	version, path, found := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || !found {
		return p, false
	}
	parts := strings.Split(version, ".")
	p = Interpreter{Path: path, Version: version}
	p.Minor, _ = strconv.Atoi(parts[1])
	p.Patch, _ = strconv.Atoi(parts[2])
	return p, true
}
