package naming

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	start := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	tests := []struct {
		base string
		want Name
	}{
		{"scheduler_memory.bin", Name{Component: "scheduler", Fixed: true}},
		{"dag_processor_memory.bin", Name{Component: "dag_processor", Fixed: true}},
		{"scheduler_memory.20260102T150405Z.77.bin", Name{Component: "scheduler", Start: start, PID: 77, Rotated: true}},
		{"scheduler_memory.20260102T150405Z.0.bin", Name{Component: "scheduler", Start: start, Rotated: true}},
		{"scheduler_memory.20260102T150405Z.77.2.bin", Name{Component: "scheduler", Start: start, PID: 77, Copy: 2, Rotated: true}},
		{"scheduler_memory.20260102T150405Z.77.bin.zst", Name{Component: "scheduler", Start: start, PID: 77, Rotated: true, Stored: true}},
		{"scheduler_memory.bin.4711", Name{Component: "scheduler", ChildPID: 4711}},
		{"scheduler_memory.bin.lz4.tmp", Name{Component: "scheduler", Compressing: true}},
		{"scheduler_memory.bin.zst", Name{Component: "scheduler", Stored: true}},
		{"scheduler_memory.bin.4711.zst", Name{Component: "scheduler", ChildPID: 4711, Stored: true}},
		{"scheduler_memory.20261302T150405Z.77.bin", Name{Component: "scheduler_memory.20261302T150405Z.77"}},
		{"scheduler_memory.20260102T150405Z.99999999999.bin", Name{Component: "scheduler_memory.20260102T150405Z.99999999999"}},
		{"x.bin", Name{Component: "x"}},
		{"x.bin.123", Name{Component: "x", ChildPID: 123}},
		{"memray-train.py.77.bin", Name{Component: "memray-train.py", PID: 77}},
		{"memray-train.py.77.bin.78", Name{Component: "memray-train.py", PID: 77, ChildPID: 78}},
		{"out.lz4.tmp", Name{Component: "out", Compressing: true}},
		{"_memory.bin", Name{Component: "_memory"}},
		{"a\nb_memory.bin", Name{Component: "a\nb", Fixed: true}},
	}
	for _, tt := range tests {
		if got, ok := Parse(tt.base); !ok || got != tt.want {
			t.Errorf("Parse(%q):\n got %+v, %v\nwant %+v, true", tt.base, got, ok, tt.want)
		}
	}
}

func TestParseOthers(t *testing.T) {
	for _, base := range []string{
		"", ".", "..", ".bin", "x", "x.txt", "x.zst", "x.bin.json", "x.bin.zst.json", "x.bin.gz", "x.bin.0", "x.bin.007",
		"x.bin.99999999999", "x.bin.12a", ".lz4.tmp", "airflow.cfg", "a/b.bin", "a\x00.bin",
	} {
		if got, ok := Parse(base); ok {
			t.Errorf("Parse(%q): got %+v, want none", base, got)
		}
	}
}

func TestRotated(t *testing.T) {
	east := time.FixedZone("east", 3600)
	tests := []struct {
		start       time.Time
		pid, number int
		want        string
	}{
		{time.Date(2026, 1, 2, 15, 4, 5, 999, time.UTC), 77, 0, "api_memory.20260102T150405Z.77.bin"},
		{time.Date(2026, 1, 2, 0, 30, 0, 0, east), 77, 1, "api_memory.20260101T233000Z.77.bin"},
		{time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC), 77, 3, "api_memory.20260102T150405Z.77.3.bin"},
		{time.UnixMilli(1<<62 - 1), -5, 0, "api_memory.19700101T000000Z.0.bin"},
		{time.UnixMilli(-1 << 62), 1, 0, "api_memory.19700101T000000Z.1.bin"},
	}
	for _, tt := range tests {
		got := RotatedCopy("api", tt.start, tt.pid, tt.number)
		if got != tt.want {
			t.Errorf("RotatedCopy(api, %v, %d, %d): got %s, want %s", tt.start, tt.pid, tt.number, got, tt.want)
		}
		if n, ok := Parse(got); !ok || !n.Rotated || n.Component != "api" {
			t.Errorf("Parse(%q): got %+v, %v, want a rotated name of api", got, n, ok)
		}
	}
	if got, want := Fixed("api"), "api_memory.bin"; got != want {
		t.Errorf("Fixed(api): got %s, want %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("scheduler_memory.20260102T150405Z.77.2.bin.zst")
	f.Add("memray-train.py.77.bin.78.lz4.tmp")
	f.Fuzz(func(t *testing.T, base string) {
		n, ok := Parse(base)
		if ok && (n.Component == "" || strings.ContainsAny(n.Component, "/\x00")) {
			t.Errorf("Parse(%q): component %q", base, n.Component)
		}
		if !ok && n != (Name{}) {
			t.Errorf("Parse(%q): got %+v with false", base, n)
		}
		if !n.Rotated || n.ChildPID != 0 || n.Stored || n.Compressing || n.Copy == 1 {
			return
		}
		if again := RotatedCopy(n.Component, n.Start, n.PID, n.Copy); again != base && n.Start.Year() > 0 {
			t.Errorf("Parse(%q) gives %+v, whose name is %q", base, n, again)
		}
	})
}

// A fixed name may be as long as a file system allows; the rotated one still is a name.
func TestRotatedLong(t *testing.T) {
	long := strings.Repeat("x", 255-len("_memory.bin"))
	for _, number := range []int{0, 9999} {
		got := RotatedCopy(long, time.Now(), 1<<31-1, number)
		if n, ok := Parse(got); len(got) != 255 || !ok || !n.Rotated {
			t.Errorf("copy %d: got %q of %d bytes, want a rotated name of 255", number, got, len(got))
		}
	}
}
