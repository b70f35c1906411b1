package memraytest

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/report"
)

var update = flag.Bool("update", false, "rewrite testdata/stats-deviations.txt")

// Without --like-memray the statistics differ from Memray's in the figures listed in
// testdata/stats-deviations.txt alone, for the reasons of docs/fidelity.md.
func TestStatsByDefault(t *testing.T) {
	var got []string
	for _, path := range capturesWith(t, "*", ".memray-stats.json") {
		name, _ := filepath.Rel(*captures, path)
		for _, d := range statsDeviations(t, path) {
			got = append(got, fmt.Sprintf("%s: %s", filepath.ToSlash(name), d))
		}
	}
	if *captures != "../../testdata/captures" {
		return // of other captures there is no list
	}
	text := strings.Join(got, "\n") + "\n"
	const golden = "testdata/stats-deviations.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s: not as listed; -update rewrites it. Got:\n%s", golden, text)
	}
}

// statsDeviations names the figures that differ, each with the reason that must hold for it.
func statsDeviations(t *testing.T, path string) (out []string) {
	t.Helper()
	p, like := read(t, path, heap.Options{Sizes: true}), read(t, path, likeMemray)
	b, err := os.ReadFile(path + ".memray-stats.json")
	if err != nil {
		t.Fatal(err)
	}
	want := parsed(t, func(w io.Writer) error { _, err := w.Write(b); return err })
	s := report.NewStats(p, report.Options{View: heap.Total, N: 5}, time.UTC)
	got := parsed(t, func(w io.Writer) error { return json.NewEncoder(w).Encode(s) })
	reasons := map[string]bool{
		"the capture is not complete":        !p.Status.State.Finished(),
		"a block was allocated twice":        p.PeakBytes != like.PeakBytes,
		"Memray takes lines for other lines": !slices.Equal(lines(p), lines(like)),
	}
	reasonOf := map[string]string{
		"end_time": "the capture is not complete", "peak_memory": "a block was allocated twice",
		"top_allocations_by_size": "Memray takes lines for other lines", "top_allocations_by_count": "Memray takes lines for other lines",
	}
	note := func(k string, got, want any) {
		if text, ok := got.(string); ok {
			got, want = strings.TrimSuffix(text, "+00:00"), strings.TrimSuffix(want.(string), "+00:00")
		}
		if reflect.DeepEqual(got, want) {
			return
		}
		reason := reasonOf[k]
		if !reasons[reason] {
			t.Errorf("%s: %s: got %v, want %v, for no reason", path, k, got, want)
		}
		out = append(out, k+": "+reason)
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if k != "metadata" {
			note(k, got[k], want[k])
		}
	}
	meta := want["metadata"].(map[string]any)
	for _, k := range slices.Sorted(maps.Keys(meta)) {
		note(k, got["metadata"].(map[string]any)[k], meta[k])
	}
	return out
}

func lines(p *heap.Profile) (out []int32) {
	for _, f := range p.Frames {
		out = append(out, f.Line)
	}
	return out
}
