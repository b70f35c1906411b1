package heap_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/heap"
)

// timed is a capture that begins at 2023-11-14T22:13:20Z, has a memory record every second until
// ten seconds later, and before each a block of one byte. It ends half a second after the last.
func timed(header string) string {
	const start int64 = 1_700_000_000_000
	var b strings.Builder
	fmt.Fprintf(&b, "HEADER version=12 %s start_time=%d end_time=%d\nCONTEXT_SWITCH tid=1\n", header, start, start+10_500)
	for i := range 11 {
		fmt.Fprintf(&b, "ALLOCATION address=%d size=1 allocator=malloc\nMEMORY_RECORD time=%d memory=1\n", 8*i+8, start+1000*int64(i))
	}
	return b.String()
}

func bound(t *testing.T, s string) heap.Bound {
	t.Helper()
	b, err := heap.ParseBound(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Bounds snap to the next memory record. The window is written in milliseconds from the start.
func TestBounds(t *testing.T) {
	for _, tt := range []struct{ from, until, want string }{
		{"", "", "whole, 11 allocations"},
		{"0s", "", "0 to 10500, 10 allocations"},
		{"2s", "", "2000 to 10500, 8 allocations"},
		{"1500ms", "", "2000 to 10500, 8 allocations"},
		{".5s", "", "1000 to 10500, 9 allocations"},
		{"", "3s", "0 to 3000, 4 allocations"},
		{"", "2001ms", "0 to 3000, 4 allocations"},
		{"2s", "3s", "2000 to 3000, 1 allocations"},
		{"2100ms", "2200ms", "3000 to 4000, 1 allocations"},
		{"-2s", "", "9000 to 10500, 1 allocations"},
		{"-0.1min", "-3s", "5000 to 8000, 3 allocations"},
		{"-1h", "-1s", "0 to 10000, 10 allocations"},
		{"", "-0s", "whole, 11 allocations"},
		{"1s", "-0s", "1000 to 10500, 9 allocations"},
		{"2023-11-14T22:13:25Z", "", "5000 to 10500, 5 allocations"},
		{"2023-11-14T23:13:24.5+01:00", "2023-11-14T22:13:26.000000001Z", "5000 to 6000, 1 allocations"},
		{"1990-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "0 to 10500, 10 allocations"},
		{"0h0m5s", "0.1min", "5000 to 6000, 1 allocations"},
		{"+5s", "", "5000 to 10500, 5 allocations"},
		{"5s", "1h", "5000 to 10500, 5 allocations"},
	} {
		t.Run(tt.from+" to "+tt.until, func(t *testing.T) {
			o := heap.Options{From: bound(t, tt.from), Until: bound(t, tt.until)}
			p := readText(t, timed("n_allocations=11"), o)
			got := "whole"
			if p.Window != nil {
				got = fmt.Sprintf("%d to %d", p.Window.From-p.Header.StartTime, p.Window.Until-p.Header.StartTime)
			}
			if got += fmt.Sprintf(", %d allocations", p.Events); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParseBoundErrors(t *testing.T) {
	for _, s := range []string{
		" ", "90", "-90", "5 min", "90 s", "1d", "soon", "s", "-", "--5s", "1e3s", "NaNs", "Infs", "5minmin", "99999999999h",
		"2026-01-02", "2026-01-02 15:04:05", "2026-01-02T15:04:05", "2026-13-01T00:00:00Z", "-2026-01-02T15:04:05Z", "15:04",
	} {
		if b, err := heap.ParseBound(s); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("bound %q: want an offset", s)) {
			t.Errorf("%q: got %+v and error %v", s, b, err)
		}
	}
}

func TestBoundKinds(t *testing.T) {
	for _, tt := range []struct {
		text          string
		zero, fromEnd bool
	}{
		{"", true, false},
		{"0s", false, false},
		{"-0s", true, false}, // the end itself
		{"90s", false, false},
		{"-90s", false, true},
		{"2026-01-02T15:04:05Z", false, false},
	} {
		b := bound(t, tt.text)
		if b.IsZero() != tt.zero || b.FromEnd() != tt.fromEnd {
			t.Errorf("%q: got zero %v, from end %v", tt.text, b.IsZero(), b.FromEnd())
		}
	}
}

// A window that there is not is refused with the reason.
func TestRefusals(t *testing.T) {
	const aggregated = "HEADER version=12 file_format=AGGREGATED_ALLOCATIONS n_allocations=1\n"
	const timeless = "HEADER version=12 n_allocations=1\nCONTEXT_SWITCH tid=1\nALLOCATION address=0x8 size=1 allocator=malloc\nTRAILER\n"
	unfinished := timed("n_allocations=0")
	finished := timed("n_allocations=11")
	for _, tt := range []struct {
		name, text, from, until string
		want                    error
		message                 string
	}{
		{"aggregated", aggregated, "1s", "", heap.ErrNoWindow, "aggregated capture holds no events"},
		{"aggregated, from the end", aggregated, "", "-1s", heap.ErrNoWindow, "aggregated capture holds no events"},
		{"no memory records", timeless, "0s", "", heap.ErrNoWindow, "holds no memory records"},
		{"no memory records, until", timeless, "", "1s", heap.ErrNoWindow, "holds no memory records"},
		{"after the end", finished, "11s", "", heap.ErrNoWindow, "begin after the last memory record"},
		{"between the last record and the end", finished, "10100ms", "", heap.ErrNoWindow, "begin after the last memory record"},
		{"backwards", finished, "5s", "4s", heap.ErrNoWindow, "end before it begins"},
		{"empty", finished, "5s", "5s", heap.ErrNoWindow, "end before it begins"},
		{"backwards, from the end", finished, "-2s", "-3s", heap.ErrNoWindow, "end before it begins"},
		{"before the start", finished, "", "2023-11-14T22:13:19Z", heap.ErrNoWindow, "end before the capture begins"},
		{"before the start, from the end", finished, "", "-1h", heap.ErrNoWindow, "end before the capture begins"},
		{"from the end of an unfinished one", unfinished, "-5s", "", heap.ErrNeedsEnd, "does not tell when it ends"},
		{"until, from the end of an unfinished one", unfinished, "1s", "-5s", heap.ErrNeedsEnd, "does not tell when it ends"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := codec.NewReader(bytes.NewReader(codectest.Capture(t, tt.text)))
			if err != nil {
				t.Fatal(err)
			}
			o := heap.Options{From: bound(t, tt.from), Until: bound(t, tt.until)}
			if got, want := o.NeedsEnd(r.Header()), tt.want == heap.ErrNeedsEnd; got != want {
				t.Errorf("needs the end: got %v, want %v", got, want)
			}
			p, err := heap.Read(r, o)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.message) {
				t.Errorf("got error %v, want %q", err, tt.message)
			}
			if p != nil {
				t.Errorf("got a profile beside the error")
			}
		})
	}
}

// The end of an unfinished capture is that of its last memory record. Given that, offsets from the end work.
func TestEndTime(t *testing.T) {
	const start int64 = 1_700_000_000_000
	for _, tt := range []struct {
		name, text string
		want       int64
	}{
		{"finished", timed("n_allocations=11") + "TRAILER\n", start + 10_500},
		{"unfinished", timed("n_allocations=0"), start + 10_000},
		{"cut", timed("n_allocations=0") + "CUT 1\n", start + 9_000},
		{"no memory records", fmt.Sprintf("HEADER version=12 start_time=%d end_time=%d\nTRAILER\n", start, start+7), start + 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := codectest.Capture(t, tt.text)
			r, err := codec.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			end, err := heap.EndTime(r)
			if err != nil || end != tt.want {
				t.Errorf("got %d and error %v, want %d", end-start, err, tt.want-start)
			}
		})
	}
	p := readText(t, timed("n_allocations=0"), heap.Options{From: bound(t, "-3s"), End: start + 10_000})
	if got := p.Window.From - start; got != 7000 {
		t.Errorf("3 s before the end: got a window from %d ms, want 7000", got)
	}
}

// Thresholds: 0 is the default, a negative one is 0, and there is a largest one.
func TestThreshold(t *testing.T) {
	const text = `CONTEXT_SWITCH tid=1
ALLOCATION address=0x8 size=1 allocator=calloc
ALLOCATION address=0x8 size=0 allocator=free
ALLOCATION address=0x8 size=1 allocator=calloc
ALLOCATION address=0x10 size=1 allocator=malloc
ALLOCATION address=0x8 size=0 allocator=free
ALLOCATION address=0x8 size=1 allocator=calloc
ALLOCATION address=0x18 size=1 allocator=malloc
ALLOCATION address=0x20 size=1 allocator=malloc
ALLOCATION address=0x8 size=0 allocator=free
`
	for _, tt := range []struct {
		threshold, is int
		want          uint64
	}{
		{0, 1, 2}, {-1, 0, 1}, {math.MinInt, 0, 1}, {1, 1, 2}, {2, 2, 3}, {1000, 1000, 3}, {math.MaxInt, 1 << 30, 3},
	} {
		for _, like := range []bool{false, true} {
			p := readText(t, text, heap.Options{Threshold: tt.threshold, LikeMemray: like})
			if got := total(p)[heap.Temporary].Count; got != tt.want || p.Threshold != tt.is {
				t.Errorf("threshold %d, like Memray %v: got %d temporary at %d, want %d at %d", tt.threshold, like, got, p.Threshold, tt.want, tt.is)
			}
		}
	}
}
