package main

import (
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/memvault/memvault/codec/codectest"
)

var update = flag.Bool("update", false, "rewrite the expected output in scripts, and the man pages")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"memvault": main})
}

// TestScripts runs testdata/*.txtar. $CAPTURES is the folder with captures of real
// Memray releases, each file read-only.
func TestScripts(t *testing.T) {
	captures, err := filepath.Abs("../../testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CAPTURES", captures)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
			e.Values[scriptTest{}] = e.T()
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"begun":    begun,
			"exits":    exits,
			"capture":  capture,
			"cmpgz":    cmpgz,
			"cut":      cut,
			"files":    files,
			"get":      get,
			"mc":       mc,
			"object":   object,
			"profile":  showProfile,
			"store":    store,
			"tty":      tty,
			"versions": versions,
			"writer":   writer,
		},
	})
}

// exits CODE PROGRAM ARGS... runs a program that must end with the exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := code(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("got exit code %d, want %d", got, want)
	}
}

func code(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	ts.Fatalf("%v", err)
	return -1
}

// capture TEXT FILE makes a capture of the lines that `memvault dump -x` would print.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture TEXT FILE")
	}
	data, err := codectest.Assemble(ts.ReadFile(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o666))
}

// cut SIZE FROM TO copies the first SIZE bytes of a file, or without the last -SIZE ones.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: cut SIZE FROM TO")
	}
	size, err := strconv.Atoi(args[0])
	ts.Check(err)
	data, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	if size < 0 {
		size += len(data)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), data[:size], 0o666))
}

// cmpgz FILE FILE.GZ wants the second to be the first, compressed.
func cmpgz(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cmpgz FILE FILE.GZ")
	}
	z, err := gzip.NewReader(strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	unpacked, err := io.ReadAll(z)
	ts.Check(err)
	if ts.ReadFile(args[0]) != string(unpacked) {
		ts.Fatalf("%s is not what %s holds", args[0], args[1])
	}
}

// showProfile: profile FILE TEXT writes what google/pprof reads in a profile as text.
func showProfile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: profile FILE TEXT")
	}
	p, err := profile.ParseData([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(p.String()), 0o666))
}

// files DIR NAMES... wants these files in the folder, and no others, hidden ones included.
func files(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: files DIR NAMES...")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	want := slices.Sorted(slices.Values(args[1:]))
	if !slices.Equal(got, want) {
		ts.Fatalf("files in %s: got %q, want %q", args[0], got, want)
	}
}
