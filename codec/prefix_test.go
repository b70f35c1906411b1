package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
)

// sampleCapture encodes Sample of a header, whose statistics tell a finished capture or not.
func sampleCapture(t testing.TB, h codec.Header, finished bool) []byte {
	t.Helper()
	w := codectest.NewWriter(h)
	for _, rec := range codectest.Sample(h) {
		w.Record(&rec)
	}
	data, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if finished && h.Allocations == 0 {
		recs := codectest.Sample(h)
		h.Allocations = uint64(len(slices.DeleteFunc(recs, func(r codec.Record) bool { return r.Kind != codec.KindAllocation })))
		return sampleCapture(t, h, true)
	}
	return data
}

// A whole capture read to its end, to compare its prefixes with.
type whole struct {
	data   []byte
	lines  []string
	header int64
	ends   []int64  // offset behind each record
	allocs []uint64 // allocations up to each record
	// fillers tells that zeros between the records are skipped, so that a record may end in zeros.
	fillers bool
}

func readWhole(t *testing.T, data []byte) whole {
	t.Helper()
	d, err := codec.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	h := d.Header()
	w := whole{data: data, header: h.Size, fillers: h.Version == 6 || h.Version == 7 && h.Allocations > 0}
	n := uint64(0)
	for {
		rec, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.Kind == codec.KindAllocation {
			n++
		}
		w.lines = append(w.lines, string(rec.AppendText(nil, h, true)))
		w.ends = append(w.ends, d.Status().Bytes)
		w.allocs = append(w.allocs, n)
	}
	if len(w.lines) < 3 {
		t.Fatalf("got %d records, want more", len(w.lines))
	}
	return w
}

