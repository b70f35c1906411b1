// Package expected reads what a Memray release itself says about a capture, for tests:
// the files CAPTURE.expected.json.gz (testdata/captures).
package expected

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Result is one file.
type Result struct {
	Memray    string
	Native    bool              `json:"has_native_traces"`
	Views     map[string][]Row  // peak, leaks, temporary; each also with the suffix _by_thread
	Snapshots [][3]int64        // milliseconds, RSS and heap in bytes
	Errors    map[string]string // views that the release cannot tell
	Metadata  struct {
		PeakMemory       uint64 `json:"peak_memory"`
		TotalAllocations uint64 `json:"total_allocations"`
	}
	Stats *struct {
		TotalAllocations uint64 `json:"total_num_allocations"`
		TotalBytes       uint64 `json:"total_memory_allocated"`
		PeakBytes        uint64 `json:"peak_memory_allocated"`
	}
}

// Row is one row of a view.
type Row struct {
	Thread       uint64
	ThreadName   string
	Bytes, Count uint64
	Stack        []Frame // leaf first
}

// Frame is a line of a function.
type Frame struct {
	Function, File string
	Line           int32
}

// UnmarshalJSON reads [tid, thread_name, bytes, allocations, stack, ...].
func (r *Row) UnmarshalJSON(b []byte) error {
	fields := []any{&r.Thread, &r.ThreadName, &r.Bytes, &r.Count, &r.Stack}
	return json.Unmarshal(b, &fields)
}

// UnmarshalJSON reads [function, file, line].
func (f *Frame) UnmarshalJSON(b []byte) error {
	fields := []any{&f.Function, &f.File, &f.Line}
	return json.Unmarshal(b, &fields)
}

// Load reads a file.
func Load(path string) (*Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := new(Result)
	if err := json.NewDecoder(z).Decode(r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Key is a stack as text, leaf first, to sum rows by.
func Key(stack []Frame) string {
	var b strings.Builder
	for _, f := range stack {
		fmt.Fprintf(&b, "%s;%s;%d|", f.Function, f.File, f.Line)
	}
	return b.String()
}
