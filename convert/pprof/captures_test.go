package pprof_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/pprof"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/expected"
)

var captures = flag.String("captures", "../../testdata/captures", "folder of captures with expected results")

func readCapture(t testing.TB, path string, o heap.Options) *heap.Profile {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := codec.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := heap.Read(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var expectedTypes = map[string]string{"peak": "peak", "leaks": "inuse", "temporary": "temporary"}

// What profiles of all captures read back as equals what each capture's release says of it, per
// thread and text stack.
func TestCaptures(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(*captures, "*", "*.expected.json.gz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no captures in %s: %v", *captures, err)
	}
	for _, path := range paths {
		capture := strings.TrimSuffix(path, ".expected.json.gz")
		name, _ := filepath.Rel(*captures, capture)
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			want, err := expected.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			p := readCapture(t, capture, heap.Options{LikeMemray: true, Native: true})
			_, byThread := write(t, p, pprof.Options{})
			_, merged := write(t, p, pprof.Options{Labels: pprof.NoLabels})
			checkStores(t, byThread)
			for view, rows := range want.Views {
				base, threads := strings.CutSuffix(view, "_by_thread")
				prof := merged
				if threads {
					prof = byThread
				}
				compareView(t, view, sums(prof, expectedTypes[base]), wantSums(rows, threads))
			}
			_, native := write(t, p, pprof.Options{Native: true})
			checkStores(t, native)
			checkTotals(t, native, merged)
		})
	}
}

// sums adds up a view by thread, if that is labelled, and text stack. Frames that stand for
// what is missing are not part of the stack.
func sums(prof *profile.Profile, view string) map[string]heap.Value {
	objects, _ := prof.SampleIndexByName(view + "_objects")
	out := map[string]heap.Value{}
	for _, s := range prof.Sample {
		v := heap.Value{Count: uint64(s.Value[objects]), Bytes: uint64(s.Value[objects+1])}
		if v == (heap.Value{}) {
			continue
		}
		var thread int64
		if id := s.NumLabel["thread_id"]; id != nil {
			thread = id[0]
		}
		k := fmt.Sprintf("%#x %s", thread, expected.Key(pythonStack(s)))
		out[k] = heap.Value{Count: out[k].Count + v.Count, Bytes: out[k].Bytes + v.Bytes}
	}
	return out
}

func pythonStack(s *profile.Sample) []expected.Frame {
	var stack []expected.Frame
	for _, l := range s.Location {
		line := l.Line[0]
		if strings.HasPrefix(line.Function.Name, "<stack trace unavailable") {
			return nil
		}
		function := line.Function.SystemName
		if function == "" {
			function = line.Function.Name
		}
		stack = append(stack, expected.Frame{Function: function, File: line.Function.Filename, Line: int32(line.Line)})
	}
	return stack
}

func wantSums(rows []expected.Row, byThread bool) map[string]heap.Value {
	out := map[string]heap.Value{}
	for _, r := range rows {
		if !byThread {
			r.Thread = 0
		}
		k := fmt.Sprintf("%#x %s", r.Thread, expected.Key(r.Stack))
		out[k] = heap.Value{Count: out[k].Count + r.Count, Bytes: out[k].Bytes + r.Bytes}
	}
	return out
}

func compareView(t *testing.T, view string, got, want map[string]heap.Value) {
	t.Helper()
	for k, w := range want {
		if g := got[k]; g != w {
			t.Errorf("%s: got %v, want %v: %s", view, g, w, k)
		}
		delete(got, k)
	}
	for k, g := range got {
		t.Errorf("%s: got %v, want none: %s", view, g, k)
	}
}

// checkTotals compares sums that how samples are told apart must not change. Counts of aggregated
// captures are not among them: as Memray merges rows, it loses some.
func checkTotals(t *testing.T, a, b *profile.Profile) {
	t.Helper()
	for i, st := range a.SampleType {
		if st.Unit != "bytes" {
			continue
		}
		var x, y int64
		for _, s := range a.Sample {
			x += s.Value[i]
		}
		for _, s := range b.Sample {
			y += s.Value[i]
		}
		if x != y {
			t.Errorf("%s: got %d with native stacks, %d without", st.Type, x, y)
		}
	}
}
