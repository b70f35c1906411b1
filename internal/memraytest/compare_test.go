package memraytest

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/expected"
)

// compare reads a capture as Memray would, and compares the Profile with all that want says.
func compare(t *testing.T, path string, want *said) {
	t.Helper()
	p := read(t, path, heap.Options{LikeMemray: true})
	compareHeader(t, &p.Header, want)
	for _, name := range slices.Sorted(maps.Keys(want.Views)) {
		compareView(t, p, name, want.Views[name])
	}
	if p.PeakBytes != want.Metadata.PeakMemory {
		t.Errorf("peak: got %d bytes, want %d", p.PeakBytes, want.Metadata.PeakMemory)
	}
	if want.Snapshots != nil {
		if got := series(p); !slices.Equal(got, want.Snapshots) {
			t.Errorf("memory series:\n got %d\nwant %d", got, want.Snapshots)
		}
	}
	if want.Records != nil {
		if got := digest(t, path); got != *want.Records {
			t.Errorf("allocations and deallocations: got %+v, want %+v", got, *want.Records)
		}
	}
	if want.Stats != nil {
		compareTotals(t, p, want)
	}
}

// read makes a Profile and checks it.
func read(t *testing.T, path string, o heap.Options) *heap.Profile {
	t.Helper()
	var p *heap.Profile
	open(t, path, func(r *codec.Reader) (err error) {
		p, err = heap.Read(r, o)
		return err
	})
	if err := p.Check(); err != nil {
		t.Fatalf("check the profile: %v", err)
	}
	return p
}

func open(t *testing.T, path string, f func(*codec.Reader) error) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := codec.NewReader(file)
	if err != nil {
		t.Fatalf("read the header: %v", err)
	}
	if err := f(r); err != nil {
		t.Fatalf("read the records: %v", err)
	}
}

func compareHeader(t *testing.T, h *codec.Header, want *said) {
	t.Helper()
	m := &want.more
	check(t, "command line", h.CommandLine, m.CommandLine)
	check(t, "pid", h.PID, m.PID)
	check(t, "Python allocator", h.AllocatorName(), m.PythonAllocator)
	check(t, "start time", h.StartTime, m.StartTime)
	check(t, "native traces", h.NativeTraces, want.Native)
	if h.Allocations > 0 { // or else Memray takes the time of the last memory record
		check(t, "end time", h.EndTime, m.EndTime)
	}
	if m.MainThread != nil {
		check(t, "main thread", h.MainThread, *m.MainThread)
	}
	if m.TracesPython != nil {
		check(t, "traces Python's allocators", h.TracesPython, *m.TracesPython)
	}
}

func check[T comparable](t *testing.T, name string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", name, got, want)
	}
}

var views = map[string]heap.View{"peak": heap.Peak, "leaks": heap.Live, "temporary": heap.Temporary}

// place is what rows are summed by: the same text may stand for several stacks.
type place struct {
	thread uint64 // 0 when threads are merged
	name   string // of the thread
	stack  string
}

func compareView(t *testing.T, p *heap.Profile, name string, rows []expected.Row) {
	t.Helper()
	base, byThread := strings.CutSuffix(name, "_by_thread")
	got, want := map[place]heap.Value{}, map[place]heap.Value{}
	for _, r := range p.Rows(views[base], !byThread) {
		th := &p.Threads[r.Sample.Thread]
		add(got, place{thread: th.ID, name: th.Name, stack: stack(p, r.Sample)}, byThread, r.Value)
	}
	for _, r := range rows {
		at := place{thread: r.Thread, name: threadName(r), stack: expected.Key(r.Stack)}
		add(want, at, byThread, heap.Value{Count: r.Count, Bytes: r.Bytes})
	}
	for _, at := range different(got, want) {
		t.Errorf("%s: got %v, want %v: %s", name, got[at], want[at], shorten(fmt.Sprintf("%#x %q %s", at.thread, at.name, at.stack)))
	}
}

func add(m map[place]heap.Value, at place, byThread bool, v heap.Value) {
	if !byThread {
		at.thread, at.name = 0, ""
	}
	m[at] = heap.Value{Count: m[at].Count + v.Count, Bytes: m[at].Bytes + v.Bytes}
}

// threadName takes the name out of what Memray shows: "", "name", "0x1f" or "0x1f (name)".
func threadName(r expected.Row) string {
	name, hasID := strings.CutPrefix(r.ThreadName, fmt.Sprintf("%#x", r.Thread))
	if hasID && name != "" {
		name = strings.TrimSuffix(strings.TrimPrefix(name, " ("), ")")
	}
	return name
}

func stack(p *heap.Profile, s *heap.Sample) string {
	var frames []expected.Frame
	for _, f := range p.AppendStack(nil, s) {
		frames = append(frames, expected.Frame{Function: p.Frames[f].Function, File: p.Frames[f].File, Line: p.Frames[f].Line})
	}
	return expected.Key(frames)
}

// different lists the places, five at most, at which got and want are not the same.
func different(got, want map[place]heap.Value) (places []place) {
	for at := range got {
		if got[at] != want[at] {
			places = append(places, at)
		}
	}
	for at := range want {
		if _, ok := got[at]; !ok {
			places = append(places, at)
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(strings.Compare(a.stack, b.stack), cmp.Compare(a.thread, b.thread))
	})
	return places[:min(5, len(places))]
}

func shorten(s string) string {
	if len(s) > 300 {
		return s[:300] + "..."
	}
	return s
}

func series(p *heap.Profile) [][3]int64 {
	points := make([][3]int64, 0, len(p.Series))
	for _, s := range p.Series {
		points = append(points, [3]int64{s.Time, int64(s.RSS), int64(s.Heap)})
	}
	return points
}

// digest goes over the allocations and deallocations as dump_expected.py does.
func digest(t *testing.T, path string) (d records) {
	t.Helper()
	var sum uint64
	open(t, path, func(r *codec.Reader) error {
		for {
			rec, err := r.Next()
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if rec.Kind != codec.KindAllocation {
				continue
			}
			d.Count++
			d.Bytes += rec.Size
			sum = sum*1000003 + rec.Address*31 + rec.Size*7 + uint64(rec.Allocator)*3 + rec.Thread
		}
	})
	d.Digest = strconv.FormatUint(sum, 10)
	return d
}

func compareTotals(t *testing.T, p *heap.Profile, want *said) {
	t.Helper()
	var total heap.Value
	byAllocator := map[string]uint64{}
	for _, s := range p.Samples {
		v := s.Values[heap.Total]
		total.Count += v.Count
		total.Bytes += v.Bytes
		if v.Count > 0 {
			byAllocator[strings.ToUpper(s.Allocator.String())] += v.Count
		}
	}
	check(t, "total", total, heap.Value{Count: want.Stats.TotalAllocations, Bytes: want.Stats.TotalBytes})
	check(t, "peak in stats", p.PeakBytes, want.Stats.PeakBytes)
	if !maps.Equal(byAllocator, want.byAllocator) {
		t.Errorf("allocations by allocator: got %v, want %v", byAllocator, want.byAllocator)
	}
}
