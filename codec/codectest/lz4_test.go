package codectest

import (
	"bytes"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/pierrec/lz4/v4"
)

// TestLZ4 wants frames that another decoder unpacks, with blocks that refer to those before them.
func TestLZ4(t *testing.T) {
	random := make([]byte, 60<<10)
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(random)
	for _, tt := range []struct {
		name  string
		data  []byte
		limit int // bytes of the frame
	}{
		{"empty", nil, 11},
		{"one byte", []byte{1}, 17},
		{"no room for a match", bytes.Repeat([]byte{1}, 12), 29},
		{"zeros", make([]byte, 200<<10), 1000},
		{"random", random, len(random) + 15},
		{"random, four times", bytes.Repeat(random, 4), len(random) + 2000},
		{"capture", Capture(t, worked13Text), 420},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame := LZ4(tt.data)
			if len(frame) > tt.limit {
				t.Errorf("got a frame of %d bytes, want at most %d", len(frame), tt.limit)
			}
			got, err := io.ReadAll(lz4.NewReader(bytes.NewReader(frame)))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, tt.data) {
				t.Error(firstDifference(got, tt.data))
			}
		})
	}
}

// TestLZ4Frame has the bytes of a tracker that was never entered (facts: section 2.9), and no end mark.
func TestLZ4Frame(t *testing.T) {
	if got, want := hex.EncodeToString(LZ4(nil)), "04224d184040c000000000"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := LZ4NoEnd([]byte("abc")), LZ4([]byte("abc")); !bytes.Equal(got, want[:len(want)-4]) {
		t.Errorf("got % x, want % x", got, want[:len(want)-4])
	}
}
