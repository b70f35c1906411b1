package codec_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
)

// pack compresses data as gzip, zstd, lz4 or, with lz4 -l, legacy does.
func pack(t testing.TB, container string, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch container {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		w, err = zstd.NewWriter(&out)
	default:
		z := lz4.NewWriter(&out)
		w, err = z, z.Apply(lz4.LegacyOption(container == "legacy"), lz4.ChecksumOption(container == "lz4"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A container that is cut or damaged before the header is through has a damaged header,
// but for the few bytes by which it could not even be told.
func TestDamagedContainers(t *testing.T) {
	w := codectest.NewWriter(codectest.Header(13, codec.AllAllocations, 8))
	data, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for container, magic := range map[string]int{"gzip": 2, "zstd": 4, "lz4": 4, "legacy": 5} { // 4 bytes are a whole legacy frame
		packed := pack(t, container, data)
		for n := magic; n <= min(len(packed)/2, 40); n++ {
			_, err := codec.NewReader(bytes.NewReader(packed[:n]))
			if !errors.Is(err, codec.ErrHeader) || !strings.Contains(err.Error(), "stream ends") {
				t.Errorf("%s, first %d bytes: got error %v, want one of a header that ends", container, n, err)
			}
			broken := errors.New("input/output error")
			_, err = codec.NewReader(io.MultiReader(bytes.NewReader(packed[:n]), iotest.ErrReader(broken)))
			if err != broken {
				t.Errorf("%s, first %d bytes and a broken disk: got error %v", container, n, err)
			}
		}
		bad := bytes.Clone(packed)
		for i := magic; i < len(bad); i++ {
			bad[i] = 0xff
		}
		if _, err := codec.NewReader(bytes.NewReader(bad)); !errors.Is(err, codec.ErrHeader) {
			t.Errorf("%s, damaged: got error %v, want one of the header", container, err)
		}
	}
}

// A few kilobytes must not become a gigabyte of folders.
func TestManyFolders(t *testing.T) {
	for _, tt := range []struct {
		name  string
		h     codec.Header
		isBad bool
	}{
		{"as many as may be", codec.Header{SysPath: slices.Repeat([]string{"/a"}, 1<<16)}, false},
		{"one too many", codec.Header{SysPath: slices.Repeat([]string{"/a"}, 1<<16+1)}, true},
		{"one too many, first list", codec.Header{SitePackages: slices.Repeat([]string{"/a"}, 1<<16+1)}, true},
		{"long ones", codec.Header{SysPath: slices.Repeat([]string{"/" + strings.Repeat("x", 1<<20)}, 17)}, true},
	} {
		tt.h.Version, tt.h.StartTime = 13, 1.7e12
		data, err := codectest.NewWriter(tt.h).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		d, err := codec.NewReader(bytes.NewReader(data))
		if tt.isBad != errors.Is(err, codec.ErrHeader) || !tt.isBad && err != nil {
			t.Errorf("%s: got error %v", tt.name, err)
		}
		if err == nil {
			if got, want := d.Header().SysPath, tt.h.SysPath; !slices.Equal(got, want) {
				t.Errorf("%s: got %d folders, want %d", tt.name, len(got), len(want))
			}
			d.Close()
		}
	}
}

// A checksum behind the trailer that does not hold is damage, but all records are whole.
func TestDamagedChecksum(t *testing.T) {
	w := codectest.NewWriter(codec.Header{Version: 13, StartTime: 1.7e12})
	w.Finish()
	data, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	packed := pack(t, "lz4", append(bytes.Clone(data), 0, 0, 0))
	packed[len(packed)-1] ^= 1
	got := read(bytes.NewReader(packed)).status
	if got.State != codec.StateDamaged || got.Bytes != int64(len(data)) || got.Wasted != 3 || got.Records != 1 {
		t.Errorf("got %+v, want damage behind 1 record, %d bytes", got, len(data))
	}
}

// TestInspectLZ4 tells how far the end of a frame can be trusted.
func TestInspectLZ4(t *testing.T) {
	for _, tt := range []struct {
		container   string
		allocations uint64
		cut         int
		want        codec.State
	}{
		{"lz4", 1, 0, codec.StateComplete},
		{"lz4", 0, 0, codec.StateUnknown},
		{"lz4", 1, 1, codec.StateCut},
		{"lz4", 1, 4, codec.StateCut},
		{"legacy", 1, 0, codec.StateUnknown},
	} {
		w := codectest.NewWriter(codec.Header{Version: 13, StartTime: 1.7e12})
		for i := range tt.allocations {
			w.Record(&codec.Record{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Malloc, Address: 64 + i, Size: 1})
		}
		w.Finish()
		data, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		packed := pack(t, tt.container, data)
		packed = packed[:len(packed)-tt.cut]
		s, err := codec.Inspect(bytes.NewReader(packed), int64(len(packed)))
		if err != nil {
			t.Fatal(tt.container, err)
		}
		if s.State != tt.want || s.Proved {
			t.Errorf("%s without the last %d bytes: got %s, proved %v, want %s", tt.container, tt.cut, s.State, s.Proved, tt.want)
		}
	}
}

// TestKilledThenCompressed reads the file of a killed process that the lz4 tool has compressed,
// zero tail and all, like the file itself.
func TestKilledThenCompressed(t *testing.T) {
	data, err := os.ReadFile("../testdata/captures/memray-1.20.0-py3.12/killed.bin")
	if err != nil {
		t.Fatal(err)
	}
	want := statusOf(t, data)
	if got := statusOf(t, pack(t, "lz4", data)); got != want {
		t.Errorf("in LZ4: got %+v, want %+v", got, want)
	}
	if want.State != codec.StateUnfinished {
		t.Errorf("state: got %s", want.State)
	}
}

func statusOf(t *testing.T, data []byte) codec.Status {
	t.Helper()
	r, err := codec.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next()
	}
	return r.Status()
}
