package heap_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/expected"
)

// With Options.Oldest the rows come in the order in which Memray 1.20 gives them; earlier
// releases have none.
func TestMemrayOrder(t *testing.T) {
	eachCapture(t, func(t *testing.T, path string, want *expected.Result) {
		if !strings.HasPrefix(want.Memray, "1.20.") {
			t.Skipf("Memray %s gives rows in no order", want.Memray)
		}
		p := read(t, path, heap.Options{LikeMemray: true, Native: true, Oldest: true})
		for _, name := range slices.Sorted(maps.Keys(want.Views)) {
			base, byThread := strings.CutSuffix(name, "_by_thread")
			got, rows := orderedRows(p, expectedViews[base], !byThread), want.Views[name]
			if len(got) != len(rows) {
				t.Errorf("%s: got %d rows, want %d", name, len(got), len(rows))
				continue
			}
			for i, r := range rows {
				if w := fmt.Sprintf("%d bytes in %d: %s", r.Bytes, r.Count, expected.Key(r.Stack)); got[i] != w {
					t.Errorf("%s: row %d of %d:\n got %s\nwant %s", name, i, len(rows), got[i], w)
					break
				}
			}
		}
	})
}

func orderedRows(p *heap.Profile, v heap.View, merge bool) []string {
	var out []string
	for _, r := range p.Rows(v, merge) {
		var stack []expected.Frame
		for _, i := range p.AppendStack(nil, r.Sample) {
			f := &p.Frames[i]
			stack = append(stack, expected.Frame{Function: f.Function, File: f.File, Line: f.Line})
		}
		out = append(out, fmt.Sprintf("%d bytes in %d: %s", r.Bytes, r.Count, expected.Key(stack)))
	}
	return out
}
