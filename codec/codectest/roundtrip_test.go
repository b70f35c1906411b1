package codectest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pierrec/lz4/v4"

	"github.com/memvault/memvault/codec"
)

// dumpX gives what `dump -x` prints, and the status at the end.
func dumpX(t testing.TB, data []byte) (string, codec.Status) {
	t.Helper()
	d, err := codec.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text := append(d.Header().AppendText(nil, true), '\n')
	for {
		rec, err := d.Next()
		if err == io.EOF {
			return string(text), d.Status()
		}
		if err != nil {
			t.Fatal(err)
		}
		text = append(rec.AppendText(text, d.Header(), true), '\n')
	}
}

// rawStream unpacks LZ4.
func rawStream(t *testing.T, data []byte) []byte {
	t.Helper()
	if !bytes.HasPrefix(data, []byte{0x04, 0x22, 0x4d, 0x18}) {
		return data
	}
	raw, err := io.ReadAll(lz4.NewReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// maskPads returns b with the padding of structs set to zero: Memray leaves garbage there.
func maskPads(b []byte, pads [][2]int) []byte {
	b = bytes.Clone(b)
	for _, p := range pads {
		clear(b[p[0]:min(p[1], len(b))])
	}
	return b
}

// firstDifference names the place where got and want differ.
func firstDifference(got, want []byte) string {
	n := min(len(got), len(want))
	i := 0
	for i < n && got[i] == want[i] {
		i++
	}
	end := min(i+16, n)
	return fmt.Sprintf("%d bytes, want %d, first difference at %#x: got % x, want % x",
		len(got), len(want), i, got[i:end], want[i:end])
}

// TestRealCaptures dumps every capture in testdata, assembles the text and wants the
// same bytes, up to where the records end.
func TestRealCaptures(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/captures/*/*.memray-parse.gz")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no captures in testdata: %v", err)
	}
	for _, path := range paths {
		path = strings.TrimSuffix(path, ".memray-parse.gz")
		name := filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text, status := dumpX(t, data)
			w, err := assemble(text)
			if err != nil {
				t.Fatal(err)
			}
			want := maskPads(rawStream(t, data)[:status.Bytes], w.pads)
			if !bytes.Equal(w.buf, want) {
				t.Error(firstDifference(w.buf, want))
			}
		})
	}
}
