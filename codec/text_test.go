package codec_test

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/memvault/memvault/codec"
)

// captures gives the paths of all captures in testdata.
func captures(t testing.TB) []string {
	t.Helper()
	var paths []string
	parse, err := filepath.Glob("../testdata/captures/*/*.memray-parse.gz")
	if err != nil || len(parse) == 0 {
		t.Fatalf("no captures in testdata: %v", err)
	}
	for _, p := range parse {
		paths = append(paths, strings.TrimSuffix(p, ".memray-parse.gz"))
	}
	return paths
}

// captureName is the last folder and the file name of a path, for subtests.
func captureName(path string) string {
	return filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
}

// dump gives the lines of a capture, and the error that ended reading.
func dump(r io.Reader, extended bool) ([]byte, codec.Status, error) {
	d, err := codec.NewReader(r)
	if err != nil {
		return nil, codec.Status{}, err
	}
	text := append(d.Header().AppendText(nil, extended), '\n')
	for {
		rec, err := d.Next()
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return text, d.Status(), err
		}
		text = append(rec.AppendText(text, d.Header(), extended), '\n')
	}
}

// TestDumpEqualsMemray compares every line with what `memray parse` of the release that
// wrote the capture prints.
func TestDumpEqualsMemray(t *testing.T) {
	for _, path := range captures(t) {
		t.Run(captureName(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := dump(bytes.NewReader(data), false)
			if err != nil {
				t.Fatal(err)
			}
			compareLines(t, got, gunzip(t, path+".memray-parse.gz"))
		})
	}
}

