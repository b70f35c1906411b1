package codec_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
)

// TestNextDoesNotAllocate pins that a record costs no allocation, in every dialect.
func TestNextDoesNotAllocate(t *testing.T) {
	const runs, records = 10, 1000 // AllocsPerRun rounds down, so a run is of many records
	for _, h := range []codec.Header{
		codectest.Header(6, codec.AllAllocations, 8), codectest.Header(11, codec.AllAllocations, 8),
		codectest.Header(13, codec.AllAllocations, 8), codectest.Header(13, codec.AggregatedAllocations, 8),
	} {
		w := codectest.NewWriter(h)
		for n := uint64(0); n < (runs+2)*records; {
			for _, rec := range codectest.Sample(h) {
				if rec.Kind != codec.KindTrailer {
					w.Record(&rec)
					n++
				}
			}
		}
		data, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		d, err := codec.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		next := func() {
			for range records {
				if _, err := d.Next(); err != nil {
					t.Fatal(err)
				}
			}
		}
		next() // starts the window
		if n := testing.AllocsPerRun(runs, next); n != 0 {
			t.Errorf("header %d, %s: got %v allocations in %d records, want 0", h.Version, h.Format, n, records)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// malloced is a capture of n allocations, and the offset behind the last whole record before limit.
func malloced(t *testing.T, n, limit int) (data []byte, whole int64) {
	t.Helper()
	w := codectest.NewWriter(codec.Header{Version: 13, StartTime: 1.7e12})
	for i := range n {
		w.Record(&codec.Record{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Malloc, Address: uint64(i) << 8, Size: 1 << 30})
		if data, _ := w.Bytes(); len(data) <= limit {
			whole = int64(len(data))
		}
	}
	data, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data, whole
}

// A closed Reader gives no more records, also of what it has unpacked already.
func TestClose(t *testing.T) {
	data, _ := malloced(t, 100_000, 0)
	d, err := codec.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := d.Next(); err != nil {
			t.Fatal(err)
		}
	}
	want, at := d.Status(), d.Offset()
	for range 2 {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		rec, err := d.Next()
		if rec != nil || err == nil || err == io.EOF {
			t.Errorf("Next after Close: got %v, %v, want an error", rec, err)
		}
		if got := d.Status(); got != want || d.Offset() != at {
			t.Errorf("got %+v at %d, want %+v at %d", got, d.Offset(), want, at)
		}
	}
}

// An error of the disk is returned as it is, and Status tells how far whole records were read.
func TestReadError(t *testing.T) {
	broken := errors.New("input/output error")
	data, whole := malloced(t, 1000, 5003)
	d, err := codec.NewReader(io.MultiReader(bytes.NewReader(data[:5003]), iotest.ErrReader(broken)))
	for err == nil {
		_, err = d.Next()
	}
	if got := d.Status(); err != broken || got.State != codec.StateUnknown || got.Bytes != whole || got.Wasted != 5003-whole {
		t.Errorf("got error %v, %+v; want %v, %d bytes", err, got, broken, whole)
	}
}

// The time of a memory record that is none does not count.
func TestLastTime(t *testing.T) {
	h := codec.Header{Version: 11, StartTime: 1.7e12}
	for _, tt := range []struct {
		name string
		raw  []byte
		want int64
	}{
		{"whole", []byte{0x0b, 1, 9}, 9},
		{"flags", []byte{0x1b, 1, 9}, 5},
		{"cut", []byte{0x0b, 1, 0x89}, 5},
		{"cut by zeros", []byte{0x0b, 1, 0x89, 0, 0, 0}, 5},
		{"varint too long", append([]byte{0x0b}, bytes.Repeat([]byte{0x89}, 30)...), 5},
	} {
		w := codectest.NewWriter(h)
		w.Record(&codec.Record{Kind: codec.KindMemory, Time: h.StartTime + 5})
		w.Raw(tt.raw...)
		data, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if got := read(bytes.NewReader(data)).status.LastTime - h.StartTime; got != tt.want {
			t.Errorf("%s: got a last time of %d, want %d", tt.name, got, tt.want)
		}
	}
}
