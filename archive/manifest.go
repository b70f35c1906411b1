package archive

import (
	"time"

	"github.com/memvault/memvault/codec"
)

// Schema is the version of the manifest that this package writes, and the newest it reads.
// Within a version keys are added, never renamed.
const Schema = 1

// Manifest says what is stored and how to prove it: <stored name>.json beside a stored file,
// <key>.json beside an object. Sizes are in bytes, times in RFC 3339 and UTC.
type Manifest struct {
	Schema int `json:"schema"`
	// Memvault is the version that wrote the manifest.
	Memvault string `json:"memvault,omitempty"`
	// Name is the last element of the file's path, left out of redacted manifests.
	Name      string            `json:"name,omitempty"`
	Component string            `json:"component,omitempty"`
	Host      string            `json:"host,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	// Redacted tells that the command line, the name and all paths were left out.
	Redacted bool `json:"redacted,omitempty"`

	Content   Content `json:"content"`
	Container string  `json:"container,omitempty"`
	// File is of the file as found, Raw of the raw stream, Stored of what is stored.
	File   Digest `json:"file"`
	Raw    Digest `json:"raw"`
	Stored Stored `json:"stored"`
	// Checksum names the checksum by which the object store keeps the whole object: "CRC32C"
	// or "CRC64NVME". It is empty where there is no store, or where it keeps none.
	Checksum string `json:"checksum,omitempty"`

	// State is that of codec.State in words, "killed" for an unfinished capture that nobody
	// writes any more, and "no capture". Reason says why, in a sentence.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Capture is nil if there is no header that could be read.
	Capture *Facts `json:"capture"`
	// The figures are as in Survey; null where they are not known.
	RSSPeak     *uint64  `json:"rss_peak_bytes"`
	HeapPeak    *uint64  `json:"heap_peak_bytes"`
	Leaked      *uint64  `json:"leaked_bytes"`
	Allocations *uint64  `json:"allocations"`
	Seconds     *float64 `json:"seconds"`
}

// Facts is what stands in the header of the capture.
type Facts struct {
	HeaderVersion int    `json:"header_version"`
	Memray        string `json:"memray"`           // the releases that write this header
	Python        string `json:"python,omitempty"` // known from header 12 on
	Format        string `json:"format"`
	// CommandLine is cut to MaxCommandLine bytes, and left out of redacted manifests.
	CommandLine string     `json:"command_line,omitempty"`
	PID         int32      `json:"pid"`
	Start       *time.Time `json:"start"`
	End         *time.Time `json:"end"`
	Word        int        `json:"word"`
	Native      bool       `json:"native"`
	Allocator   string     `json:"python_allocator"`
	// TracesPython is nil before header 11, which does not say.
	TracesPython *bool `json:"traces_python_allocators,omitempty"`
}

// The limits of a manifest.
const (
	MaxManifest    = 256 << 10 // bytes of JSON
	MaxCommandLine = 4 << 10   // bytes
	MaxLabels      = 64
	MaxLabel       = 256 // bytes of a name, and of a value
	maxText        = 1 << 10
)

// NewManifest says what st, made of s, is.
func NewManifest(s *Survey, st Stored, o Options) *Manifest {
	m := &Manifest{
		Schema: Schema, Memvault: o.Version, Name: clip(s.Name, maxText),
		Component: clip(s.Component, maxText), Host: clip(s.Host, maxText),
		Labels: o.Labels, Redacted: o.Redact,
		Content: s.Content, Container: s.Container, File: s.File, Raw: s.Raw, Stored: st,
		State: s.StateText(o.Idle), Reason: clip(s.Reason, maxText), Capture: factsOf(s),
		HeapPeak: s.HeapPeak, Leaked: s.Leaked, Allocations: s.Allocations,
	}
	if s.RSSPeak > 0 {
		m.RSSPeak = &s.RSSPeak
	}
	if !s.Start.IsZero() && !s.End.Before(s.Start) {
		seconds := s.End.Sub(s.Start).Seconds()
		m.Seconds = &seconds
	}
	if o.Redact {
		m.redact()
	}
	return m
}

// redact takes away what may hold secrets. Reasons may quote the first bytes of a file.
func (m *Manifest) redact() {
	m.Name, m.Reason = "", ""
	if m.Capture != nil {
		m.Capture.CommandLine = ""
	}
}

func factsOf(s *Survey) *Facts {
	h := s.Header
	if h == nil {
		return nil
	}
	f := &Facts{
		HeaderVersion: h.Version, Memray: h.Releases(), Python: h.Python(), Format: h.Format.String(),
		CommandLine: clip(h.CommandLine, MaxCommandLine), PID: h.PID, Word: h.Word,
		Native: h.NativeTraces, Allocator: h.AllocatorName(), Start: known(s.Start), End: known(s.End),
	}
	if h.Version >= 11 {
		f.TracesPython = &h.TracesPython
	}
	return f
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// StateText gives State in words. Idle is as in Options.
func (s *Survey) StateText(idle bool) string {
	switch {
	case s.State == codec.StateUnknown:
		return "no capture"
	case s.State == codec.StateUnfinished && idle:
		return "killed"
	}
	return s.State.String()
}
