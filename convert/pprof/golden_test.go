package pprof_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/pprof"
	"github.com/memvault/memvault/heap"
)

var update = flag.Bool("update", false, "rewrite golden files")

// write gives the bytes that Write gives, and what they read back as.
func write(t testing.TB, p *heap.Profile, o pprof.Options) ([]byte, *profile.Profile) {
	t.Helper()
	var buf bytes.Buffer
	if err := pprof.Write(&buf, p, o); err != nil {
		t.Fatal(err)
	}
	prof, err := profile.ParseData(buf.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := prof.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), prof
}

// text renders a profile without the one line that depends on the time zone.
func text(prof *profile.Profile) string {
	var out strings.Builder
	for line := range strings.Lines(prof.String()) {
		if !strings.HasPrefix(line, "Time: ") {
			out.WriteString(strings.TrimRight(line, " \n") + "\n")
		}
	}
	return out.String()
}

func compare(t *testing.T, name string, prof *profile.Profile) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	got := text(prof)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: not as listed; -update rewrites it. Got:\n%s", path, got)
	}
}

func killed() *heap.Profile {
	p := usual()
	p.Header.EndTime = p.Header.StartTime + 2
	p.Status = codec.Status{State: codec.StateUnfinished, Reason: "zeros follow the last record", LastTime: p.Header.StartTime + 90_000}
	p.PeakTime = p.Header.StartTime + 80_000
	return p
}

func window() *heap.Profile {
	p := usual()
	p.Window = &heap.Window{From: p.Header.StartTime + 500, Until: p.Header.StartTime + 1250}
	return p
}

func old() *heap.Profile {
	p := usual()
	p.Header = codec.Header{Version: 6, StartTime: 5000, EndTime: 6000, PID: 3, PythonAllocator: 3, CommandLine: "a.py \x1b[31m\xff\n"}
	p.Threads = []heap.Thread{{ID: 0x7f0011223344}, {ID: 1<<64 - 1, Name: "worker"}, {ID: 3}}
	for i := range p.Frames {
		p.Frames[i].FirstLine = 0
	}
	return p
}

func TestGolden(t *testing.T) {
	tests := []struct {
		name    string
		profile *heap.Profile
		options pprof.Options
	}{
		{"default", usual(), pprof.Options{}},
		{"go_types", usual(), pprof.Options{GoTypes: true}},
		{"views", usual(), pprof.Options{Views: []heap.View{heap.Peak, heap.Total, heap.Peak}}},
		{"bare_names", usual(), pprof.Options{BareNames: true}},
		{"no_labels", usual(), pprof.Options{Labels: pprof.NoLabels}},
		{"allocator", usual(), pprof.Options{Labels: pprof.ThreadName | pprof.Allocator}},
		{"aggregated", aggregated(), pprof.Options{}},
		{"aggregated_go_types", aggregated(), pprof.Options{GoTypes: true}},
		{"native", natives(), pprof.Options{Native: true}},
		{"native_left_out", natives(), pprof.Options{}},
		{"killed", killed(), pprof.Options{}},
		{"window", window(), pprof.Options{}},
		{"old", old(), pprof.Options{}},
		{"empty", model(header), pprof.Options{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, prof := write(t, tt.profile, tt.options)
			checkStores(t, prof)
			compare(t, tt.name, prof)
		})
	}
}

// The same Profile gives the same bytes.
func TestSameBytes(t *testing.T) {
	for name, p := range map[string]*heap.Profile{"usual": usual(), "natives": natives()} {
		first, _ := write(t, p, pprof.Options{Native: true, Labels: pprof.DefaultLabels | pprof.Allocator})
		for range 20 {
			if again, _ := write(t, p, pprof.Options{Native: true, Labels: pprof.DefaultLabels | pprof.Allocator}); !bytes.Equal(again, first) {
				t.Fatalf("%s: got other bytes, want the same", name)
			}
		}
	}
}

