package archive

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	lz4lib "github.com/pierrec/lz4/v4"

	"github.com/memvault/memvault/codec"
)

// wantRound stores data, restores it, and wants the raw stream that raw is.
func wantRound(t *testing.T, data, raw []byte, content Content) *Survey {
	t.Helper()
	s, m, stored := store(t, data, Options{Host: "h"})
	if s.Content != content || s.File != digestOf(data) || s.Raw != digestOf(raw) {
		t.Errorf("content %s, file %d, raw %d bytes; want %s, %d, %d: or other digests", s.Content, s.File.Size, s.Raw.Size, content, len(data), len(raw))
	}
	if m.Stored.Digest != digestOf(stored) {
		t.Errorf("stored: got %+v, want %+v", m.Stored.Digest, digestOf(stored))
	}
	if most := MaxStored(s.Raw.Size); m.Stored.Size > most {
		t.Errorf("stored %d bytes, want at most MaxStored(%d) = %d", m.Stored.Size, s.Raw.Size, most)
	}
	text, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if m, err = ParseManifest(text); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*Manifest{m, nil} {
		var out bytes.Buffer
		d, err := Restore(t.Context(), &out, bytes.NewReader(stored), m)
		if err != nil || d != s.Raw || !bytes.Equal(out.Bytes(), raw) {
			t.Errorf("restored (manifest: %t): %d bytes, %v; want %d", m != nil, out.Len(), err, len(raw))
		}
	}
	wantSeekable(t, stored, raw)
	return s
}

// wantSeekable wants to read raw by the seek table.
func wantSeekable(t *testing.T, stored, raw []byte) {
	t.Helper()
	k, err := OpenSeekable(bytes.NewReader(stored), int64(len(stored)))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	got, err := io.ReadAll(io.NewSectionReader(k, 0, k.Size()+1))
	if err != nil || !bytes.Equal(got, raw) {
		t.Errorf("by the seek table: %d bytes, %v; want %d", len(got), err, len(raw))
	}
}

