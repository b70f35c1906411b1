package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/report"
)

// deep is a capture of calls that never return, with an allocation in each: what are long
// chains in a capture would be half of their square as whole stacks.
func deep(t *testing.T, frames int) *heap.Profile {
	t.Helper()
	h := codec.Header{Version: 11, Word: 8, StartTime: 1, EndTime: 2, PID: 1, PythonAllocator: 1, CommandLine: "a\x1b[31m\n"}
	w := codectest.NewWriter(h)
	for i := range 3 {
		w.Record(&codec.Record{Kind: codec.KindFrame, Frame: uint64(i), Function: fmt.Appendf(nil, "f%d\x1b[2J\n", i), File: []byte("a\u202e.py")})
	}
	for i := range frames {
		w.Record(&codec.Record{Kind: codec.KindFramePush, Thread: 1, Frame: uint64(i % 3), Entry: true})
		w.Record(&codec.Record{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Malloc, Address: uint64(8 * (i + 1)), Size: math.MaxUint64 / 4})
	}
	w.Finish()
	b, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	r, err := codec.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	p, err := heap.Read(r, heap.Options{Sizes: true, Slices: report.ExplainSlices})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// No report takes long for a hostile capture, wraps around, or lets its text through to the terminal.
func TestHostile(t *testing.T) {
	p := deep(t, 150_000)
	o := report.Options{View: heap.Peak}
	diff, err := report.NewDiff(p, p, report.DiffOptions{By: report.ByStack, Options: report.Options{View: heap.Peak}})
	if err != nil {
		t.Fatal(err)
	}
	reports := map[string]interface{ WriteText(io.Writer) error }{
		"stats":   report.NewStats(p, report.Options{View: heap.Total, N: 5}, time.UTC),
		"summary": report.NewSummary(p, o),
		"split":   report.NewSummary(p, report.Options{View: heap.Peak, SplitThreads: true}),
		"table":   report.NewTable(p, o),
		"tree":    report.NewTree(p, report.TreeOptions{Options: o}),
		"top":     report.NewTop(p, report.Options{View: heap.Peak, N: 100}),
		"explain": report.Explain(p, report.Options{N: 5}),
		"diff":    diff,
	}
	for name, r := range reports {
		var b strings.Builder
		if err := r.WriteText(&b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if i := strings.IndexFunc(b.String(), func(c rune) bool { return c != '\n' && c != '\t' && (unicode.IsControl(c) || c == '\u202e') }); i >= 0 {
			t.Errorf("%s: raw text of the capture at %d: %q", name, i, b.String()[i:min(i+40, b.Len())])
		}
		text, err := json.Marshal(r)
		var back any
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := report.NewSummary(p, o); s.TotalMemory != math.MaxUint64 || s.Functions[0].TotalMemory != math.MaxUint64 {
		t.Errorf("total: got %d, and %d of %s, want as much as 64 bits hold", s.TotalMemory, s.Functions[0].TotalMemory, s.Functions[0].Function)
	}
}

// Captures hold any number as a time; JSON has only years of four digits.
func TestExplainTimes(t *testing.T) {
	for _, start := range []int64{math.MinInt64, math.MaxInt64, 300_000_000_000_000} {
		p := deep(t, 3)
		p.Header.StartTime, p.Header.EndTime = start, start/2
		e := report.Explain(p, report.Options{N: 5})
		text, err := json.Marshal(e)
		if err != nil || !bytes.Contains(text, []byte(`"start":null`)) {
			t.Errorf("start %d: got %.300s, error %v; want a start of null", start, text, err)
		}
		if err := e.WriteText(io.Discard); err != nil {
			t.Error(err)
		}
	}
}

// All stacks together are shown with so many frames, whatever the number of rows.
func TestManyStacks(t *testing.T) {
	p := deep(t, 200_000)
	none := *p
	none.Samples = nil
	diff, err := report.NewDiff(&none, p, report.DiffOptions{By: report.ByStack, Options: report.Options{View: heap.Peak}})
	if err != nil {
		t.Fatal(err)
	}
	top, all := report.NewTop(p, report.Options{View: heap.Peak}), [2]int{}
	for _, r := range diff.Rows {
		all[0] += len(r.Stack)
	}
	for _, s := range top.Stacks {
		all[1] += len(s.Frames)
	}
	for i, n := range all {
		if n > 1<<24+200_000 || n < 1<<23 {
			t.Errorf("%s: got %d frames, want about %d", []string{"diff", "top"}[i], n, 1<<24)
		}
	}
	if last := diff.Rows[199_999].Stack; last[len(last)-1] != "<STACK TOO DEEP>" {
		t.Errorf("got %q, want its end marked", last)
	}
}

// What a tree leaves out at depth stays in its sums.
func TestTreeTooDeep(t *testing.T) {
	p := deep(t, 3)
	for i := range p.Samples {
		p.Samples[i].Values[heap.Peak] = heap.Value{Count: 1, Bytes: 10}
	}
	tree := report.NewTree(p, report.TreeOptions{Options: report.Options{View: heap.Peak}})
	if tree.Root.Value != 30 || tree.Root.Children[0].Children[0].Value != 20 {
		t.Errorf("got %+v", tree.Root)
	}
	p = deep(t, 1000)
	for i := range p.Samples {
		p.Samples[i].Values[heap.Peak] = heap.Value{Count: 1, Bytes: 10}
	}
	n, depth := report.NewTree(p, report.TreeOptions{Options: report.Options{View: heap.Peak}}).Root, 0
	for ; len(n.Children) > 0; depth++ {
		n = n.Children[0]
	}
	if depth != 401 || n.Location.Function != "<STACK TOO DEEP>" || n.Value != 6000 {
		t.Errorf("depth %d ends in %s with %d bytes, want 401, <STACK TOO DEEP> and 6000", depth, n.Location.Function, n.Value)
	}
}
