package archive

import (
	"bytes"
	"context"
	"io"
	"testing"
)

// FuzzStored reads hostile stored forms by the stream and by the seek table. Where both read
// all of it, they must read the same.
func FuzzStored(f *testing.F) {
	for _, data := range [][]byte{nil, []byte("text"), plainCapture(f), pattern(100_000)} {
		f.Add(encode(f, data, Options{}))
	}
	two := encode(f, append(plainCapture(f), make([]byte, FrameSize)...), Options{})
	f.Add(two)
	f.Add(two[:len(two)-1])
	f.Fuzz(func(t *testing.T, stored []byte) {
		if len(stored) > 1<<20 {
			t.Skip("larger than a fuzzer needs")
		}
		streamed := &capped{left: 64 << 20}
		d, err := Restore(t.Context(), streamed, bytes.NewReader(stored), nil)
		if err == nil && d != digestOf(streamed.b.Bytes()) {
			t.Errorf("Restore: %+v, but wrote %+v", d, digestOf(streamed.b.Bytes()))
		}
		k, openErr := OpenSeekable(bytes.NewReader(stored), int64(len(stored)))
		if openErr != nil {
			return
		}
		defer k.Close()
		raw, readErr := io.ReadAll(io.NewSectionReader(k, 0, min(k.Size(), 64<<20)))
		if err == nil && readErr == nil && k.Size() <= 64<<20 && !bytes.Equal(raw, streamed.b.Bytes()) {
			t.Errorf("by the table %d bytes, as a stream %d", len(raw), streamed.b.Len())
		}
		if _, err := Inspect(bytes.NewReader(stored), int64(len(stored))); err == nil && readErr != nil && k.Size() == 0 {
			t.Errorf("Inspect: no error for nothing")
		}
	})
}

// capped keeps what is written, up to a limit.
type capped struct {
	b    bytes.Buffer
	left int
}

func (w *capped) Write(b []byte) (int, error) {
	if len(b) > w.left {
		return 0, errFull
	}
	w.left -= len(b)
	return w.b.Write(b)
}

// FuzzRoundTrip stores any file and wants it back: byte for byte, or what it unpacks to.
func FuzzRoundTrip(f *testing.F) {
	capture := plainCapture(f)[:6000]
	for _, data := range [][]byte{nil, capture, lz4(capture), lz4(nil), append(lz4(capture), lz4(capture)...), lz4(capture)[:3000], []byte("memray\x00")} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<18 {
			t.Skip("larger than a fuzzer needs")
		}
		file := file(t, "x.bin", data)
		s, err := Examine(t.Context(), file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.File != digestOf(data) || s.Content == ContentFile && s.Raw != s.File {
			t.Errorf("%+v of %d bytes", s, len(data))
		}
		if s.Raw.Size > 64<<20 {
			t.Skip("unpacks to more than a fuzzer needs")
		}
		var stored bytes.Buffer
		st, err := Encode(t.Context(), &stored, file, s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		m := NewManifest(s, st, Options{Redact: len(data)%2 == 0})
		text, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if m, err = ParseManifest(text); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if d, err := Restore(context.Background(), &out, bytes.NewReader(stored.Bytes()), m); err != nil || d != s.Raw {
			t.Fatalf("restored %+v, %v; want %+v", d, err, s.Raw)
		}
		if s.Content == ContentFile && !bytes.Equal(out.Bytes(), data) {
			t.Error("another file came back")
		}
	})
}

// FuzzParseManifest wants what was accepted to be accepted again, and to fit in its limits.
func FuzzParseManifest(f *testing.F) {
	s, st := sample()
	good, err := NewManifest(s, st, Options{Labels: map[string]string{"a": "b"}}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"schema":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			return
		}
		text, err := m.Marshal()
		if err != nil {
			t.Skip("its text would be too long") // escapes take more room
		}
		if _, err := ParseManifest(text); err != nil {
			t.Errorf("%s\ngives %s\nwhich is refused: %v", data, text, err)
		}
	})
}
