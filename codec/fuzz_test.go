package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/tools/txtar"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
)

// outcome is all that a Reader tells of a capture, as text.
type outcome struct {
	dump   string // of the header and the records, extended
	status codec.Status
	err    string
}

// limitRecords bounds what the fuzzer reads of a compressed input that unpacks to very much.
const limitRecords = 20000

func read(r io.Reader) outcome {
	d, err := codec.NewReader(r)
	if err != nil {
		return outcome{err: err.Error()}
	}
	defer d.Close()
	text := append(d.Header().AppendText(nil, true), '\n')
	for range limitRecords {
		rec, err := d.Next()
		if err != nil {
			status := d.Status()
			status.Err = nil // err has it
			return outcome{string(text), status, err.Error()}
		}
		text = append(rec.AppendText(text, d.Header(), true), '\n')
	}
	return outcome{dump: string(text), err: "enough"}
}

// FuzzReader reads a capture at once and byte by byte, which must tell the same, and
// assembles its dump, which must give the same records.
func FuzzReader(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			t.Skip("larger than a fuzzer needs")
		}
		all := read(bytes.NewReader(data))
		if slow := read(iotest.OneByteReader(bytes.NewReader(data))); slow != all {
			t.Errorf("byte by byte:\ngot  %+v\nwant %+v", slow, all)
		}
		if eager := read(iotest.DataErrReader(bytes.NewReader(data))); eager != all {
			t.Errorf("with the end told early:\ngot  %+v\nwant %+v", eager, all)
		}
		if all.dump == "" || all.err == "enough" {
			return
		}
		// Behind the last byte that is not zero nothing counts, so there is one.
		again, err := codectest.Assemble(all.dump + "RAW ff\n")
		if err != nil {
			t.Fatalf("%v in\n%s", err, all.dump)
		}
		if got := read(bytes.NewReader(again)); got.dump != all.dump {
			t.Errorf("assembled: %s\ngot  %s\nwant %s", got.err, got.dump, all.dump)
		}
	})
}

// seeds are captures of all dialects, and those of the vectors.
func seeds(f *testing.F) [][]byte {
	var list [][]byte
	for version := codec.MinVersion; version <= codec.MaxVersion; version++ {
		for _, word := range []int{4, 8} {
			list = append(list, sampleCapture(f, codectest.Header(version, codec.AllAllocations, word), word == 4))
			if version >= 10 {
				list = append(list, sampleCapture(f, codectest.Header(version, codec.AggregatedAllocations, word), false))
			}
		}
	}
	list = append(list, codectest.LZ4(list[0]), codectest.LZ4NoEnd(list[len(list)-1]))
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if file.Name == "capture" {
				list = append(list, codectest.Capture(f, string(file.Data)))
			}
		}
	}
	return list
}

// TestReadersAgree does as FuzzReader with a real capture of several windows.
func TestReadersAgree(t *testing.T) {
	data, err := os.ReadFile("../testdata/captures/memray-1.0.3-py3.7/native.bin")
	if err != nil {
		t.Fatal(err)
	}
	all, slow := read(bytes.NewReader(data)), read(iotest.HalfReader(bytes.NewReader(data)))
	if slow != all {
		t.Errorf("in halves: got %s %+v, want %s %+v", slow.err, slow.status, all.err, all.status)
	}
	if n := strings.Count(all.dump, "\n"); n < 1000 {
		t.Errorf("got %d lines, want more", n)
	}
}

// TestReadErrors wants the errors of the reader below as they are, wherever they come.
func TestReadErrors(t *testing.T) {
	data := sampleCapture(t, codectest.Header(13, codec.AllAllocations, 8), true)
	for name, packed := range map[string][]byte{"plain": data, "lz4": codectest.LZ4(data)} {
		for _, n := range []int{0, 3, 10, 100, len(packed) / 2} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				got := read(io.MultiReader(bytes.NewReader(packed[:n]), iotest.ErrReader(errDisk)))
				if got.err != errDisk.Error() {
					t.Errorf("got error %q, want %q", got.err, errDisk)
				}
			})
		}
	}
}

var errDisk = errors.New("disk on fire")