// checkPrefix reads the first n bytes of a plain capture: it must get all records that
// are whole, no others, and no error other than the documented ones.
func (w *whole) checkPrefix(t *testing.T, n int) {
	t.Helper()
	text, status, err := dump(bytes.NewReader(w.data[:n]), true)
	if int64(n) < w.header {
		if !errors.Is(err, codec.ErrEmpty) && !errors.Is(err, codec.ErrHeader) {
			t.Fatalf("first %d bytes: got error %v, want one of the header", n, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("first %d bytes: %v", n, err)
	}
	end := int64(n)
	if !w.fillers {
		end = int64(len(bytes.TrimRight(w.data[:n], "\x00")))
	}
	want := 0
	for want < len(w.ends) && w.ends[want] <= end {
		want++
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")[1:]
	if !slices.Equal(lines, w.lines[:want]) {
		t.Fatalf("first %d bytes: got %d records, want %d; %s", n, len(lines), want, status.Reason)
	}
	bytes, allocs := w.header, uint64(0)
	if want > 0 {
		bytes, allocs = w.ends[want-1], w.allocs[want-1]
	}
	if status.Records != uint64(want) || status.Allocations != allocs || status.Bytes != bytes {
		t.Fatalf("first %d bytes: got %d records, %d allocations, %d bytes, want %d, %d, %d",
			n, status.Records, status.Allocations, status.Bytes, want, allocs, bytes)
	}
	if status.Bytes+status.Wasted != int64(n) {
		t.Fatalf("first %d bytes: got %d bytes of records and %d wasted", n, status.Bytes, status.Wasted)
	}
	w.checkState(t, n, want, status)
}

// checkState wants a prefix with fewer records than the whole to be told from a finished
// capture. Headers 6 and 7 have only the number of allocations to tell it by.
func (w *whole) checkState(t *testing.T, n, records int, s codec.Status) {
	t.Helper()
	missing := records < len(w.lines)
	if w.fillers && records > 0 {
		missing = w.allocs[records-1] < w.allocs[len(w.allocs)-1]
	}
	if missing && (s.State.Finished() || s.State == codec.StateDamaged || s.Reason == "") {
		t.Fatalf("first %d bytes: got state %s, reason %q", n, s.State, s.Reason)
	}
}

// TestPrefixes cuts captures of every dialect behind each byte.
func TestPrefixes(t *testing.T) {
	check := func(name string, data []byte) {
		t.Run(name, func(t *testing.T) {
			w := readWhole(t, data)
			for n := range len(data) + 1 {
				w.checkPrefix(t, n)
			}
		})
	}
	for _, version := range []int{6, 7, 9, 11, 12, 13} {
		h := codectest.Header(version, codec.AllAllocations, 8)
		check(fmt.Sprint(version), sampleCapture(t, h, false))
		if version <= 7 { // their statistics tell how the end is to be read
			check(fmt.Sprint(version, " finished"), sampleCapture(t, h, true))
		}
	}
	check("12, 32 bit", sampleCapture(t, codectest.Header(12, codec.AllAllocations, 4), true))
	check("11 aggregated, 32 bit", sampleCapture(t, codectest.Header(11, codec.AggregatedAllocations, 4), false))
	check("13 aggregated", sampleCapture(t, codectest.Header(13, codec.AggregatedAllocations, 8), false))
	data, err := os.ReadFile("../testdata/captures/memray-1.0.3-py3.7/forks.bin.17286")
	if err != nil {
		t.Fatal(err)
	}
	check("real, header 6", bytes.TrimRight(data, "\x00"))
}

// TestPrefixesLZ4 cuts compressed captures: whole blocks are kept, and no cut is taken for damage.
func TestPrefixesLZ4(t *testing.T) {
	for _, version := range []int{7, 11, 13} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			h := codectest.Header(version, codec.AllAllocations, 8)
			data, starts := blocksCapture(t, h)
			frame := codectest.LZ4(data)
			w := readWhole(t, frame)
			for n := range starts.cuts(len(frame)) {
				text, status, err := dump(bytes.NewReader(frame[:n]), true)
				if err != nil {
					if !errors.Is(err, codec.ErrEmpty) && !errors.Is(err, codec.ErrHeader) && !errors.Is(err, codec.ErrMagic) && !errors.Is(err, codec.ErrNeverStarted) {
						t.Fatalf("first %d bytes: %v", n, err)
					}
					continue
				}
				lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")[1:]
				if !slices.Equal(lines, w.lines[:len(lines)]) {
					t.Fatalf("first %d bytes: %d records are no prefix of the whole", n, len(lines))
				}
				if whole := len(lines) == len(w.lines); !whole && status.State != codec.StateCut {
					t.Fatalf("first %d bytes: got state %s, want cut", n, status.State)
				}
				if kept := starts.decoded(n); len(lines) < len(w.ends) && w.ends[len(lines)] <= kept {
					t.Fatalf("first %d bytes hold %d of the stream: got only %d records", n, kept, len(lines))
				}
			}
		})
	}
}

// blocks knows where in a frame the blocks of 64 KiB end.
type blocks []int

// blocksCapture is a capture of several LZ4 blocks, most of which do not compress.
func blocksCapture(t *testing.T, h codec.Header) ([]byte, blocks) {
	t.Helper()
	rng := rand.NewChaCha8([32]byte{1})
	w := codectest.NewWriter(h)
	for i := range 200 {
		name := make([]byte, 1000)
		rng.Read(name)
		for j := range name {
			name[j] |= 1 // no NUL
		}
		w.Record(&codec.Record{Kind: codec.KindThreadName, Thread: uint64(i + 1), Name: name})
	}
	w.Finish()
	data, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var ends blocks
	for at := 0; at < len(data); at += 64 << 10 {
		ends = append(ends, len(codectest.LZ4NoEnd(data[:min(at+64<<10, len(data))])))
	}
	return data, ends
}

// cuts gives the places around the ends of blocks, and some in between.
func (b blocks) cuts(size int) map[int]bool {
	cuts := map[int]bool{size: true}
	for n := 0; n < size; n += 4999 {
		cuts[n] = true
	}
	for _, end := range append(b, 12) {
		for n := max(end-12, 0); n <= min(end+12, size); n++ {
			cuts[n] = true
		}
	}
	return cuts
}

// decoded is how many bytes of the stream whole blocks in the first n bytes of the frame hold.
func (b blocks) decoded(n int) int64 {
	i := 0
	for i < len(b)-1 && b[i] <= n {
		i++
	}
	return int64(i) << 16
}
