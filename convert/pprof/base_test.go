package pprof_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/convert/pprof"
	"github.com/memvault/memvault/heap"
)

const (
	newCapture  = "../../testdata/captures/memray-1.20.0-py3.12/pymalloc.bin"
	baseCapture = "../../testdata/captures/memray-1.20.0-py3.12/mixed.bin"
)

// A profile less its base shows as pprof shows the two with -diff_base.
func TestDiffTool(t *testing.T) {
	needPprof(t)
	p, base := readCapture(t, newCapture, heap.Options{}), readCapture(t, baseCapture, heap.Options{})
	var b bytes.Buffer
	if err := pprof.WriteDiff(&b, p, base, pprof.Options{}); err != nil {
		t.Fatal(err)
	}
	diff := filepath.Join(t.TempDir(), "diff.pb.gz")
	if err := os.WriteFile(diff, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	a, bb := file(t, "new", p, pprof.Options{}), file(t, "base", base, pprof.Options{})
	for _, index := range []string{"alloc_space", "temporary_objects", "inuse_space", "peak_space"} {
		args := []string{"-top", "-nodefraction=0", "-sample_index=" + index}
		got := rowsOf(pprofTool(t, "", append(args, diff)...))
		want := rowsOf(pprofTool(t, "", append(args, "-diff_base="+bb, a)...))
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", index, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		if len(got) < 10 {
			t.Errorf("%s: %d rows, want at least 10", index, len(got))
		}
	}
}

// rowsOf gives the totals and the rows that -top prints, sorted: equal rows come in any order.
func rowsOf(top string) []string {
	_, table, _ := strings.Cut(top, "\nShowing nodes")
	var rows []string
	for line := range strings.Lines(table) {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	slices.Sort(rows)
	// The running sum depends on the order of equal rows.
	for i, row := range rows {
		if f := strings.Fields(row); len(f) > 5 && strings.HasSuffix(f[2], "%") {
			rows[i] = strings.Join(append(f[:2:2], f[3:]...), " ")
		}
	}
	return rows
}

// The samples of the base are marked and negated, and nothing else changes.
func TestConvertDiff(t *testing.T) {
	p, base := readCapture(t, newCapture, heap.Options{}), readCapture(t, baseCapture, heap.Options{})
	diff, err := pprof.ConvertDiff(p, base, pprof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := pprof.Convert(p, pprof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff.TimeNanos != alone.TimeNanos || diff.DurationNanos != alone.DurationNanos {
		t.Errorf("time: got %d for %d ns, want those of the new capture: %d for %d", diff.TimeNanos, diff.DurationNanos, alone.TimeNanos, alone.DurationNanos)
	}
	var sums [2][8]int64
	for _, s := range diff.Sample {
		side := 0
		if s.DiffBaseSample() {
			side = 1
		}
		for i, v := range s.Value {
			sums[side][i] += v
		}
	}
	if got, want := sums[0], sum(alone); got != want {
		t.Errorf("new: got %d, want %d", got, want)
	}
	other, err := pprof.Convert(base, pprof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := sum(other)
	for i := range want {
		want[i] = -want[i]
	}
	if sums[1] != want {
		t.Errorf("base: got %d, want %d", sums[1], want)
	}
	if !slices.ContainsFunc(diff.Comments, func(c string) bool { return strings.HasPrefix(c, "base: command line: ") }) {
		t.Errorf("no comment tells of the base: %q", diff.Comments)
	}
}

func sum(p *profile.Profile) (out [8]int64) {
	for _, s := range p.Sample {
		for i, v := range s.Value {
			out[i] += v
		}
	}
	return out
}

// A full capture less an aggregated one is refused, unless the views are those of both.
func TestConvertDiffAggregated(t *testing.T) {
	p := readCapture(t, newCapture, heap.Options{})
	base := readCapture(t, "../../testdata/captures/memray-1.20.0-py3.12/aggregate.bin", heap.Options{})
	if _, err := pprof.ConvertDiff(p, base, pprof.Options{}); err == nil || !strings.Contains(err.Error(), "choose the views leaks and peak") {
		t.Errorf("got error %v, want one that says which views to choose", err)
	}
	if _, err := pprof.ConvertDiff(p, base, pprof.Options{Views: []heap.View{heap.Live, heap.Peak}}); err != nil {
		t.Error(err)
	}
}
