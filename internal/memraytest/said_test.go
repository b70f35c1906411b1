package memraytest

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"

	"github.com/memvault/memvault/internal/expected"
)

// said is what dump_expected.py writes about a capture.
type said struct {
	*expected.Result
	Records     *records // nil when the release cannot list them
	byAllocator map[string]uint64
	more        metadata
}

// records sums up all allocations and deallocations.
type records struct {
	Count, Bytes uint64
	Digest       string
}

// metadata is what Result.Metadata leaves out. Times are in milliseconds since 1970 UTC;
// what a release does not tell is nil.
type metadata struct {
	CommandLine     string `json:"command_line"`
	PID             int32
	PythonAllocator string  `json:"python_allocator"`
	StartTime       int64   `json:"start_time_ms"`
	EndTime         int64   `json:"end_time_ms"`
	MainThread      *uint64 `json:"main_thread_id"`
	TracesPython    *bool   `json:"trace_python_allocators"`
}

func load(t *testing.T, path string) *said {
	t.Helper()
	result, err := expected.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var rest struct {
		Records  *records
		Metadata metadata
		Stats    struct {
			ByAllocator map[string]uint64 `json:"allocation_count_by_allocator"`
		}
	}
	if err := json.NewDecoder(z).Decode(&rest); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &said{Result: result, Records: rest.Records, byAllocator: rest.Stats.ByAllocator, more: rest.Metadata}
}
