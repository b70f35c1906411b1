package retention

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/internal/soak"
)

// manyCaptures makes n captures of ten components, one a minute each.
func manyCaptures(n int, now time.Time) []Capture {
	captures := make([]Capture, n)
	for i := range captures {
		end := now.Add(-time.Duration(i/10) * time.Minute)
		captures[i] = Capture{
			Dir: "/captures", Name: fmt.Sprintf("component%d_memory.%s.%d.bin", i%10, end.Format("20060102T150405Z"), i),
			Component: fmt.Sprintf("component%d", i%10), Start: end.Add(-time.Minute), End: end, Bytes: 1 << 20, State: Finished,
		}
	}
	return captures
}

// BenchmarkPlan plans for a million captures by every rule there is. peak-MB is what the process has taken
// from the system, the captures included.
func BenchmarkPlan(b *testing.B) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	captures := manyCaptures(1_000_000, now)
	age := 60 * 24 * time.Hour
	p := Policy{
		KeepLast: 5, KeepHourly: 24, KeepDaily: 7, KeepWeekly: 4, KeepWithin: 24 * time.Hour,
		MaxAge: &age, MaxCount: 90_000, MaxTotal: 80 << 30, Budget: 700 << 30,
		MinFree: Amount{Percent: 10}, Slack: 0.1,
	}
	disk := Disk{Total: 1 << 40, Free: 50 << 30}
	b.ReportAllocs()
	for b.Loop() {
		plan, err := p.Plan(captures, disk, now)
		if err != nil || len(plan.Deletions) == 0 {
			b.Fatalf("got %v, %v, want a plan that deletes", plan, err)
		}
	}
	b.ReportMetric(float64(len(captures))*float64(b.N)/b.Elapsed().Seconds(), "captures/s")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/1e6, "peak-MB")
}

// BenchmarkScan scans a folder of 100,000 captures, as Memray leaves them (LZ4) and raw, half each, and lets
// find do the like. x-find is how much longer we take.
func BenchmarkScan(b *testing.B) {
	n := soak.N(b, 10_000, 100_000)
	dir := b.TempDir()
	fillFolder(b, dir, n)
	find := func() time.Duration {
		start := time.Now()
		if out, err := exec.Command("find", dir, "-printf", "%p %s %b %T@ %n %U\n").Output(); err != nil || len(out) == 0 {
			b.Skipf("find -printf: %v", err)
		}
		return time.Since(start)
	}
	find() // the kernel's caches are full from here on
	theirs := time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		theirs += find()
		b.StartTimer()
		captures, err := Scan(b.Context(), dir, ScanOptions{})
		if err != nil || len(captures) != n {
			b.Fatalf("got %d captures, %v, want %d", len(captures), err, n)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
	b.ReportMetric(float64(b.Elapsed())/float64(theirs), "x-find")
}

// fillFolder makes n captures in dir, every other one packed by LZ4.
func fillFolder(tb testing.TB, dir string, n int) {
	tb.Helper()
	raw := finished(tb, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	forms := [][]byte{append(raw, make([]byte, 4096-len(raw))...), codectest.LZ4(raw)}
	for i := range n {
		name := fmt.Sprintf("scheduler_memory.20260102T%02d%02d%02dZ.%d.bin", i/3600%24, i/60%60, i%60, i)
		if err := os.WriteFile(filepath.Join(dir, name), forms[i%2], 0o644); err != nil {
			tb.Fatal(err)
		}
	}
}

// finished gives a raw capture of a second, that ended regularly at a time.
func finished(tb testing.TB, end time.Time) []byte {
	ms := end.UnixMilli()
	return codectest.Capture(tb, fmt.Sprintf(`HEADER version=12 n_allocations=1 start_time=%d end_time=%d pid=42 command_line=run.py
CONTEXT_SWITCH tid=1
MEMORY_RECORD time=%d memory=1000000
ALLOCATION address=0x1000 size=64 allocator=malloc
TRAILER
`, ms-1000, ms, ms-500))
}
