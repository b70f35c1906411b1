package codec_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
)

// chunk is how many bytes the Reader takes at once: 256 KiB.
const chunk = 256 << 10

// padded is a capture whose records stand around offset at of the raw stream.
func padded(t *testing.T, h codec.Header, at int) []byte {
	t.Helper()
	w := codectest.NewWriter(h)
	before, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	name := bytes.Repeat([]byte("x"), at-len(before))
	w.Record(&codec.Record{Kind: codec.KindThreadName, Thread: 1, Name: name})
	for _, rec := range codectest.Sample(h) {
		w.Record(&rec)
	}
	data, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestWindowEdges moves all kinds of records over the edge between two chunks.
func TestWindowEdges(t *testing.T) {
	for _, version := range []int{6, 8, 13} {
		h := codectest.Header(version, codec.AllAllocations, 8)
		size := len(sampleCapture(t, h, false)) - int(readWhole(t, sampleCapture(t, h, false)).header)
		want := read(bytes.NewReader(padded(t, h, 1000)))
		lines := strings.SplitN(want.dump, "\n", 5)[4] // behind the padding, wherever it stands
		for at := chunk - size; at < chunk+16; at += 13 {
			got := read(bytes.NewReader(padded(t, h, at)))
			if got.err != io.EOF.Error() || !strings.HasSuffix(got.dump, lines) {
				t.Fatalf("header %d, records at %#x: got %s and other records than at the beginning", version, at, got.err)
			}
			if got.status.Records != want.status.Records || got.status.State != want.status.State {
				t.Fatalf("header %d, records at %#x: got %+v, want %+v", version, at, got.status, want.status)
			}
		}
	}
}

// TestZerosAtEdge puts a record that ends in zeros at the edge of two chunks: with zeros
// behind it up to the end it does not count, with a record behind it it does.
func TestZerosAtEdge(t *testing.T) {
	h := codec.Header{Version: 13, StartTime: 1.7e12}
	for _, tt := range []struct {
		name    string
		behind  []byte
		records uint64
		state   codec.State
	}{
		{"end", nil, 2, codec.StateUnfinished},
		{"zeros", make([]byte, 3*chunk), 2, codec.StateUnfinished},
		{"trailer", []byte{1}, 4, codec.StateComplete},
		{"zeros and a trailer", append(make([]byte, chunk), 1), 3, codec.StateDamaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for at := chunk - 30; at < chunk+3; at++ {
				w := codectest.NewWriter(h)
				before, err := w.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				w.Record(&codec.Record{Kind: codec.KindThreadName, Thread: 1, Name: bytes.Repeat([]byte("x"), at-len(before))})
				w.Record(&codec.Record{Kind: codec.KindContextSwitch, Thread: 2})
				w.Raw(tt.behind...)
				data, err := w.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				got := read(bytes.NewReader(data))
				if got.status.Records != tt.records || got.status.State != tt.state {
					t.Fatalf("at %#x: got %d records, %s (%s), want %d, %s", at, got.status.Records, got.status.State, got.err, tt.records, tt.state)
				}
			}
		})
	}
}

// TestLongStrings reads strings and line tables that are longer than a chunk.
func TestLongStrings(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcdef"), 5*chunk/16)
	for _, n := range []int{16 << 10, chunk - 1, chunk, chunk + 1, 2*chunk + 77, len(long)} {
		recs := []codec.Record{
			{Kind: codec.KindCode, Code: 1, Function: []byte("f"), File: long[:n], LineTable: long[:n]},
			{Kind: codec.KindThreadName, Thread: 1, Name: long[:n]},
			{Kind: codec.KindCode, Code: 2, Function: long[:n], File: []byte("g"), LineTable: []byte{1}},
			{Kind: codec.KindTrailer},
		}
		h := codec.Header{Version: 12, StartTime: 1.7e12, CommandLine: string(long[:n])}
		w := codectest.NewWriter(h)
		for i := range recs {
			w.Record(&recs[i])
		}
		data, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		d, err := codec.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if d.Header().CommandLine != h.CommandLine {
			t.Errorf("command line of %d bytes: got another one of %d", n, len(d.Header().CommandLine))
		}
		recs = slices.Insert(recs, 1, codec.Record{Kind: codec.KindContextSwitch, Thread: 1})
		for i := range recs {
			rec, err := d.Next()
			if err != nil {
				t.Fatalf("strings of %d bytes, record %d: %v", n, i, err)
			}
			got, want := rec.AppendText(nil, &h, true), recs[i].AppendText(nil, &h, true)
			if !bytes.Equal(got, want) {
				t.Errorf("strings of %d bytes: got another %s", n, recs[i].Kind)
			}
		}
		if _, err := d.Next(); err != io.EOF {
			t.Errorf("strings of %d bytes: got error %v at the end, want EOF", n, err)
		}
	}
}

// TestZeroAtEnd ends a capture of so many chunks in a record that ends in a zero, and so does not
// count: what an earlier chunk left in the same buffer is not to be taken for what follows.
func TestZeroAtEnd(t *testing.T) {
	h := codec.Header{Version: 13, StartTime: 1.7e12}
	for chunks := range 7 {
		w := codectest.NewWriter(h)
		for range chunks*chunk/8000 + 1 {
			w.Record(&codec.Record{Kind: codec.KindThreadName, Thread: 1, Name: bytes.Repeat([]byte("x"), 8000)})
		}
		w.Record(&codec.Record{Kind: codec.KindMapStart})
		before, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		size := int64(len(before))
		w.Record(&codec.Record{Kind: codec.KindThreadName, Thread: 1, Name: bytes.Repeat([]byte("x"), 500)})
		data, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		got := read(bytes.NewReader(data)).status
		if got.Bytes != size || got.Stopped != codec.KindThreadName {
			t.Errorf("%d chunks: got %d bytes, stopped in %s; want %d, %s", chunks, got.Bytes, got.Stopped, size, codec.KindThreadName)
		}
	}
}
