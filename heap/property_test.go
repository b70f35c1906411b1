package heap_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/heap"
)

// The one pass gives the numbers that replaying gives, record by record and from the bytes of a capture.
func TestModel(t *testing.T) {
	const seeds, parts = 3000, 4
	for part := range uint64(parts) {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			for seed := part; seed < seeds; seed += parts {
				r := rand.New(rand.NewPCG(seed, 3))
				steps := r.IntN(80)
				if !checkTrace(t, makeTrace(r.IntN, steps, 1+r.IntN(8))) {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

// Traces that fill many batches, make the table of live blocks grow, and cut many ranges.
func TestModelLong(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 4))
		if !checkTrace(t, makeTrace(r.IntN, 2000, 100<<(3*seed))) {
			t.Fatalf("seed %d", seed)
		}
	}
}

// Memray's ring at a threshold above which it is no list here, with more addresses than it holds.
func TestModelLargeThreshold(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 6))
		tr := makeTrace(r.IntN, 1500, 300)
		tr.like, tr.options.LikeMemray = true, true
		tr.n, tr.options.Threshold = 40, 40
		if !checkTrace(t, tr) {
			t.Fatalf("seed %d", seed)
		}
	}
}

// FuzzModel compares the pass with the model; the bytes are the rolls of dice that make a trace.
func FuzzModel(f *testing.F) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 5))
		b := make([]byte, 40*(seed+1))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 2000 {
			t.Skip("the model takes quadratic time")
		}
		steps := len(b) / 5
		checkTrace(t, makeTrace(func(n int) int {
			if len(b) == 0 {
				return 0
			}
			x := int(b[0])
			b = b[1:]
			return x % n
		}, steps, 6))
	})
}

// checkTrace reads a trace in both ways and compares; it reports whether all was well.
func checkTrace(t *testing.T, tr trace) bool {
	t.Helper()
	p, err := addAll(tr)
	ok := compareWithModel(t, "Builder", tr, p, err)
	if p, err = readBytes(t, tr); p != nil {
		tr.complete = p.Status.State == codec.StateComplete
	}
	return compareWithModel(t, "Read", tr, p, err) && ok
}

// addAll gives the records to a Builder.
func addAll(tr trace) (*heap.Profile, error) {
	b, err := heap.NewBuilder(&tr.header, tr.options)
	if err != nil {
		return nil, err
	}
	for i := range tr.records {
		b.Add(&tr.records[i])
	}
	return b.Profile(codec.Status{})
}

// readBytes writes the records and reads them again.
func readBytes(t *testing.T, tr trace) (*heap.Profile, error) {
	t.Helper()
	w := codectest.NewWriter(tr.header)
	for i := range tr.records {
		w.Record(&tr.records[i])
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
	p, err := heap.Read(r, tr.options)
	if p != nil && p.Status.Err != nil {
		t.Fatal(p.Status.Err)
	}
	return p, err
}

func compareWithModel(t *testing.T, how string, tr trace, p *heap.Profile, err error) bool {
	t.Helper()
	m := newModel(tr)
	bounds, refusal := m.snap()
	if refusal != "" || err != nil {
		if !errors.Is(err, heap.ErrNoWindow) || refusal == "" || !strings.Contains(err.Error(), refusal) {
			t.Errorf("%s: got error %v, want %q", how, err, refusal)
			return false
		}
		return true
	}
	if err := p.Check(); err != nil {
		t.Errorf("%s: %v", how, err)
		return false
	}
	want := m.result(bounds)
	got, err := observe(p)
	if err != nil {
		t.Errorf("%s: %v", how, err)
		return false
	}
	got.unknown -= undefinedFrames(p)
	if diff := resultDiff(got, want); diff != "" {
		t.Errorf("%s: like Memray %v, threshold %d, window %s:\n%s\n%s", how, m.like, m.n, want.window, diff, m)
		return false
	}
	return true
}

// undefinedFrames is what the frame that traces do not define adds to Profile.Unknown.
func undefinedFrames(p *heap.Profile) uint64 {
	if slices.ContainsFunc(p.Frames, func(f heap.Frame) bool { return f.Function == "" }) {
		return 1
	}
	return 0
}

// observe puts a Profile in the form of the model's result.
func observe(p *heap.Profile) (result, error) {
	r := result{
		samples: map[place][heap.Views]heap.Value{}, peakBytes: p.PeakBytes, peakTime: p.PeakTime,
		events: p.Events, series: p.Series, window: windowText(p.Window), names: map[uint64]string{}, unknown: p.Unknown,
		sizes: p.Sizes,
	}
	if p.Oldest != nil {
		r.oldest = map[place][heap.Views]uint64{}
	}
	if p.Kept != nil {
		r.kept = map[place]heap.Value{}
	}
	for i := range p.Samples {
		s := &p.Samples[i]
		var stack []string
		for _, f := range slices.Backward(p.AppendStack(nil, s)) {
			stack = append(stack, p.Frames[f].Function)
		}
		k := place{
			stack: fmt.Sprintf("%q", stack), native: uint64(s.Native),
			thread: p.Threads[s.Thread].ID, allocator: s.Allocator,
		}
		if _, ok := r.samples[k]; ok {
			return r, fmt.Errorf("two samples of %+v", k)
		}
		if p.History != nil && s.Values == ([heap.Views]heap.Value{}) {
			continue // it is of no view, but has a past
		}
		r.samples[k] = s.Values
		if p.Oldest != nil && p.Oldest[i] != ([heap.Views]uint64{}) {
			r.oldest[k] = p.Oldest[i]
		}
		if p.Kept != nil && p.Kept[i] != (heap.Value{}) {
			r.kept[k] = p.Kept[i]
		}
	}
	for _, th := range p.Threads {
		if th.Name != "" {
			r.names[th.ID] = th.Name
		}
	}
	return r, nil
}

// resultDiff tells how got and want differ; it is empty when they do not.
func resultDiff(got, want result) string {
	var out []string
	for k, w := range want.samples {
		if g := got.samples[k]; g != w {
			out = append(out, fmt.Sprintf("%+v (total, temporary, live, peak):\n   got %v\n  want %v", k, g, w))
		}
	}
	for k, g := range got.samples {
		if _, ok := want.samples[k]; !ok {
			out = append(out, fmt.Sprintf("%+v: got %v, want none", k, g))
		}
	}
	slices.Sort(out)
	got.samples, want.samples = nil, nil
	if !slices.Equal(got.series, want.series) {
		out = append(out, fmt.Sprintf("series:\n   got %v\n  want %v", got.series, want.series))
	}
	got.series, want.series = nil, nil
	if !reflect.DeepEqual(got, want) {
		out = append(out, fmt.Sprintf("   got %+v\n  want %+v", got, want))
	}
	return strings.Join(out, "\n")
}

// String lists the events, for failures.
func (m *model) String() string {
	var b strings.Builder
	for i, x := range m.items[:min(len(m.items), 200)] {
		if i == m.begin || i == m.end {
			b.WriteString("--\n")
		}
		if x.memory {
			fmt.Fprintf(&b, "%d: memory at %d\n", i, x.time)
			continue
		}
		fmt.Fprintf(&b, "%d: thread %#x %s(%#x, %d) at %s native %d\n", i, x.thread, x.allocator, x.address, x.size, x.stack, x.native)
	}
	return b.String()
}
