package heap_test

import (
	"io"
	"os"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// benchCapture is the capture that benchmarks read: $MEMVAULT_BENCH (bench/run records a
// large one), else one of testdata.
func benchCapture(b *testing.B) string {
	if path := os.Getenv("MEMVAULT_BENCH"); path != "" {
		return path
	}
	return "../testdata/captures/memray-1.20.0-py3.12/pymalloc.bin"
}

// BenchmarkRead is bytes to records to profile, decompression included.
func BenchmarkRead(b *testing.B) {
	path := benchCapture(b)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	records := uint64(0)
	for b.Loop() {
		p := read(b, path, heap.Options{})
		records += p.Status.Records
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds()/1e6, "Mrec/s")
}

// BenchmarkReadMore is what options cost beyond BenchmarkRead.
func BenchmarkReadMore(b *testing.B) {
	path := benchCapture(b)
	for _, o := range []struct {
		name string
		heap.Options
	}{
		{"slices", heap.Options{Slices: 20}}, {"maxima", heap.Options{Maxima: true}}, {"sizes", heap.Options{Sizes: true}},
		{"like memray", heap.Options{LikeMemray: true}}, {"oldest", heap.Options{Oldest: true}},
	} {
		b.Run(o.name, func(b *testing.B) {
			records := uint64(0)
			for b.Loop() {
				records += read(b, path, o.Options).Status.Records
			}
			b.ReportMetric(float64(records)/b.Elapsed().Seconds()/1e6, "Mrec/s")
		})
	}
}

// BenchmarkDecode is bytes to records alone.
func BenchmarkDecode(b *testing.B) {
	path := benchCapture(b)
	records := uint64(0)
	for b.Loop() {
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		r, err := codec.NewReader(f)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		records += r.Status().Records
		f.Close()
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds()/1e6, "Mrec/s")
}
