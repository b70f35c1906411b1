package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/memvault/memvault/codec"
)

// reads counts what is asked for.
type reads struct {
	io.ReaderAt
	n     int
	bytes int64
}

func (r *reads) ReadAt(b []byte, off int64) (int, error) {
	r.n++
	r.bytes += int64(len(b))
	return r.ReaderAt.ReadAt(b, off)
}

func TestReadAt(t *testing.T) {
	data := mixed(t)
	stored := encode(t, data, Options{})
	k, err := OpenSeekable(bytes.NewReader(stored), int64(len(stored)))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if k.Size() != int64(len(data)) {
		t.Fatalf("size %d, want %d", k.Size(), len(data))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		off := r.Int64N(k.Size() + 10)
		b := make([]byte, r.IntN([]int{10, 5000, 2 * FrameSize}[r.IntN(3)]))
		n, err := k.ReadAt(b, off)
		want := 0
		if off < k.Size() {
			want = copy(make([]byte, len(b)), data[off:])
		}
		if n != want || (err != nil) != (n < len(b)) || err != nil && err != io.EOF || n > 0 && !bytes.Equal(b[:n], data[off:off+int64(n)]) {
			t.Fatalf("ReadAt(%d bytes, %d): %d, %v; want %d", len(b), off, n, err, want)
		}
	}
	if _, err := k.ReadAt(nil, -1); err == nil {
		t.Error("negative offset: no error")
	}
}

// Looking into a stored capture costs a few reads, however long it is.
func TestInspectReads(t *testing.T) {
	const size = 40
	data := bytes.Join([][]byte{plainCapture(t), pattern((size - 6) * FrameSize), make([]byte, 6*FrameSize)}, nil)
	stored := encode(t, data, Options{})
	r := &reads{ReaderAt: bytes.NewReader(stored)}
	s, err := Inspect(r, int64(len(stored)))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := codec.Inspect(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want := *whole
	want.Container, want.Size = "zstd", int64(len(stored))
	if s.State != want.State || s.DataEnd != want.DataEnd || s.Container != want.Container || s.Size != want.Size || s.Header.PID != want.Header.PID {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if r.n > 6 || r.bytes > int64(len(stored))/6 {
		t.Errorf("%d reads of %d bytes, for %d stored ones", r.n, r.bytes, len(stored))
	}
}

// Inspect says of a stored capture what it says of the capture.
func TestInspect(t *testing.T) {
	everyCapture(t, func(t *testing.T, data []byte) {
		raw := unpack(t, data)
		_, _, stored := store(t, data, Options{})
		got, err := Inspect(bytes.NewReader(stored), int64(len(stored)))
		if err != nil {
			t.Fatal(err)
		}
		want, err := codec.Inspect(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		if got.State != want.State || got.Container != "zstd" || got.Header.StartTime != want.Header.StartTime {
			t.Errorf("got %s %s, want %s of %+v", got.Container, got.State, want.State, want)
		}
		plain, err := Inspect(bytes.NewReader(data), int64(len(data)))
		if err != nil || plain.Container == "zstd" {
			t.Errorf("of the capture itself: %+v, %v", plain, err)
		}
	})
}

func TestNotSeekable(t *testing.T) {
	stored := encode(t, bytes.Join([][]byte{plainCapture(t), pattern(FrameSize)}, nil), Options{})
	end := len(stored)
	patch := func(at int, b ...byte) []byte {
		s := bytes.Clone(stored)
		copy(s[end+at:], b)
		return s
	}
	tests := []struct {
		name string
		data []byte
	}{
		{"empty", nil},
		{"short", stored[end-8:]},
		{"no table", stored[:end-33]},
		{"cut", stored[:end-1]},
		{"text", bytes.Repeat([]byte("no"), 100)},
		{"magic", patch(-1, 0)},
		{"reserved bits", patch(-5, 4)},
		{"too many frames", patch(-9, 0xff, 0xff, 0xff, 0xff)},
		{"a million frames", patch(-9, 0, 0, 0x10, 0)},
		{"one frame more", patch(-9, 3)},
		{"one frame less", patch(-9, 1)},
		{"no frames", patch(-9, 0)},
		{"a frame too long", patch(-25, 0xff)},
		{"a frame of 4 GB", patch(-21, 0xff, 0xff, 0xff, 0xff)},
		{"no skippable frame", patch(-33, 0)},
		{"skippable frame of another size", patch(-29, 1)},
		{"bytes before it", append([]byte{0}, stored...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if k, err := OpenSeekable(bytes.NewReader(tt.data), int64(len(tt.data))); !errors.Is(err, ErrNotSeekable) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %v, %v; want ErrNotSeekable", k, err)
			}
		})
	}
	if _, err := OpenSeekable(bytes.NewReader(stored), int64(end)+5); err == nil {
		t.Error("a size beyond the end: no error")
	}
}

// Frames that are not what the table says are ErrCorrupt.
func TestCorruptFrames(t *testing.T) {
	data := bytes.Join([][]byte{plainCapture(t), pattern(FrameSize)}, nil)
	stored := encode(t, data, Options{})
	end := len(stored)
	first := binary.LittleEndian.Uint32(stored[end-25:])
	table := func(at int, delta int32) []byte {
		s := bytes.Clone(stored)
		binary.LittleEndian.PutUint32(s[end+at:], uint32(int32(binary.LittleEndian.Uint32(s[end+at:]))+delta))
		return s
	}
	flip := func(at int) []byte {
		s := bytes.Clone(stored)
		s[at] ^= 1
		return s
	}
	for name, s := range map[string][]byte{
		"raw size too large": table(-21, 1), "raw size too small": table(-21, -1), "raw size 0": table(-21, -FrameSize),
		"magic": flip(0), "content": flip(int(first) / 2), "checksum": flip(int(first) - 1),
	} {
		k, err := OpenSeekable(bytes.NewReader(s), int64(end))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := io.ReadAll(io.NewSectionReader(k, 0, k.Size())); !errors.Is(err, ErrCorrupt) && name != "raw size 0" {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
		if name == "raw size too large" || name == "raw size too small" || name == "raw size 0" {
			continue // of which only the table tells
		}
		if _, err := Restore(t.Context(), io.Discard, bytes.NewReader(s), nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: Restore: got %v, want ErrCorrupt", name, err)
		}
	}
}
