package pprof_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/memvault/memvault/convert/pprof"
	"github.com/memvault/memvault/heap"
)

// toolPath gives the program that go tool pprof runs, having built it if need be.
var toolPath = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "pprof").Output()
	return strings.TrimSpace(string(out)), err
})

// pprofTool runs go tool pprof and gives what it prints. A line on stderr without
// the allowed words is a complaint about the profile.
func pprofTool(t *testing.T, allowed string, args ...string) string {
	t.Helper()
	path, err := toolPath()
	if err != nil {
		t.Fatalf("go tool -n pprof: %v", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "PPROF_TMPDIR="+t.TempDir())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if allowed == "" || !strings.Contains(line, allowed) {
			t.Errorf("%v: pprof says %q", args, line)
		}
	}
	return stdout.String()
}

func needPprof(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go tool pprof is part of Go, and that is not there: ", err)
	}
}

func file(t *testing.T, name string, p *heap.Profile, o pprof.Options) string {
	t.Helper()
	data, _ := write(t, p, o)
	path := filepath.Join(t.TempDir(), name+".pb.gz")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// has reports lines of -top that end in a name: flat and cum, then the name.
func has(t *testing.T, top string, want ...string) {
	t.Helper()
	for _, w := range want {
		fields := strings.Fields(w)
		found := false
		for line := range strings.Lines(top) {
			f := strings.Fields(line)
			// flat flat% sum% cum cum% name ...
			if len(f) > 5 && f[0] == fields[0] && f[3] == fields[1] && strings.Join(f[5:], " ") == strings.Join(fields[2:], " ") {
				found = true
			}
		}
		if !found {
			t.Errorf("no line %q in\n%s", w, top)
		}
	}
}

func TestPprofTop(t *testing.T) {
	needPprof(t)
	path := file(t, "usual", usual(), pprof.Options{})
	top := pprofTool(t, "", "-top", "-nodefraction=0", "-unit=B", path)
	// The <module> of two files stay apart, and keep their angle brackets.
	has(t, top, "380B 380B airflow.models.dag.__init__", "360B 360B json.loads",
		"0 180B airflow.models.dag.<module>", "0 740B dags.etl.<module>")
	for _, want := range []string{"File: python3.12", "command line: airflow scheduler", "Type: peak_space", "Duration: 1.50s"} {
		if !strings.Contains(top, want) {
			t.Errorf("no %q in\n%s", want, top)
		}
	}
}

// With bare names they are one, as the flag says.
func TestPprofBareNames(t *testing.T) {
	needPprof(t)
	path := file(t, "bare", usual(), pprof.Options{BareNames: true})
	has(t, pprofTool(t, "", "-top", "-nodefraction=0", "-unit=B", path), "0 740B <module>", "360B 360B loads")
}

func TestPprofSampleIndex(t *testing.T) {
	needPprof(t)
	path := file(t, "usual", usual(), pprof.Options{})
	for index, want := range map[string]string{
		"alloc_objects":     "9 9 json.loads",
		"alloc_space":       "90B 90B json.loads",
		"temporary_objects": "18 18 json.loads",
		"temporary_space":   "180B 180B json.loads",
		"inuse_objects":     "27 27 json.loads",
		"inuse_space":       "270B 270B json.loads",
		"peak_objects":      "36 36 json.loads",
		"peak_space":        "360B 360B json.loads",
	} {
		has(t, pprofTool(t, "", "-top", "-nodefraction=0", "-sample_index="+index, path), want)
	}
}

func TestPprofLabels(t *testing.T) {
	needPprof(t)
	path := file(t, "usual", usual(), pprof.Options{Labels: pprof.DefaultLabels | pprof.Allocator})
	has(t, pprofTool(t, "", "-top", "-nodefraction=0", "-unit=B", "-tagroot=thread", path), "0 180B 0x1", "0 560B worker")
	has(t, pprofTool(t, "", "-top", "-nodefraction=0", "-unit=B", "-tagroot=thread_id", path), "0 160B 3", "0 400B 2")
	has(t, pprofTool(t, "", "-top", "-nodefraction=0", "-unit=B", "-tagfocus=allocator=mmap", path), "120B 120B json.loads")
	has(t, pprofTool(t, "as range", "-top", "-nodefraction=0", "-unit=B", "-tagfocus=thread_id=3", path), "160B 160B json.loads")
}

func TestPprofMerge(t *testing.T) {
	needPprof(t)
	prof := merge(t, pprof.Options{}, usual(), fork(usual(), 4712, 0, 0))
	path := filepath.Join(t.TempDir(), "merged.pb.gz")
	var buf bytes.Buffer
	if err := prof.Write(&buf); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	has(t, pprofTool(t, "", "-top", "-nodefraction=0", "-unit=B", "-tagroot=pid", path), "0 740B 4711", "720B 720B json.loads")
	has(t, pprofTool(t, "as range", "-top", "-nodefraction=0", "-unit=B", "-tagfocus=pid=4712", path), "360B 360B json.loads")
}

func TestPprofDiff(t *testing.T) {
	needPprof(t)
	base, next := usual(), usual()
	next.Samples[3].Values[heap.Peak].Bytes += 5000
	top := pprofTool(t, "", "-top", "-nodefraction=0", "-unit=B",
		"-diff_base="+file(t, "base", base, pprof.Options{}), file(t, "next", next, pprof.Options{}))
	has(t, top, "5000B 5000B json.loads", "0 5000B dags.etl.<module>")
	if strings.Contains(top, "airflow.models") {
		t.Errorf("got lines for what is equal:\n%s", top)
	}
}

// pprof neither looks for the images nor complains that they are not there, and shows which
// image holds what.
func TestPprofNative(t *testing.T) {
	needPprof(t)
	path := file(t, "native", natives(), pprof.Options{Native: true})
	top := pprofTool(t, "", "-top", "-nodefraction=0", "-unit=B", path)
	has(t, top, "280B 480B [python3.12]", "80B 120B [libwork.so]", "0 920B <native stack>", "0 600B dags.etl.<module>")
	raw := pprofTool(t, "", "-raw", path)
	for _, want := range []string{"0x500020ff M=2", "0x500090ff M=3", "0x500040ff \n", "3: 0x50001000/0x5000a000/0x0 /lib/libwork.so"} {
		if !strings.Contains(raw, want) {
			t.Errorf("no %q in\n%s", want, raw)
		}
	}
}

func TestPprofEmpty(t *testing.T) {
	needPprof(t)
	top := pprofTool(t, "", "-top", file(t, "empty", model(header), pprof.Options{}))
	if !strings.Contains(top, "state: complete") || !strings.Contains(top, "of 0 total") {
		t.Errorf("got\n%s", top)
	}
}