func gunzip(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compareLines fails with the first line that differs.
func compareLines(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	g, w := bufio.NewScanner(bytes.NewReader(got)), bufio.NewScanner(bytes.NewReader(want))
	g.Buffer(nil, math.MaxInt)
	w.Buffer(nil, math.MaxInt)
	for n := 1; ; n++ {
		more, wantMore := g.Scan(), w.Scan()
		if g.Text() != w.Text() || more != wantMore {
			t.Fatalf("line %d: got %q, want %q", n, g.Text(), w.Text())
		}
		if !more {
			t.Fatalf("got %d bytes, want %d: they differ in line ends", len(got), len(want))
		}
	}
}

// textRow is one record and its line in a capture of one header version.
type textRow struct {
	name     string
	h        codec.Header
	rec      codec.Record
	extended bool
	want     string
}

// TestRecordText has the lines that no capture in testdata shows. They are those of
// Memray's RecordReader::dumpAllRecords.
func TestRecordText(t *testing.T) {
	v6, v7, v8 := codec.Header{Version: 6, Word: 8}, codec.Header{Version: 7, Word: 8}, codec.Header{Version: 8, Word: 8}
	v13, v32 := codec.Header{Version: 13, Word: 8}, codec.Header{Version: 13, Word: 4}
	rows := codec.Header{Version: 12, Word: 8, Format: codec.AggregatedAllocations}
	name := func(s string) codec.Record {
		return codec.Record{Kind: codec.KindThreadName, Thread: 7, Name: []byte(s)}
	}
	code := codec.Record{
		Kind: codec.KindCode, Code: 3, Function: []byte("f"), File: []byte("x filename=y.py"),
		Line: -2, LineTable: []byte{0x80, 0},
	}
	object := codec.Record{Kind: codec.KindObject, Address: 0x5000, Native: 2, Created: true}
	push := codec.Record{Kind: codec.KindFramePush, Frame: 1, Instruction: 1<<32 - 1}
	for _, row := range []textRow{
		{"object", v13, object, false, "OBJECT_RECORD address=0x5000 native_frame_id=2"},
		{"object extended", v13, object, true, "OBJECT_RECORD address=0x5000 native_frame_id=2 created=1"},
		{"object destroyed", v13, codec.Record{Kind: codec.KindObject}, true, "OBJECT_RECORD address=(nil) native_frame_id=0 created=0"},
		{"survivor", rows, codec.Record{Kind: codec.KindSurvivor, Address: 0x5008, Native: 1}, false, "SURVIVING_OBJECT address=0x0x5008 native_frame_id=1"},
		{"survivor at 0", rows, codec.Record{Kind: codec.KindSurvivor}, false, "SURVIVING_OBJECT address=0x(nil) native_frame_id=0"},
		{"code", v13, code, false, "CODE_OBJECT code_id=3 function_name=f filename=x filename=y.py firstlineno=-2 linetable_size=2"},
		{"code extended", v13, code, true, "CODE_OBJECT code_id=3 function_name=f filename=x filename=y.py firstlineno=-2 linetable_size=2 linetable=8000"},
		{"thread of header 6", v6, name("io"), false, "THREAD 7 io"},
		{"thread", v7, name("io"), false, "THREAD io"},
		{"thread of rows", rows, name("io"), false, "THREAD_RECORD io"},
		{"newline", v7, name("a\nb"), false, "THREAD a\nb"},
		{"newline extended", v7, name("a\nb"), true, `THREAD "a\nb"`},
		{"cut UTF-8", v7, name("caf\xc3"), true, `THREAD "caf\xc3"`},
		{"UTF-8", v7, name("café"), true, "THREAD café"},
		{"quote", v7, name(`"a`), true, `THREAD "\"a"`},
		{"inner quote", v7, name(`a"`), true, `THREAD a"`},
		{"blank at the end", v7, name("a "), true, `THREAD "a "`},
		{"entry unknown", v7, codec.Record{Kind: codec.KindFrame, Entry: true}, false, "FRAME_ID frame_id=0 function_name= filename= lineno=0"},
		{"entry", v8, codec.Record{Kind: codec.KindFrame, Entry: true}, false, "FRAME_ID frame_id=0 function_name= filename= lineno=0 is_entry_frame=1"},
		{"size beyond signed", v13, codec.Record{Kind: codec.KindAllocation, Size: math.MaxUint64, Allocator: codec.Malloc}, false, "ALLOCATION address=(nil) size=-1 allocator=malloc native_frame_id=0"},
		{"size beyond signed, 32 bits", v32, codec.Record{Kind: codec.KindAllocation, Size: 1 << 31, Allocator: codec.Mmap}, false, "ALLOCATION address=(nil) size=-2147483648 allocator=mmap native_frame_id=0"},
		{"unknown allocator", v13, codec.Record{Kind: codec.KindAllocation, Allocator: 19}, false, "ALLOCATION address=(nil) size=0 allocator=<unknown allocator 19> native_frame_id=0"},
		{"long instruction", v13, push, false, "FRAME_PUSH code_object_id=1 instruction_offset=-1 is_entry_frame=0"},
		{"long instruction extended", v13, push, true, "FRAME_PUSH code_object_id=1 instruction_offset=4294967295 is_entry_frame=0"},
		{"memory of header 6", v6, codec.Record{Kind: codec.KindMemory, Time: 10, RSS: 255}, false, "MEMORY RECORD time=10 memory=ff"},
		{"memory of header 7", v7, codec.Record{Kind: codec.KindMemory, Time: -1, RSS: 255}, false, "MEMORY_RECORD time=-1 memory=ff"},
		{"memory of header 13", v13, codec.Record{Kind: codec.KindMemory, Time: -1, RSS: 255}, false, "MEMORY_RECORD time=18446744073709551615 memory=255"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := string(row.rec.AppendText(nil, &row.h, row.extended)); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestHeaderText(t *testing.T) {
	h := codec.Header{
		Version: 13, PythonVersion: 0x030c01f0, NativeTraces: true, Format: codec.AggregatedAllocations,
		StartTime: 1, EndTime: 2, PID: 3, MainThread: 4, SkippedFrames: 5, CommandLine: "a b python_allocator=x",
		PythonAllocator: 3, TracksObjects: true, Word: 8,
		LibDest: "/lib", SitePackages: []string{"/a b", "/c,d"},
	}
	const stats = " n_allocations=0 n_frames=0 start_time=1 end_time=2 pid=3"
	plain := "HEADER magic=memray version=13 python_version=030c01f0 native_traces=true file_format=AGGREGATED_ALLOCATIONS" + stats +
		" main_tid=4 skipped_frames_on_main_tid=5 command_line=a b python_allocator=x python_allocator=pymalloc" +
		" trace_python_allocators=false track_object_lifetimes=true libdest=/lib site_packages=[/a b, /c,d] sys.path=[]"
	extended := strings.NewReplacer("=a b python_allocator=x", `="a b python_allocator=x"`, "/c,d", `"/c,d"`).Replace(plain) +
		" word=8 python_allocator_id=3"
	if got := string(h.AppendText(nil, false)); got != plain {
		t.Errorf("plain:\ngot  %s\nwant %s", got, plain)
	}
	if got := string(h.AppendText(nil, true)); got != extended {
		t.Errorf("extended:\ngot  %s\nwant %s", got, extended)
	}

}

// TestHeaderTextAllocator has the names that the dumps of 1.0.3 (header 6) and 1.18.0 (11) print.
func TestHeaderTextAllocator(t *testing.T) {
	for version, names := range map[int][]string{
		6:  {"", "pymalloc", "pymalloc debug", "pymalloc", "other", "", "", ""},
		11: {"", "pymalloc", "pymalloc debug", "pymalloc", "other", "mimalloc", "mimalloc debug", ""},
	} {
		for id, want := range names {
			h := codec.Header{Version: version, PythonAllocator: int32(id)}
			_, got, _ := strings.Cut(string(h.AppendText(nil, false)), "python_allocator=")
			got, _, _ = strings.Cut(got, " trace_")
			if got != want {
				t.Errorf("header %d, allocator %d: got %q, want %q", version, id, got, want)
			}
		}
	}
}

// TestTextDoesNotAllocate pins that a line costs no allocation: a dump has 100 million of them.
func TestTextDoesNotAllocate(t *testing.T) {
	h := codec.Header{Version: 13, Word: 8}
	for _, rec := range []codec.Record{
		{Kind: codec.KindAllocation, Address: 0x7f0000001000, Size: 100, Allocator: codec.Malloc},
		{Kind: codec.KindFramePush, Frame: 7, Instruction: 8, Entry: true},
		{Kind: codec.KindCode, Function: []byte("long_function_name_" + strings.Repeat("x", 50)), File: []byte("/a/b.py"), LineTable: []byte{1, 2}},
		{Kind: codec.KindMemory, Time: 1, RSS: 2},
	} {
		buf := make([]byte, 0, 512)
		if n := testing.AllocsPerRun(100, func() { buf = rec.AppendText(buf[:0], &h, true) }); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", rec.Kind, n)
		}
	}
}
