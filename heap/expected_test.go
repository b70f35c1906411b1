package heap_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/expected"
)

var (
	update   = flag.Bool("update", false, "rewrite golden files")
	captures = flag.String("captures", "../testdata/captures", "folder of captures with expected results")
)

// eachCapture runs f as a subtest for every capture that has an expected result.
func eachCapture(t *testing.T, f func(t *testing.T, path string, want *expected.Result)) {
	t.Helper()
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
			f(t, capture, want)
		})
	}
}

func read(t testing.TB, path string, o heap.Options) *heap.Profile {
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
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	return p
}

var expectedViews = map[string]heap.View{"peak": heap.Peak, "leaks": heap.Live, "temporary": heap.Temporary}

// sums adds up the rows of a view by thread (0 when merged) and text stack.
func sums(p *heap.Profile, v heap.View, byThread bool) map[string]heap.Value {
	out := map[string]heap.Value{}
	var buf []uint32
	for _, r := range p.Rows(v, !byThread) {
		buf = p.AppendStack(buf[:0], r.Sample)
		stack := make([]expected.Frame, len(buf))
		for i, f := range buf {
			stack[i] = expected.Frame{Function: p.Frames[f].Function, File: p.Frames[f].File, Line: p.Frames[f].Line}
		}
		thread := p.Threads[r.Sample.Thread].ID
		addTo(out, thread, byThread, stack, r.Value)
	}
	return out
}

func addTo(m map[string]heap.Value, thread uint64, byThread bool, stack []expected.Frame, v heap.Value) {
	if !byThread {
		thread = 0
	}
	k := fmt.Sprintf("%#x %s", thread, expected.Key(stack))
	m[k] = heap.Value{Count: m[k].Count + v.Count, Bytes: m[k].Bytes + v.Bytes}
}

func wantSums(rows []expected.Row, byThread bool) map[string]heap.Value {
	out := map[string]heap.Value{}
	for _, r := range rows {
		addTo(out, r.Thread, byThread, r.Stack, heap.Value{Count: r.Count, Bytes: r.Bytes})
	}
	return out
}

// differences lists the rows in which got and want are not equal.
func differences(got, want map[string]heap.Value) []string {
	var out []string
	for k, w := range want {
		if g := got[k]; g != w {
			out = append(out, fmt.Sprintf("got %v, want %v: %s", g, w, k))
		}
	}
	for k, g := range got {
		if _, ok := want[k]; !ok {
			out = append(out, fmt.Sprintf("got %v, want none: %s", g, k))
		}
	}
	slices.Sort(out)
	return out
}

// With LikeMemray every view of every capture equals what its release says.
func TestLikeMemray(t *testing.T) {
	eachCapture(t, func(t *testing.T, path string, want *expected.Result) {
		p := read(t, path, heap.Options{LikeMemray: true, Native: true})
		for _, name := range slices.Sorted(maps.Keys(want.Views)) {
			base, byThread := strings.CutSuffix(name, "_by_thread")
			diff := differences(sums(p, expectedViews[base], byThread), wantSums(want.Views[name], byThread))
			if len(diff) > 0 {
				t.Errorf("%s: %d rows differ, of %d; first: %s", name, len(diff), len(want.Views[name]), diff[0])
			}
		}
		if want.Metadata.PeakMemory != 0 && p.PeakBytes != want.Metadata.PeakMemory {
			t.Errorf("peak: got %d, want %d", p.PeakBytes, want.Metadata.PeakMemory)
		}
		checkStats(t, p, want)
		checkSnapshots(t, p, want)
	})
}

func checkStats(t *testing.T, p *heap.Profile, want *expected.Result) {
	if want.Stats == nil {
		return
	}
	var total heap.Value
	for _, s := range p.Samples {
		total.Count += s.Values[heap.Total].Count
		total.Bytes += s.Values[heap.Total].Bytes
	}
	if w := (heap.Value{Count: want.Stats.TotalAllocations, Bytes: want.Stats.TotalBytes}); total != w {
		t.Errorf("total: got %v, want %v", total, w)
	}
	if p.PeakBytes != want.Stats.PeakBytes {
		t.Errorf("peak in stats: got %d, want %d", p.PeakBytes, want.Stats.PeakBytes)
	}
}

const memrayPoints = 10_000 // Memray keeps every n-th record, so that at most these are left

func checkSnapshots(t *testing.T, p *heap.Profile, want *expected.Result) {
	if want.Snapshots == nil || p.Stride != 1 {
		return
	}
	var got [][3]int64
	stride := (len(p.Series) + memrayPoints - 1) / memrayPoints
	for i := 0; i < len(p.Series); i += stride {
		s := p.Series[i]
		got = append(got, [3]int64{s.Time, int64(s.RSS), int64(s.Heap)})
	}
	if !slices.Equal(got, want.Snapshots) {
		t.Errorf("series: got %d points, want %d, or other figures", len(got), len(want.Snapshots))
	}
}

// Without LikeMemray the views differ from what the releases say only by the rows listed in
// testdata/deviations.txt, each with the item of the facts' section 14 that explains it: with
// Memray's way in that item alone, the row is no longer different.
func TestDeviations(t *testing.T) {
	var got []string
	eachCapture(t, func(t *testing.T, path string, want *expected.Result) {
		name, _ := filepath.Rel(*captures, path)
		name = filepath.ToSlash(name)
		plain := deviations(read(t, path, heap.Options{}), want)
		items := explain(t, path, want, plain)
		for _, d := range plain {
			if items[d] == "" {
				t.Errorf("%s: explained by no item: %s", name, d)
			}
			got = append(got, fmt.Sprintf("%s %s (item %s)", name, shorten(d), items[d]))
		}
	})
	if *captures == "../testdata/captures" {
		compareGolden(t, "testdata/deviations.txt", strings.Join(got, "\n")+"\n")
	}
}

// deviations lists all in which p is not what its release says.
func deviations(p *heap.Profile, want *expected.Result) []string {
	var out []string
	for _, view := range slices.Sorted(maps.Keys(want.Views)) {
		base, byThread := strings.CutSuffix(view, "_by_thread")
		for _, d := range differences(sums(p, expectedViews[base], byThread), wantSums(want.Views[view], byThread)) {
			out = append(out, view+": "+d)
		}
	}
	if m := want.Metadata.PeakMemory; m != 0 && m != p.PeakBytes {
		out = append(out, fmt.Sprintf("peak: got %d, want %d", p.PeakBytes, m))
	}
	return out
}

// explain finds the item of each deviation.
func explain(t *testing.T, path string, want *expected.Result, all []string) map[string]string {
	items := map[string]string{}
	if len(all) == 0 {
		return items
	}
	for i := range heap.Quirks {
		left := deviations(read(t, path, heap.WithQuirk(i)), want)
		for _, d := range all {
			if items[d] == "" && !slices.Contains(left, d) {
				items[d] = heap.Quirks[i]
			}
		}
	}
	return items
}

// shorten leaves the leaf frame of a stack, the number of the others, and a hash of them all.
func shorten(d string) string {
	leaf, rest, ok := strings.Cut(d, "|")
	if !ok {
		return d
	}
	h := fnv.New32a()
	h.Write([]byte(d))
	return fmt.Sprintf("%s +%d #%08x", leaf, strings.Count(rest, "|"), h.Sum32())
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: not as listed; -update rewrites it. Got:\n%s", path, got)
	}
}
