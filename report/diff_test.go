package report_test

import (
	"math"
	"strings"
	"testing"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/report"
)

// Rows add up to the totals, in every view and by whatever they are, and the differences are
// those of the totals of the captures.
func TestDiffSums(t *testing.T) {
	base := read(t, "../testdata/captures/memray-1.20.0-py3.12/mixed.bin", heap.Options{})
	p := read(t, "../testdata/captures/memray-1.20.0-py3.12/pymalloc.bin", heap.Options{})
	for _, by := range []report.DiffBy{report.ByFunction, report.ByFile, report.ByStack} {
		d, err := report.NewDiff(base, p, report.DiffOptions{By: by, Options: report.Options{View: heap.Peak}})
		if err != nil {
			t.Fatal(err)
		}
		for v := range heap.View(heap.Views) {
			want := heap.Value{Bytes: total(p, v).Bytes - total(base, v).Bytes, Count: total(p, v).Count - total(base, v).Count}
			var bytes, count int64
			for _, r := range d.Rows {
				bytes += r.Of(v).DeltaBytes
				count += r.Of(v).DeltaAllocations
			}
			if bytes != int64(want.Bytes) || count != int64(want.Count) {
				t.Errorf("by %s, %s: rows add up to %d bytes in %d, want %d in %d", by, v, bytes, count, int64(want.Bytes), int64(want.Count))
			}
			if got := d.Totals.Of(v); got.DeltaBytes != bytes || got.NewBytes != total(p, v).Bytes || got.BaseBytes != total(base, v).Bytes {
				t.Errorf("by %s, %s: totals %+v", by, v, got)
			}
		}
		if len(d.Rows) < 3 {
			t.Errorf("by %s: %d rows", by, len(d.Rows))
		}
	}
}

func total(p *heap.Profile, v heap.View) (sum heap.Value) {
	for i := range p.Samples {
		sum.Bytes += p.Value(i, v).Bytes
		sum.Count += p.Value(i, v).Count
	}
	return sum
}

// A capture does not differ from itself, nor from itself recorded by the same program elsewhere.
func TestDiffSame(t *testing.T) {
	path := "../testdata/captures/memray-1.20.0-py3.12/mixed.bin"
	for _, by := range []report.DiffBy{report.ByFunction, report.ByFile, report.ByStack} {
		d, err := report.NewDiff(read(t, path, heap.Options{}), read(t, path, heap.Options{}), report.DiffOptions{By: by, Normalize: report.ByDuration})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Rows) > 0 || d.Factor != 1 {
			t.Errorf("by %s: %d rows, factor %g, want none and 1", by, len(d.Rows), d.Factor)
		}
	}
	// The same program under another Python, of which the interpreter's folders are elsewhere.
	other := "../testdata/captures/memray-1.20.0-py3.9/mixed.bin"
	d, err := report.NewDiff(read(t, path, heap.Options{}), read(t, other, heap.Options{}), report.DiffOptions{Options: report.Options{View: heap.Total}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range d.Rows {
		if r.Function == "mixed.temporaries" && r.Total.DeltaAllocations != 0 {
			t.Errorf("%+v: want as many allocations under both", r)
		}
	}
}

// The factor scales the base as it says.
func TestDiffNormalize(t *testing.T) {
	base := read(t, "../testdata/captures/memray-1.20.0-py3.12/mixed.bin", heap.Options{})
	p := read(t, "../testdata/captures/memray-1.20.0-py3.12/pymalloc.bin", heap.Options{})
	d, err := report.NewDiff(base, p, report.DiffOptions{Normalize: report.ByAllocations})
	if err != nil {
		t.Fatal(err)
	}
	if c := d.Totals.Total; c.BaseAllocations != c.NewAllocations {
		t.Errorf("allocations: got %d of the base and %d, want them equal", c.BaseAllocations, c.NewAllocations)
	}
	if want := math.Round(float64(total(base, heap.Peak).Bytes) * d.Factor); float64(d.Totals.Peak.BaseBytes) != want {
		t.Errorf("peak of the base: got %d, want %.0f", d.Totals.Peak.BaseBytes, want)
	}
	if d, err = report.NewDiff(base, p, report.DiffOptions{Normalize: report.ByDuration}); err != nil {
		t.Fatal(err)
	}
	if want := d.New.Seconds / d.Base.Seconds; d.Factor != want || want == 1 {
		t.Errorf("factor: got %g, want %g", d.Factor, want)
	}
}

// Rows that changed in the view come first, those with as many bytes by allocations; only they count as more.
func TestDiffOrder(t *testing.T) {
	p := &heap.Profile{Stacks: make([]heap.Stack, 1), Threads: make([]heap.Thread, 1)}
	for i := range uint32(4) {
		p.Frames = append(p.Frames, heap.Frame{Function: string('a' + rune(i)), File: "x.py"})
		p.Stacks = append(p.Stacks, heap.Stack{Frame: i, Depth: 1})
		p.Samples = append(p.Samples, heap.Sample{Stack: i + 1})
	}
	base := *p
	base.Samples = nil
	for i, v := range []heap.Value{{}, {Count: 1}, {Count: 5}, {Count: 1, Bytes: 7}} {
		p.Samples[i].Values[heap.Live], p.Samples[i].Values[heap.Total] = v, heap.Value{Count: 1, Bytes: 100}
	}
	for _, tt := range []struct {
		n          int
		rows, text string
	}{{0, "d c b a ", ""}, {2, "d c ", "1 more row; -n shows more"}, {3, "d c b ", ""}} {
		d, err := report.NewDiff(&base, p, report.DiffOptions{Options: report.Options{View: heap.Live, N: tt.n}})
		if err != nil {
			t.Fatal(err)
		}
		var rows strings.Builder
		for _, r := range d.Rows {
			rows.WriteString(strings.TrimPrefix(r.Function, "x.") + " ")
		}
		var text strings.Builder
		if err := d.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if rows.String() != tt.rows || strings.Contains(text.String(), "more row") != (tt.text != "") || !strings.Contains(text.String(), tt.text) {
			t.Errorf("-n %d: got rows %q, want %q; text\n%s\nwant in it %q", tt.n, rows.String(), tt.rows, text.String(), tt.text)
		}
	}
}
