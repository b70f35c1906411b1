package pprof_test

import (
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/pprof"
	"github.com/memvault/memvault/heap"
)

func merge(t *testing.T, o pprof.Options, ps ...*heap.Profile) *profile.Profile {
	t.Helper()
	m := pprof.NewMerger(o)
	for _, p := range ps {
		if err := m.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	prof, err := m.Profile()
	if err != nil {
		t.Fatal(err)
	}
	return prof
}

// fork makes a child's capture of a parent's.
func fork(p *heap.Profile, pid int32, startsLater, endsLater int64) *heap.Profile {
	p.Header.PID = pid
	p.Header.StartTime += startsLater
	p.Header.EndTime += endsLater
	return p
}

func TestMerge(t *testing.T) {
	older := natives()
	older.Header.PythonVersion = 0x030b0af0
	prof := merge(t, pprof.Options{Native: true},
		fork(natives(), 4711, 0, 0), fork(natives(), 4712, 100, 9000), fork(older, 4713, -300, -300))
	checkStores(t, prof)
	compare(t, "merge", prof)
	if got, want := prof.TimeNanos, (header.StartTime-300)*1e6; got != want {
		t.Errorf("start: got %d, want that of the earliest, %d", got, want)
	}
	if got, want := prof.DurationNanos, int64(9000+1500+300)*1e6; got != want {
		t.Errorf("duration: got %d, want from the earliest start to the latest end, %d", got, want)
	}
}

// What the inputs have in common is there once.
func TestMergeShares(t *testing.T) {
	one := merge(t, pprof.Options{}, usual())
	three := merge(t, pprof.Options{}, usual(), fork(usual(), 2, 0, 0), fork(usual(), 3, 0, 0))
	if len(three.Function) != len(one.Function) || len(three.Location) != len(one.Location) || len(three.Mapping) != 1 {
		t.Errorf("got %d functions, %d locations, %d mappings; want %d, %d, 1",
			len(three.Function), len(three.Location), len(three.Mapping), len(one.Function), len(one.Location))
	}
	if got, want := len(three.Sample), 3*len(one.Sample); got != want {
		t.Errorf("samples: got %d, want %d", got, want)
	}
	same := merge(t, pprof.Options{}, usual(), usual())
	if got, want := same.Sample[0].Value[0], 2*one.Sample[0].Value[0]; len(same.Sample) != len(one.Sample) || got != want {
		t.Errorf("equal pids: got %d samples, first %d; want %d, first %d", len(same.Sample), got, len(one.Sample), want)
	}
}

func TestMergeRefusesOtherTypes(t *testing.T) {
	m := pprof.NewMerger(pprof.Options{})
	if err := m.Add(usual()); err != nil {
		t.Fatal(err)
	}
	err := m.Add(aggregated())
	if err == nil || !strings.Contains(err.Error(), "choose the views leaks and peak") {
		t.Errorf("got %v, want an error that says what to do", err)
	}
	merge(t, pprof.Options{Views: []heap.View{heap.Live, heap.Peak}}, usual(), aggregated())
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name    string
		profile *heap.Profile
		options pprof.Options
		want    string
	}{
		{"no view", usual(), pprof.Options{Views: []heap.View{}}, "no view is selected"},
		{"unknown to aggregated captures", aggregated(), pprof.Options{Views: []heap.View{heap.Total}}, "an aggregated capture knows only leaks and peak"},
		{"two choices", usual(), pprof.Options{GoTypes: true, Views: []heap.View{heap.Total}}, "choose them or views, not both"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := pprof.Convert(tt.profile, tt.options)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := pprof.NewMerger(pprof.Options{}).Profile(); err == nil {
		t.Error("merge of nothing: got no error")
	}
}

func TestParseLabels(t *testing.T) {
	tests := []struct {
		list string
		want pprof.Labels
		err  string
	}{
		{"thread", pprof.ThreadName, ""},
		{"thread,thread_id", pprof.DefaultLabels, ""},
		{"allocator, thread", pprof.Allocator | pprof.ThreadName, ""},
		{"none", pprof.NoLabels, ""},
		{"none,thread", 0, "none goes with no other"},
		{"tid", 0, "want thread, thread_id, allocator or none"},
		{"", 0, "want thread, thread_id, allocator or none"},
	}
	for _, tt := range tests {
		got, err := pprof.ParseLabels(tt.list)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: got %v, %v; want %v, %s", tt.list, got, err, tt.want, tt.err)
		}
	}
}

// A header that no release writes, and a thread table of a hostile capture.
func TestOddHeader(t *testing.T) {
	p := usual()
	p.Header = codec.Header{Version: 13, PythonVersion: 1<<32 - 1, StartTime: -1 << 63, EndTime: 1<<63 - 1, SkippedFrames: 1<<64 - 1, PythonAllocator: -7}
	_, prof := write(t, p, pprof.Options{})
	checkStores(t, prof)
	if prof.TimeNanos != 0 || prof.DurationNanos < 0 {
		t.Errorf("got %d for %d ns", prof.TimeNanos, prof.DurationNanos)
	}
}

// A program that calls itself without end, and allocates each time.
func TestTooDeep(t *testing.T) {
	p := model(header, entry{thread: 1, values: all(1)})
	p.Frames = []heap.Frame{script}
	for i := range uint32(100) {
		p.Stacks = append(p.Stacks, heap.Stack{Parent: i, Depth: i + 1})
		p.Samples = append(p.Samples,
			heap.Sample{Stack: i + 1, Thread: 1, Allocator: codec.Malloc, Values: all(1)},
			heap.Sample{Stack: i + 1, Thread: 1, Allocator: codec.Mmap, Values: all(1)})
	}
	tests := []struct {
		name         string
		kept, walked int64
		want         bool
	}{
		{"enough", 1 + 5050, 1 + 10100, true},
		{"too much to keep", 5050, 1 + 10100, false},
		{"too much to walk", 1 + 5050, 10100, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := pprof.NewMerger(pprof.Options{})
			m.SetLimits(tt.kept, tt.walked)
			if err := m.Add(p); (err == nil) != tt.want {
				t.Errorf("got %v, want success %v", err, tt.want)
			}
		})
	}
}
