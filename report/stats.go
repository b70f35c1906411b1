package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// Stats is a capture in figures, in the keys and the order of `memray stats --json`. What an
// aggregated capture does not tell is null.
type Stats struct {
	TotalAllocations *uint64 `json:"total_num_allocations"`
	TotalBytes       *uint64 `json:"total_bytes_allocated"`
	// Histogram has ten bins, or none without allocations. It is of all allocations, whatever the view.
	Histogram        []Bin         `json:"allocation_size_histogram"`
	Allocators       Distribution  `json:"allocator_type_distribution"`
	LocationsBySize  []SizeAt      `json:"top_allocations_by_size"`
	LocationsByCount []CountAt     `json:"top_allocations_by_count"`
	ModulesBySize    []ModuleTotal `json:"top_modules_by_allocation_size"`
	ModulesByCount   []ModuleTotal `json:"top_modules_by_allocation_count"`
	Metadata         Metadata      `json:"metadata"`

	// View is what the distribution and the lists count: "total", which is Memray's, if the capture tells.
	View string `json:"view"`
	// SizesRounded is how many allocations count with a size that is rounded, in the
	// histogram only; 0 but in captures with a million distinct sizes.
	SizesRounded uint64 `json:"sizes_rounded,omitempty"`

	smallest, largest uint64
	options           Options
	view              heap.View
}

// SizeAt is a place in the code, "function:file:line", and bytes.
type SizeAt struct {
	Location string `json:"location"`
	Size     uint64 `json:"size"`
}

// CountAt is a place in the code and a number of allocations.
type CountAt struct {
	Location string `json:"location"`
	Count    uint64 `json:"count"`
}

// ModuleTotal is what the code of a top-level package allocated, itself or through the
// standard library.
type ModuleTotal struct {
	Module      string `json:"module"`
	Allocations uint64 `json:"num_allocations"`
	Bytes       uint64 `json:"total_bytes"`
}

// Metadata is what Memray says of the capture as a whole.
type Metadata struct {
	Start string `json:"start_time"` // "2026-01-02 03:04:05.678000+00:00"
	// End is the header's end in a profile like Memray's, else when the recording truly ended.
	End string `json:"end_time"`
	// Allocations counts allocations and deallocations; rows, in aggregated captures.
	Allocations    uint64 `json:"total_allocations"`
	Frames         uint64 `json:"total_frames"`
	Peak           uint64 `json:"peak_memory"`
	CommandLine    string `json:"command_line"`
	PID            int32  `json:"pid"`
	MainThread     uint64 `json:"main_thread_id"`
	Allocator      string `json:"python_allocator"`
	Native         bool   `json:"has_native_traces"`
	TracesPython   bool   `json:"trace_python_allocators"`
	FileFormatCode int    `json:"file_format"`
}

// NewStats makes the statistics of p, which should have been read with heap.Options.Sizes. Times
// are told in zone. An aggregated capture does not know heap.Total: heap.Peak takes its place.
func NewStats(p *heap.Profile, o Options, zone *time.Location) *Stats {
	s := &Stats{
		Histogram: histogram(p.Sizes), Metadata: metadata(p, zone),
		SizesRounded: p.SizesRounded, options: o, view: o.View,
	}
	if p.Aggregated && (o.View == heap.Total || o.View == heap.Temporary) {
		s.view = heap.Peak
	}
	s.View = s.view.String()
	if n := len(p.Sizes); n > 0 {
		s.smallest, s.largest = p.Sizes[0].Size, p.Sizes[n-1].Size
	}
	var all heap.Value
	for i := range p.Samples {
		all = sum(all, p.Value(i, s.view))
	}
	if !p.Aggregated || o.View == s.view {
		s.TotalAllocations, s.TotalBytes = &all.Count, &all.Bytes
	}
	s.Allocators = distribution(p, s.view)
	s.rankLocations(locations(p, s.view))
	s.rankModules(modules(p, s.view))
	return s
}