func TestTime(t *testing.T) {
	const start = 1_800_000_000_000
	tests := []struct {
		name                string
		state               codec.State
		end, last           int64
		wantStart, duration int64 // in milliseconds
	}{
		{"complete", codec.StateComplete, start + 1500, start + 1490, start, 1500},
		{"complete, odd last record", codec.StateComplete, start + 1500, start + 9999, start, 1500},
		{"killed", codec.StateUnfinished, start + 1, start + 1490, start, 1490},
		{"killed before the first memory record", codec.StateUnfinished, start + 1, 0, start, 1},
		{"stale header", codec.StateStaleHeader, start + 1, start + 1490, start, 1490},
		{"clock set back", codec.StateComplete, start - 5000, start, start, 0},
		{"no end of time", codec.StateDamaged, start, 1<<63 - 1, start, (1<<63-1)/1_000_000 - start},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := model(header)
			p.Header.EndTime, p.Status.LastTime, p.Status.State = tt.end, tt.last, tt.state
			_, prof := write(t, p, pprof.Options{})
			if prof.TimeNanos != tt.wantStart*1e6 || prof.DurationNanos != tt.duration*1e6 {
				t.Errorf("got %d for %d ns, want %d for %d ms", prof.TimeNanos, prof.DurationNanos, tt.wantStart, tt.duration)
			}
		})
	}
}

func TestSaturation(t *testing.T) {
	const limit = 1<<63 - 1
	p := model(header,
		entry{stack: []heap.Frame{script}, thread: 1, values: only(heap.Peak, 1<<64-1, limit)},
		entry{stack: []heap.Frame{script}, thread: 1, values: only(heap.Peak, 1, 1)},
	)
	_, prof := write(t, p, pprof.Options{Views: []heap.View{heap.Peak}})
	if got := prof.Sample[0].Value; len(prof.Sample) != 1 || got[0] != limit || got[1] != limit {
		t.Errorf("got %d samples, first %v; want one of %d", len(prof.Sample), got, int64(limit))
	}
}

// An image of very many segments is looked at once, not for each address: it is one mapping. (The
// other way takes a minute.)
func TestManySegments(t *testing.T) {
	const n = 100_000
	e := entry{thread: 1, images: 1, values: all(1)}
	image := heap.Image{File: "/lib/a.so", Bias: 0x1000}
	for i := range uint64(n) {
		image.Segments = append(image.Segments, heap.Segment{Address: 16 * i, Size: 16})
		e.native = append(e.native, 0x1008+16*i)
	}
	p := model(header, e)
	p.Images[1] = []heap.Image{image}
	_, prof := write(t, p, pprof.Options{Native: true})
	inside := 0
	for _, l := range prof.Location {
		if m := l.Mapping; m != nil && m.File == image.File && m.Start == 0x1000 && m.Limit == 0x1000+16*n {
			inside++
		}
	}
	if inside != n || len(prof.Mapping) != 2 {
		t.Errorf("got %d of %d addresses in the image, %d mappings, want all and 2", inside, n, len(prof.Mapping))
	}
}

// Segments at the end of the address space, overlapping and of no size.
func TestOddImages(t *testing.T) {
	p := model(header,
		entry{thread: 1, images: 1, native: []uint64{1<<64 - 16, 0x1800, 0x1000}, values: all(1)})
	p.Images[1] = []heap.Image{
		{File: "/lib/end.so", Bias: 1<<64 - 0x1000, Segments: []heap.Segment{{Address: 0, Size: 1 << 63}}},
		{File: "/lib/a.so", Bias: 0x1000, Segments: []heap.Segment{{Address: 0, Size: 0x1000}, {Address: 0, Size: 0}}},
		{File: "/lib/b.so", Bias: 0x1400, Segments: []heap.Segment{{Address: 0, Size: 0x1000}}},
		{File: "/lib/none.so", Bias: 0x1500},
	}
	_, prof := write(t, p, pprof.Options{Native: true})
	var files []string
	for _, m := range prof.Mapping {
		files = append(files, m.File)
	}
	if got, want := strings.Join(files, " "), "python3.12 /lib/a.so /lib/b.so /lib/end.so"; got != want {
		t.Errorf("mappings: got %s, want %s", got, want)
	}
}
