package report

import (
	"fmt"
	"io"
	"time"

	"github.com/memvault/memvault/heap"
)

// Series is the memory over time.
type Series struct {
	// Stride is how many of the capture's memory records a point stands for: with the maxima of them,
	// or with the first of them if FirstOnly is set. Memray writes a record every 10 ms.
	Stride    int  `json:"stride"`
	FirstOnly bool `json:"first_only"`
	// Peak is the largest size of the heap, in bytes, which may lie between two records.
	Peak   uint64        `json:"peak_memory"`
	Points []SeriesPoint `json:"memory_records"`

	options Options
}

// SeriesPoint is one moment, in the keys of Memray's MemorySnapshot.
type SeriesPoint struct {
	Time int64  `json:"time"` // in milliseconds since 1970 UTC
	RSS  uint64 `json:"rss"`  // in bytes
	Heap uint64 `json:"heap"` // in bytes
}

// memrayPoints is how many points Memray's reports have at most.
const memrayPoints = 10_000

// SeriesPoints is what heap.Options.Points should be for a profile like Memray's, which is to
// be thinned as Memray does: a day of records.
const SeriesPoints = 1 << 22

// NewSeries makes the series of p. If p is like Memray's it has at most 10,000 points, each the first
// of a run of records.
func NewSeries(p *heap.Profile, o Options) *Series {
	s := &Series{Stride: p.Stride, Peak: p.PeakBytes, Points: []SeriesPoint{}, options: o}
	step := 1
	if p.LikeMemray {
		step = max((len(p.Series)+memrayPoints-1)/memrayPoints, 1)
		s.FirstOnly = p.Stride == 1
		s.Stride *= step
	}
	for i := 0; i < len(p.Series); i += step {
		at := p.Series[i]
		s.Points = append(s.Points, SeriesPoint{Time: at.Time, RSS: at.RSS, Heap: at.Heap})
	}
	return s
}

// WriteCSV writes what Memray's pages offer for download: a row for each trace and point,
// the times in milliseconds since 1970 UTC. Lines end in CR LF.
func (s *Series) WriteCSV(w io.Writer) error {
	p := printer{w: w}
	p.printf("trace,timestamp,memory_size_bytes\r\n")
	for _, at := range s.Points {
		p.printf("Resident size,%d,%d\r\n", at.Time, at.RSS)
	}
	for _, at := range s.Points {
		p.printf("Heap size,%d,%d\r\n", at.Time, at.Heap)
	}
	return p.err
}

// StrideText says in a sentence what a point stands for.
func (s *Series) StrideText() string {
	n := len(s.Points)
	var spacing time.Duration
	if n > 1 {
		spacing = time.Duration(s.Points[n-1].Time-s.Points[0].Time) * time.Millisecond / time.Duration(n-1)
	}
	switch {
	case s.Stride == 1:
		return fmt.Sprintf("%d points, every memory record of the capture, %s apart on average", n, spacing.Round(time.Millisecond))
	case s.FirstOnly:
		return fmt.Sprintf("%d points, each the first of %d memory records, %s apart on average", n, s.Stride, spacing.Round(time.Millisecond))
	}
	return fmt.Sprintf("%d points, each the maximum of %d memory records, %s apart on average", n, s.Stride, spacing.Round(time.Millisecond))
}
