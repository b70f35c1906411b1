package memraytest

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed python
var programs embed.FS

// recording is a way to make a capture. Flags that a release does not have leave it out.
type recording struct {
	name, program string
	flags         []string
	killed        bool // the program kills itself
}

var recordings = []recording{
	{name: "blocks", program: "blocks.py"},
	{name: "blocks-plain", program: "blocks.py", flags: []string{"--no-compress"}},
	{name: "blocks-pymalloc", program: "blocks.py", flags: []string{"--trace-python-allocators"}},
	{name: "blocks-buffered", program: "blocks.py", flags: []string{"--buffered-file-io", "--no-compress"}},
	{name: "blocks-aggregated", program: "blocks.py", flags: []string{"--aggregate"}},
	{name: "stacks", program: "stacks.py"},
	{name: "stacks-pymalloc", program: "stacks.py", flags: []string{"--trace-python-allocators"}},
	{name: "threads", program: "threads.py"},
	{name: "threads-aggregated", program: "threads.py", flags: []string{"--aggregate"}},
	{name: "tasks", program: "tasks.py"},
	{name: "natives", program: "natives.py", flags: []string{"--native"}},
	{name: "natives-pymalloc", program: "natives.py", flags: []string{"--native", "--trace-python-allocators"}},
	{name: "natives-aggregated", program: "natives.py", flags: []string{"--native", "--trace-python-allocators", "--aggregate"}},
	{name: "forks", program: "forks.py", flags: []string{"--follow-fork"}},
	{name: "killed", program: "killed.py", killed: true},
	{name: "killed-buffered", program: "killed.py", flags: []string{"--buffered-file-io"}, killed: true},
}

// record makes the captures that p can make in a new folder, together with what Memray says of
// them, and gives their paths.
func record(t *testing.T, p pair, python string) (captures []string) {
	t.Helper()
	dir := t.TempDir()
	folder, err := fs.Sub(programs, "python")
	if err == nil {
		err = os.CopyFS(dir, folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	help, err := run(t, dir, python, "-m", "memray", "run", "--help")
	if err != nil {
		t.Fatalf("memray run --help: %v: %s", err, lastLine(help))
	}
	for _, r := range recordings {
		if p.can(r, string(help)) {
			args := append([]string{"-m", "memray", "run", "--quiet", "--output", r.name + ".bin"}, r.flags...)
			start(t, dir, r, python, append(args, filepath.Join("workloads", r.program)))
		}
	}
	if p.tracksObjects() {
		program := filepath.Join("workloads", "objects.py")
		start(t, dir, recording{name: "objects"}, python, []string{program, "objects.bin"})
		start(t, dir, recording{name: "objects-aggregated"}, python, []string{program, "objects-aggregated.bin", "aggregated"})
	}
	captures, err = filepath.Glob(filepath.Join(dir, "*.bin*"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, dir, python, append([]string{"dump_expected.py"}, captures...)...); err != nil {
		t.Fatalf("dump_expected.py: %v: %s", err, out)
	}
	return captures
}

// can tells whether a release whose help is given knows the flags of r.
func (p pair) can(r recording, help string) bool {
	for _, flag := range r.flags {
		if !strings.Contains(help, flag) {
			return false
		}
	}
	return true
}

// tracksObjects tells whether p can record the lifetimes of objects.
func (p pair) tracksObjects() bool {
	python := p.python
	return p.header >= 12 && (python.Minor > 13 || python.Minor == 13 && python.Patch >= 3)
}

func start(t *testing.T, dir string, r recording, python string, args []string) {
	t.Helper()
	out, err := run(t, dir, python, args...)
	if killed := err != nil && err.Error() == "signal: killed"; killed != r.killed || err != nil && !killed {
		t.Fatalf("record %s: %v: %s", r.name, err, out)
	}
}
