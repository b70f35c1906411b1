package archive

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

var benchFiles = flag.String("bench-captures", "", "folder of large captures in Memray's own LZ4, for benchmarks")

// BenchmarkEncode reports the stored bytes as a percentage of the file's own, and bytes of the raw
// stream per second of both passes.
func BenchmarkEncode(b *testing.B) {
	names := []string{filepath.Join(captures, "memray-1.20.0-py3.12", "pymalloc.bin")}
	if *benchFiles != "" {
		var err error
		if names, err = filepath.Glob(filepath.Join(*benchFiles, "*.bin")); err != nil || len(names) == 0 {
			b.Fatalf("%d captures in %s, %v", len(names), *benchFiles, err)
		}
	}
	for _, name := range names {
		for _, level := range []Level{LevelDefault, LevelBetter} {
			b.Run(filepath.Base(name)+"/"+string(level), func(b *testing.B) { benchEncode(b, name, level) })
		}
	}
}

func benchEncode(b *testing.B, name string, level Level) {
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	o := Options{Level: level, Workers: NewWorkers()}
	var s *Survey
	var st Stored
	for b.Loop() {
		if s, err = Examine(b.Context(), f, o); err != nil {
			b.Fatal(err)
		}
		if st, err = Encode(b.Context(), io.Discard, f, s, o); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(s.Raw.Size)
	b.ReportMetric(100*float64(st.Size)/float64(s.File.Size), "%file")
	b.ReportMetric(float64(runtime.GOMAXPROCS(0)), "procs")
	counted := 0.0
	if s.HeapPeak != nil {
		counted = 1
	}
	b.ReportMetric(counted, "counted")
}

// BenchmarkExamine is the first pass alone.
func BenchmarkExamine(b *testing.B) {
	data := plainCapture(b)
	for len(data) < 8*FrameSize {
		data = append(data, data...)
	}
	f := file(b, "x.bin", data)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Examine(b.Context(), f, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