func metadata(p *heap.Profile, zone *time.Location) Metadata {
	h := &p.Header
	m := Metadata{
		Start: pythonTime(h.Start().In(zone)), End: pythonTime(endOf(p).In(zone)),
		Allocations: p.Events, Frames: h.Frames, Peak: p.PeakBytes,
		CommandLine: h.CommandLine, PID: h.PID, MainThread: h.MainThread, Allocator: h.AllocatorName(),
		Native: h.NativeTraces, TracesPython: h.TracesPython, FileFormatCode: int(h.Format),
	}
	if p.Aggregated {
		m.Allocations = p.Kinds[codec.KindAggregated]
	}
	if m.Allocator == "other" {
		m.Allocator = "unknown"
	}
	return m
}

// endOf gives the end of the recording.
func endOf(p *heap.Profile) time.Time {
	if !p.LikeMemray && p.Status.State != codec.StateComplete && p.Status.LastTime != 0 {
		return time.UnixMilli(p.Status.LastTime)
	}
	return p.Header.End()
}

// pythonTime prints a time as str does in Python.
func pythonTime(t time.Time) string {
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02 15:04:05-07:00")
	}
	return t.Format("2006-01-02 15:04:05.000000-07:00")
}

// place is what one place in the code allocated. order is when it was first seen.
type place struct {
	name  string
	order int
	heap.Value
}

// locations sums up by innermost frame, hidden or not.
func locations(p *heap.Profile, v heap.View) []place {
	names, ofFrame := frames(p)
	// Readers up to header 11 tell frames apart that read alike.
	if p.LikeMemray && p.Header.Version < 12 {
		names, ofFrame = apart(p)
	}
	var keys interner[uint32] // 0 is none, else a frame plus 1
	var places []place
	for i := range p.Samples {
		s, val := &p.Samples[i], p.Value(i, v)
		if val == (heap.Value{}) {
			continue
		}
		frame := uint32(0)
		if s.Stack != 0 {
			frame = ofFrame[p.Stacks[s.Stack].Frame] + 1
		}
		k := keys.of(frame)
		if int(k) == len(places) {
			places = append(places, place{name: noStack, order: -1})
			if frame != 0 {
				places[k] = place{name: names[frame-1].String(), order: int(k)}
			}
		}
		places[k].Value = sum(places[k].Value, val)
	}
	return places
}

// apart gives all frames of p, of which some may read alike.
func apart(p *heap.Profile) (all []Frame, of []uint32) {
	for i := range p.Frames {
		f := &p.Frames[i]
		all = append(all, Frame{Function: f.Function, File: f.File, Line: f.Line})
		of = append(of, uint32(i))
	}
	return all, of
}

// ranked gives the n first places by what value tells, largest first; of equal ones the one seen last
// comes first, as in Memray.
func ranked(places []place, n int, value func(heap.Value) uint64) []place {
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(value(b.Value), value(a.Value)), cmp.Compare(b.order, a.order))
	})
	return firstN(places, n)
}

func bytesOf(v heap.Value) uint64 { return v.Bytes }
func countOf(v heap.Value) uint64 { return v.Count }

func (s *Stats) rankLocations(places []place) {
	s.LocationsBySize, s.LocationsByCount = []SizeAt{}, []CountAt{}
	for _, l := range ranked(places, s.options.N, bytesOf) {
		s.LocationsBySize = append(s.LocationsBySize, SizeAt{l.name, l.Bytes})
	}
	for _, l := range ranked(places, s.options.N, countOf) {
		s.LocationsByCount = append(s.LocationsByCount, CountAt{l.name, l.Count})
	}
}

func (s *Stats) rankModules(places []place) {
	for i := range places {
		places[i].order = -i // of equal ones the one seen first
	}
	s.ModulesBySize, s.ModulesByCount = []ModuleTotal{}, []ModuleTotal{}
	for _, m := range ranked(places, s.options.N, bytesOf) {
		s.ModulesBySize = append(s.ModulesBySize, ModuleTotal{m.name, m.Count, m.Bytes})
	}
	for _, m := range ranked(places, s.options.N, countOf) {
		s.ModulesByCount = append(s.ModulesByCount, ModuleTotal{m.name, m.Count, m.Bytes})
	}
}
