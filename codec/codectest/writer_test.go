package codectest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
)

// dialects calls f for every header version, file format and word size that exists.
func dialects(t *testing.T, f func(t *testing.T, h codec.Header)) {
	for version := codec.MinVersion; version <= codec.MaxVersion; version++ {
		for _, format := range []codec.Format{codec.AllAllocations, codec.AggregatedAllocations} {
			if format == codec.AggregatedAllocations && version < 10 {
				continue
			}
			for _, word := range []int{4, 8} {
				for _, native := range []bool{false, true} {
					h := Header(version, format, word)
					h.NativeTraces = native
					t.Run(fmt.Sprintf("%d-%s-%dbit-%v", version, format, 8*word, native), func(t *testing.T) { f(t, h) })
				}
			}
		}
	}
}

// TestDialects writes every kind of record in every dialect, reads it, dumps it and
// assembles the dump.
func TestDialects(t *testing.T) {
	dialects(t, func(t *testing.T, h codec.Header) {
		w := NewWriter(h)
		text := append(h.AppendText(nil, true), '\n')
		thread := uint64(0)
		for _, rec := range Sample(h) {
			if inThread(rec.Kind) && h.Version > 6 && rec.Thread != thread {
				thread = rec.Thread
				text = fmt.Appendf(text, "CONTEXT_SWITCH tid=%d\n", thread)
			}
			w.Record(&rec)
			text = append(rec.AppendText(text, &h, true), '\n')
		}
		data, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		got, status := dumpX(t, data)
		if got != string(text) {
			t.Fatal(firstLineDifference(got, string(text)))
		}
		if status.Bytes != int64(len(data)) {
			t.Errorf("got %d bytes of records, want all %d: %s", status.Bytes, len(data), status.Reason)
		}
		if again := Capture(t, got); !bytes.Equal(again, data) {
			t.Errorf("assembled: %s", firstDifference(again, data))
		}
	})
}

// inThread reports whether records of a kind are about the current thread.
func inThread(k codec.Kind) bool {
	return slices.Contains([]codec.Kind{
		codec.KindAllocation, codec.KindFramePush, codec.KindFramePop, codec.KindThreadName, codec.KindObject,
	}, k)
}

func firstLineDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\ngot  %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

func TestPopsAreSplit(t *testing.T) {
	const text = "HEADER version=%d\nCONTEXT_SWITCH tid=1\n%s"
	for _, version := range []int{7, 12} {
		got := Capture(t, fmt.Sprintf(text, version, "FRAME_POP count=35\n"))
		want := Capture(t, fmt.Sprintf(text, version, "FRAME_POP count=16\nFRAME_POP count=16\nFRAME_POP count=3\n"))
		if !bytes.Equal(got, want) {
			t.Errorf("header %d: %s", version, firstDifference(got, want))
		}
	}
}

// TestFinish wants the trailer, and the header rewritten with the numbers of the records.
func TestFinish(t *testing.T) {
	for _, tt := range []struct {
		name    string
		h       codec.Header
		trailer string
		frames  uint64
	}{
		{"6", codec.Header{Version: 6, StartTime: 1.7e12}, "", 1},
		{"11", codec.Header{Version: 11, StartTime: 1.7e12}, "\x10", 1},
		{"13", codec.Header{Version: 13, StartTime: 1.7e12}, "\x01", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := NewWriter(tt.h)
			w.Record(&codec.Record{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Malloc})
			if tt.frames > 0 {
				w.Record(&codec.Record{Kind: codec.KindFrame, Entry: true})
			}
			before := len(w.buf)
			w.Finish()
			data, err := w.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if got := string(data[before:]); got != tt.trailer {
				t.Errorf("got trailer %q, want %q", got, tt.trailer)
			}
			d, err := codec.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if h := d.Header(); h.Allocations != 1 || h.Frames != tt.frames {
				t.Errorf("got %d allocations and %d frames, want 1 and %d", h.Allocations, h.Frames, tt.frames)
			}
		})
	}
}

// TestWriterRefuses has records that their header version cannot express.
func TestWriterRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    codec.Header
		rec  codec.Record
		want string
	}{
		{"object", codec.Header{Version: 11}, codec.Record{Kind: codec.KindObject}, "OBJECT_RECORD in header version 11"},
		{"code", codec.Header{Version: 6}, codec.Record{Kind: codec.KindCode}, "CODE_OBJECT in header version 6"},
		{"code in rows", codec.Header{Version: 11, Format: 1}, codec.Record{Kind: codec.KindCode}, "CODE_OBJECT in header version 11, AGGREGATED"},
		{"push in rows", codec.Header{Version: 13, Format: 1}, codec.Record{Kind: codec.KindFramePush}, "FRAME_PUSH in header version 13, AGGREGATED"},
		{"trailer", codec.Header{Version: 7}, codec.Record{Kind: codec.KindTrailer}, "TRAILER in header version 7"},
		{"pymalloc", codec.Header{Version: 6}, codec.Record{Kind: codec.KindAllocation, Allocator: codec.PymallocFree}, "allocator pymalloc_free in header version 6"},
		{"long pop", codec.Header{Version: 6}, codec.Record{Kind: codec.KindFramePop, Count: 256}, "FRAME_POP of 256 frames"},
		{"endless pop", codec.Header{Version: 12}, codec.Record{Kind: codec.KindFramePop, Count: 1 << 40}, "FRAME_POP of 1099511627776 frames"},
		{"no kind", codec.Header{Version: 12}, codec.Record{}, "record in header version 12"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := NewWriter(tt.h)
			w.Record(&tt.rec)
			if _, err := w.Bytes(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}
