package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/report"
)

// points makes a profile of so many memory records, 10 ms apart, the n-th of n bytes.
func points(n int) *heap.Profile {
	p := &heap.Profile{Stride: 1}
	for i := range n {
		p.Series = append(p.Series, heap.Point{Time: 1_700_000_000_000 + 10*int64(i), RSS: uint64(i), Heap: uint64(2 * i)})
	}
	return p
}

func TestSeries(t *testing.T) {
	tests := []struct {
		name     string
		n        int
		stride   int // of the profile
		like     bool
		want     int // points
		wantLine string
	}{
		{"none", 0, 1, false, 0, "0 points, every memory record of the capture, 0s apart on average"},
		{"all", 12_345, 1, false, 12_345, "12345 points, every memory record of the capture, 10ms apart on average"},
		{"maxima", 15_000, 4, false, 15_000, "15000 points, each the maximum of 4 memory records, 10ms apart on average"},
		{"few, like Memray", 10_000, 1, true, 10_000, "10000 points, every memory record of the capture, 10ms apart on average"},
		{"every second", 10_001, 1, true, 5_001, "5001 points, each the first of 2 memory records, 20ms apart on average"},
		{"every fourth", 40_000, 1, true, 10_000, "10000 points, each the first of 4 memory records, 40ms apart on average"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := points(tt.n)
			p.Stride, p.LikeMemray = tt.stride, tt.like
			s := report.NewSeries(p, report.Options{})
			if len(s.Points) != tt.want || s.StrideText() != tt.wantLine {
				t.Errorf("got %d points, %q, want %d, %q", len(s.Points), s.StrideText(), tt.want, tt.wantLine)
			}
			for i, at := range s.Points {
				if tt.like && at.RSS != uint64(i*s.Stride) {
					t.Fatalf("point %d: got record %d, want %d", i, at.RSS, i*s.Stride)
				}
			}
		})
	}
}

// Pictures are whole, also of very few and of very many points.
func TestPlot(t *testing.T) {
	for _, n := range []int{1, 2, 3, 100, 20_000} {
		s := report.NewSeries(points(n), report.Options{})
		var b bytes.Buffer
		if err := s.WritePlot(&b, "png"); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil || img.Bounds().Dx() < 800 {
			t.Errorf("%d points: PNG of %v: %v", n, img.Bounds(), err)
		}
		b.Reset()
		if err := s.WritePlot(&b, "svg"); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		for d := xml.NewDecoder(&b); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%d points: SVG: %v", n, err)
			}
		}
		for _, label := range []string{">Resident size</text>", ">Heap size</text>", ">0s</text>", ">0B</text>"} {
			if !strings.Contains(text, label) {
				t.Errorf("%d points: no %s in the SVG", n, label)
			}
		}
		if len(text) > 1<<20 {
			t.Errorf("%d points: SVG of %d bytes, want less than a megabyte", n, len(text))
		}
	}
	// Times that no program has.
	p := points(3)
	p.Series[0].Time, p.Series[1].Time, p.Series[2].Time = math.MinInt64, 0, math.MaxInt64
	p.Series[2].RSS = math.MaxUint64
	if err := report.NewSeries(p, report.Options{}).WritePlot(io.Discard, "svg"); err != nil {
		t.Error(err)
	}
	if err := report.NewSeries(points(0), report.Options{}).WritePlot(io.Discard, "svg"); !errors.Is(err, report.ErrNoPoints) {
		t.Errorf("no points: got error %v, want ErrNoPoints", err)
	}
	if err := report.NewSeries(points(1), report.Options{}).WritePlot(io.Discard, "gif"); err == nil {
		t.Error("gif: got no error")
	}
}