func unpack(t *testing.T, data []byte) []byte {
	t.Helper()
	u, err := codec.Unpack(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	raw, err := io.ReadAll(u)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRoundTripCaptures(t *testing.T) {
	everyCapture(t, func(t *testing.T, data []byte) {
		s := wantRound(t, data, unpack(t, data), ContentRaw)
		if s.Header == nil || s.State == codec.StateUnknown {
			t.Errorf("header %v, state %s", s.Header, s.State)
		}
	})
}

// What does not unpack cleanly comes back as it was found, byte for byte.
func TestRoundTripOthers(t *testing.T) {
	capture := plainCapture(t)
	packed := lz4(capture)
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 0xff
		return b
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	var legacy, checked bytes.Buffer
	pack(t, &legacy, capture, lz4lib.LegacyOption(true))
	pack(t, &checked, capture, lz4lib.ChecksumOption(true), lz4lib.BlockChecksumOption(true), lz4lib.SizeOption(uint64(len(capture))))
	var zipped, gzipped, zlz4, zcut bytes.Buffer
	zip(t, &zipped, capture)
	zip(t, &zlz4, packed)
	zip(t, &zcut, packed[:len(packed)-100])
	g := gzip.NewWriter(&gzipped)
	if _, err := g.Write(capture); err != nil || g.Close() != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		data    []byte
		raw     []byte // nil: data
		content Content
	}{
		{"plain", capture, nil, ContentRaw},
		{"LZ4", packed, capture, ContentRaw},
		{"LZ4 with checksums and size", checked.Bytes(), capture, ContentRaw},
		{"empty", nil, nil, ContentFile},
		{"one byte", []byte{0}, nil, ContentFile},
		{"text", []byte("not a capture"), nil, ContentFile},
		{"zeros", make([]byte, FrameSize+1), nil, ContentFile},
		{"never started", lz4(nil), nil, ContentFile},
		{"LZ4 of no capture", lz4([]byte("something else")), nil, ContentFile},
		{"LZ4 cut", packed[:len(packed)/2], nil, ContentFile},
		{"LZ4 without its end mark", packed[:len(packed)-4], nil, ContentFile},
		{"LZ4 and garbage", join(packed, []byte("garbage")), nil, ContentFile},
		{"LZ4 and one byte", join(packed, []byte{0}), nil, ContentFile},
		{"LZ4 and a capture", join(packed, capture), nil, ContentFile},
		{"LZ4 twice", join(packed, packed), nil, ContentFile},
		{"LZ4 and an empty frame", join(packed, lz4(nil)), nil, ContentFile},
		{"LZ4 with a wrong checksum", flip(checked.Bytes(), checked.Len()-1), nil, ContentFile},
		{"LZ4 damaged", flip(packed, 8), nil, ContentFile},
		{"zstd", zipped.Bytes(), capture, ContentRaw},
		{"zstd cut behind the records", zipped.Bytes()[:zipped.Len()-1], nil, ContentFile},
		{"zstd and garbage", join(zipped.Bytes(), []byte("garbage")), nil, ContentFile},
		{"gzip", gzipped.Bytes(), capture, ContentRaw},
		{"gzip cut behind the records", gzipped.Bytes()[:gzipped.Len()-1], nil, ContentFile},
		{"zstd of LZ4", zlz4.Bytes(), capture, ContentRaw},
		{"zstd of cut LZ4", zcut.Bytes(), nil, ContentFile},
		{"legacy LZ4", legacy.Bytes(), nil, ContentFile},
		{"unknown version", flip(capture, 7), nil, ContentFile},
		{"LZ4 of an unknown version", lz4(flip(capture, 7)), nil, ContentFile},
		{"cut header", capture[:20], nil, ContentFile},
		{"cut", capture[:len(capture)-100], nil, ContentRaw},
		{"damaged records", flip(capture, len(capture)/2), nil, ContentRaw},
		{"LZ4 of damaged records", lz4(flip(capture, len(capture)/2)), flip(capture, len(capture)/2), ContentRaw},
		{"several frames", join(capture, make([]byte, 3*FrameSize)), nil, ContentRaw},
		{"LZ4 of several frames", lz4(join(capture, pattern(2*FrameSize))), join(capture, pattern(2*FrameSize)), ContentRaw},
		{"a whole frame", join(capture, make([]byte, FrameSize-len(capture))), nil, ContentRaw},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := tt.raw
			if raw == nil {
				raw = tt.data
			}
			wantRound(t, tt.data, raw, tt.content)
		})
	}
}

func pack(t *testing.T, out io.Writer, data []byte, o ...lz4lib.Option) {
	t.Helper()
	z := lz4lib.NewWriter(out)
	err := z.Apply(o...)
	if err == nil {
		_, err = z.Write(data)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
}

// zip packs data in zstd, with a checksum, as one stream.
func zip(t *testing.T, out io.Writer, data []byte) {
	t.Helper()
	z, err := zstd.NewWriter(out)
	if err == nil {
		_, err = z.Write(data)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
}

// A stored form is not wrapped once more: what it holds is stored.
func TestStoredAgain(t *testing.T) {
	_, first, stored := store(t, lz4(plainCapture(t)), Options{})
	_, again, twice := store(t, stored, Options{})
	if again.Raw != first.Raw || !bytes.Equal(twice, stored) {
		t.Errorf("got raw %+v, want %+v, and the same stored bytes", again.Raw, first.Raw)
	}
}

func TestCodecNone(t *testing.T) {
	data := lz4(plainCapture(t))
	s, m, stored := store(t, data, Options{Codec: CodecNone})
	if !bytes.Equal(stored, data) || m.Stored.Digest != s.File || s.Raw == s.File || m.Stored.Frames != 0 {
		t.Errorf("stored %d bytes of %d, raw %+v, manifest %+v", len(stored), len(data), s.Raw, m)
	}
	var out bytes.Buffer
	if d, err := Restore(t.Context(), &out, bytes.NewReader(stored), m); err != nil || d != s.File || !bytes.Equal(out.Bytes(), data) {
		t.Errorf("restored %+v, %v", d, err)
	}
}
