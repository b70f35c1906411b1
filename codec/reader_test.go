package codec_test

import (
	"bytes"
	"testing"

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
