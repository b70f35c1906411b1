package archive

import (
	"bytes"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/soak"
)

// The figures are those of a whole profile.
func TestFigures(t *testing.T) {
	everyCapture(t, func(t *testing.T, data []byte) {
		s, m, _ := store(t, data, Options{})
		r, err := codec.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		p, err := heap.Read(r, heap.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var live, allocations uint64
		for i := range p.Samples {
			live += p.Samples[i].Values[heap.Live].Bytes
			allocations += p.Samples[i].Values[heap.Total].Count
		}
		var rss uint64
		for _, point := range p.Series {
			rss = max(rss, point.RSS)
		}
		if *s.HeapPeak != p.PeakBytes || *s.Leaked != live || s.RSSPeak != rss {
			t.Errorf("peak %d, leaked %d, RSS %d; want %d, %d, %d", *s.HeapPeak, *s.Leaked, s.RSSPeak, p.PeakBytes, live, rss)
		}
		if (s.Allocations == nil) != p.Aggregated || s.Allocations != nil && *s.Allocations != allocations {
			t.Errorf("allocations %v, want %d", s.Allocations, allocations)
		}
		if s.State != p.Status.State || s.Reason != p.Status.Reason {
			t.Errorf("state %s (%s), want %s (%s)", s.State, s.Reason, p.Status.State, p.Status.Reason)
		}
		end := p.Header.End()
		if p.Status.State != codec.StateComplete && p.Status.LastTime > 0 {
			end = time.UnixMilli(p.Status.LastTime)
		}
		if !s.Start.Equal(p.Header.Start()) || !s.End.Equal(end) || *m.Seconds != end.Sub(p.Header.Start()).Seconds() {
			t.Errorf("from %v until %v, %v s; want %v, %v", s.Start, s.End, *m.Seconds, p.Header.Start(), end)
		}
	})
}

// crowded is a capture with so many live blocks, of distinct addresses.
func crowded(t testing.TB, blocks int) []byte {
	t.Helper()
	w := codectest.NewWriter(codec.Header{Version: 12, Word: 8, StartTime: 1_700_000_000_000, EndTime: 1_700_000_001_000, Allocations: uint64(blocks)})
	w.Record(&codec.Record{Kind: codec.KindContextSwitch, Thread: 1})
	r := rand.New(rand.NewPCG(3, 4))
	for range blocks {
		w.Record(&codec.Record{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Malloc, Address: r.Uint64() &^ 15, Size: 16})
	}
	w.Finish()
	b, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What would take too much memory is not counted, and no memory is taken for it.
func TestTooManyBlocks(t *testing.T) {
	few, _, _ := store(t, crowded(t, 100_000), Options{})
	if few.HeapPeak == nil || *few.HeapPeak != 1_600_000 || *few.Allocations != 100_000 {
		t.Errorf("100,000 blocks: peak %v, allocations %v", few.HeapPeak, few.Allocations)
	}
	f := file(t, "x.bin", crowded(t, 3_000_000))
	var s *Survey
	var err error
	used := peakHeap(func() { s, err = Examine(t.Context(), f, Options{}) })
	if err != nil {
		t.Fatal(err)
	}
	if s.HeapPeak != nil || s.Leaked != nil || s.Allocations != nil || s.State != codec.StateComplete {
		t.Errorf("3,000,000 blocks: peak %v, leaked %v, allocations %v, %s; want none of them", s.HeapPeak, s.Leaked, s.Allocations, s.State)
	}
	if most := uint64(maxCounting + 8<<20); used > most {
		t.Errorf("used %d bytes, want at most %d", used, most)
	}
}

// peakHeap gives how much more live memory there was, at most, while f ran.
func peakHeap(f func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, uint64(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		select {
		case <-done:
			return most - min(most, before)
		case <-time.After(10 * time.Millisecond):
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
}

// Memory does not grow with the file: a capture, bytes that hardly compress, and zeros.
func TestLargeFile(t *testing.T) {
	size := int64(soak.N(t, 1, 1024)) << 28
	head := bytes.Join([][]byte{plainCapture(t), pattern(16 * FrameSize)}, nil)
	f := file(t, "x.bin", head)
	if err := os.Truncate(f.Name(), size); err != nil { // where the file system can, without taking space
		t.Fatal(err)
	}
	o := Options{Workers: newWorkers(maxWorkers)}
	var s *Survey
	var st Stored
	var err error
	used := peakHeap(func() {
		if s, err = Examine(t.Context(), f, o); err == nil {
			st, err = Encode(t.Context(), &full{1 << 40}, f, s, o)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := int(size / FrameSize); st.Frames != want || s.Raw.Size != size {
		t.Errorf("%d frames of %d bytes, want %d of %d", st.Frames, s.Raw.Size, want, size)
	}
	if most := uint64(64 << 20); used > most {
		t.Errorf("used %d bytes, want at most %d", used, most)
	}
	t.Logf("%d bytes: %d of memory, %d stored", size, used, st.Size)
}

// The outline of an LZ4 frame is the same however its bytes come.
func TestFrameEnd(t *testing.T) {
	packed := lz4(pattern(300_000))
	for _, tt := range []struct {
		name  string
		data  []byte
		clean bool
		extra int64
	}{
		{"whole", packed, true, 0},
		{"cut", packed[:len(packed)-1], false, 0},
		{"more", append(bytes.Clone(packed), 1, 2, 3), false, 3},
		{"nothing", nil, false, 0},
	} {
		for _, n := range []int{1, 3, 1000, 1 << 20} {
			e := newFrameEnd()
			for b := tt.data; len(b) > 0; b = b[min(n, len(b)):] {
				if k, err := e.Write(b[:min(n, len(b))]); k != min(n, len(b)) || err != nil {
					t.Fatal(k, err)
				}
			}
			if e.clean() != tt.clean || e.extra != tt.extra {
				t.Errorf("%s, %d bytes at a time: clean %t, %d more; want %t, %d", tt.name, n, e.clean(), e.extra, tt.clean, tt.extra)
			}
		}
	}
}
