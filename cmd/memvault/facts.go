package main

import (
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// facts is what `memvault inspect` says of one capture, in the keys of its JSON. Keys
// are added, never renamed. Sizes are in bytes, times in RFC 3339, or null where no year of
// four digits fits.
type facts struct {
	File string `json:"file"`
	// Error is why nothing more is known; nothing but File and Size is set then.
	Error string `json:"error,omitempty"`
	// State is that of codec.State in words. Proved tells that the bytes leave no doubt of it.
	State  string `json:"state,omitempty"`
	Proved bool   `json:"proved"`
	Reason string `json:"reason,omitempty"`
	// Complete tells that every record that was ever to be written is there; null when not known.
	Complete  *bool  `json:"complete"`
	Size      *int64 `json:"size,omitempty"` // of the file; nil when it came through a pipe
	Container string `json:"container,omitempty"`

	*headerFacts
	*fullFacts
}

// headerFacts is what stands in the header.
type headerFacts struct {
	HeaderVersion int    `json:"header_version"`
	Memray        string `json:"memray"`
	Python        string `json:"python,omitempty"`
	Format        string `json:"format"`
	CommandLine   string `json:"command_line"`
	PID           int32  `json:"pid"`
	Start         moment `json:"start"`
	Word          int    `json:"word"`
	Native        bool   `json:"native"`
	Allocator     string `json:"python_allocator"`
	// TracesPython is nil before header 11, which does not say.
	TracesPython *bool `json:"traces_python_allocators,omitempty"`
}

// fullFacts is what only reading all of the capture tells.
type fullFacts struct {
	Records       uint64            `json:"records"`
	RecordsByKind map[string]uint64 `json:"records_by_kind"`
	// Allocations counts allocations and deallocations; nil in aggregated captures, which do not tell.
	Allocations *uint64 `json:"allocations,omitempty"`
	PeakBytes   uint64  `json:"peak_bytes"`
	PeakTime    *moment `json:"peak_time,omitempty"`
	LiveBytes   uint64  `json:"live_bytes"`
	LiveBlocks  uint64  `json:"live_blocks"`
	End         moment  `json:"end"`
	Seconds     float64 `json:"seconds"`
	Threads     int     `json:"threads"`
	Stacks      int     `json:"stacks"`
	ValidBytes  int64   `json:"valid_bytes"`
	WastedBytes int64   `json:"wasted_bytes"`
}

// moment is a time of a capture. Captures hold any number there, RFC 3339 four digits of
// a year: in JSON other years are null.
type moment struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (m moment) MarshalJSON() ([]byte, error) {
	if y := m.Year(); y < 0 || y > 9999 {
		return []byte("null"), nil
	}
	return m.Time.MarshalJSON()
}

func factsOfHeader(h *codec.Header) *headerFacts {
	f := &headerFacts{
		HeaderVersion: h.Version, Memray: h.Releases(), Python: h.Python(),
		Format: h.Format.String(), CommandLine: h.CommandLine, PID: h.PID, Start: moment{h.Start()},
		Word: h.Word, Native: h.NativeTraces, Allocator: h.AllocatorName(),
	}
	if h.Version >= 11 {
		f.TracesPython = &h.TracesPython
	}
	return f
}

func factsOfProfile(p *heap.Profile) *fullFacts {
	f := &fullFacts{
		Records: p.Status.Records, RecordsByKind: map[string]uint64{},
		PeakBytes: p.PeakBytes, Threads: len(p.Threads), Stacks: distinctStacks(p),
		ValidBytes: p.Status.Bytes, WastedBytes: p.Status.Wasted,
	}
	for k, n := range p.Kinds {
		if n > 0 {
			f.RecordsByKind[codec.Kind(k).String()] = n
		}
	}
	for i := range p.Samples {
		live := p.Samples[i].Values[heap.Live]
		f.LiveBytes = saturated(f.LiveBytes, live.Bytes)
		f.LiveBlocks = saturated(f.LiveBlocks, live.Count)
	}
	if !p.Aggregated {
		f.Allocations = &p.Events
	}
	if p.PeakTime != 0 {
		f.PeakTime = &moment{time.UnixMilli(p.PeakTime).UTC()}
	}
	f.End = moment{endOf(p)}
	f.Seconds = f.End.Sub(p.Header.Start()).Seconds()
	return f
}

// endOf gives the end of the recording: of the header, or the last memory record where
// the header was not rewritten.
func endOf(p *heap.Profile) time.Time {
	if p.Status.State != codec.StateComplete && p.Status.LastTime != 0 {
		return time.UnixMilli(p.Status.LastTime).UTC()
	}
	return p.Header.End()
}

// distinctStacks counts the Python stacks that allocated.
func distinctStacks(p *heap.Profile) int {
	seen := make(map[uint32]struct{})
	for i := range p.Samples {
		if s := p.Samples[i].Stack; s != 0 {
			seen[s] = struct{}{}
		}
	}
	return len(seen)
}

// saturated adds; what does not fit into 64 bits is as much as does.
func saturated(a, b uint64) uint64 {
	if a+b < a {
		return 1<<64 - 1
	}
	return a + b
}
