package codectest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
)

func TestAssembleErrors(t *testing.T) {
	const h12 = "HEADER version=12\n"
	for _, tt := range []struct{ name, text, want string }{
		{"unknown record", h12 + "\n# a comment\nFRAME_PUCH count=1\n", `line 4: unknown record "FRAME_PUCH"`},
		{"no header", "FRAME_POP count=1\n", "line 1: FRAME_POP before HEADER"},
		{"two headers", h12 + h12, "line 2: HEADER: second HEADER"},
		{"no version", "HEADER native_traces=true\n", `line 1: HEADER: want version= at "native_traces=true"`},
		{"missing field", h12 + "FRAME_POP\n", `line 2: FRAME_POP: want count= at ""`},
		{"fields in another order", h12 + "ALLOCATION size=1 address=0x10 allocator=malloc\n", `line 2: ALLOCATION: want address= at "size=1 address=0x10 allocator=malloc"`},
		{"bad number", h12 + "FRAME_POP count=x\n", `line 2: FRAME_POP: count: bad number "x"`},
		{"too large", h12 + "FRAME_POP count=18446744073709551616\n", "line 2: FRAME_POP: count: bad number"},
		{"something left", h12 + "TRAILER now\n", `line 2: TRAILER: unexpected "now"`},
		{"allocator", h12 + "ALLOCATION address=0x10 size=1 allocator=jemalloc\n", `line 2: ALLOCATION: allocator "jemalloc" is unknown`},
		{"known number", h12 + "ALLOCATION address=0x10 size=1 allocator=<unknown allocator 6>\n", "line 2: ALLOCATION: allocator 6 is known as malloc"},
		{"plain dump of code", h12 + "CODE_OBJECT code_id=1 function_name=f filename=g firstlineno=1 linetable_size=4\n", "line 2: CODE_OBJECT: linetable_size=4 but 0 bytes in linetable=: the line must be of dump -x"},
		{"plain dump of object", h12 + "OBJECT_RECORD address=0x8 native_frame_id=0\n", `line 2: OBJECT_RECORD: want created= at ""`},
		{"bad hexadecimal", h12 + "CODE_OBJECT code_id=1 function_name=f filename=g firstlineno=1 linetable=0\n", "line 2: CODE_OBJECT: encoding/hex: odd length"},
		{"open quote", h12 + "THREAD \"io\n", "line 2: THREAD: bad quoting"},
		{"NUL in a name", h12 + `THREAD "a\x00"` + "\n", "line 2: THREAD: a string of a capture holds no NUL"},
		{"wrong dialect", h12 + "FRAME_ID frame_id=1 code_object_id=1 instruction_offset=0\n", "line 2: write record: FRAME_INDEX in header version 12"},
		{"raw", "RAW 0g\n", "line 1: RAW: encoding/hex: invalid byte"},
		{"cut too much", "RAW 00\nCUT 2\n", "line 2: CUT: count 2, want 0 to 1"},
		{"negative zeros", "ZEROS -1\n", "line 1: ZEROS: count -1, want 0 to 1073741824"},
		{"boolean", "HEADER version=12 native_traces=yes\n", "line 1: HEADER: native_traces=yes, want true or false"},
		{"word", "HEADER version=12 word=16\n", "line 1: HEADER: word=16, want 4 or 8"},
		{"list", "HEADER version=13 sys.path=[a\n", "line 1: HEADER: no ] in"},
		{"empty folder", "HEADER version=13 sys.path=[a, , b]\n", "line 1: HEADER: sys.path: empty folder"},
		{"file format", "HEADER version=13 file_format=BOTH\n", `line 1: HEADER: file_format "BOTH" is unknown`},
		{"python allocator", "HEADER version=13 python_allocator=tcmalloc\n", `line 1: HEADER: python_allocator "tcmalloc" is unknown`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Assemble(tt.text)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
			if b != nil {
				t.Errorf("got %d bytes beside the error", len(b))
			}
		})
	}
}

// TestDirectives has the lines that break captures.
func TestDirectives(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []byte
	}{
		{"nothing", "", nil},
		{"raw", "RAW 0d 00ff\nRAW 01\n", []byte{0x0d, 0, 0xff, 1}},
		{"zeros", "RAW 01\nZEROS 3\n", []byte{1, 0, 0, 0}},
		{"cut", "RAW 010203\nCUT 2\nRAW 04\n", []byte{1, 4}},
		{"lz4", "RAW 01\nLZ4\n", LZ4([]byte{1})},
		{"lz4 without end", "RAW 01\nLZ4NOEND\n", LZ4NoEnd([]byte{1})},
		{"no newline at the end", "RAW 01", []byte{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Capture(t, tt.text); !bytes.Equal(got, tt.want) {
				t.Errorf("got % x, want % x", got, tt.want)
			}
		})
	}
}

// TestPlainText assembles lines as memray parse prints them where these say enough.
func TestPlainText(t *testing.T) {
	const plain = `HEADER magic=memray version=11 native_traces=false file_format=ALL_ALLOCATIONS n_allocations=1 n_frames=1 start_time=1700000000000 end_time=1700000000000 pid=1 main_tid=1 skipped_frames_on_main_tid=0 command_line=a b python_allocator=pymalloc debug trace_python_allocators=false
FRAME_ID frame_id=0 function_name=f filename=/a b.py lineno=3 is_entry_frame=1
CONTEXT_SWITCH tid=1
FRAME_PUSH frame_id=0
ALLOCATION address=(nil) size=-1 allocator=malloc
MEMORY_RECORD time=1700000000010 memory=ff
TRAILER
`
	short := strings.NewReplacer(
		"magic=memray ", "", " native_traces=false file_format=ALL_ALLOCATIONS", "",
		" start_time=1700000000000 end_time=1700000000000 pid=1 main_tid=1 skipped_frames_on_main_tid=0", "",
		" trace_python_allocators=false", "", " is_entry_frame=1", "", "(nil)", "0", "-1", "0xffffffffffffffff",
	).Replace(plain)
	got := Capture(t, short)
	if want := Capture(t, plain); !bytes.Equal(got, want) {
		t.Errorf("short form: %s", firstDifference(got, want))
	}
	text, status := dumpX(t, got)
	if want := strings.Replace(plain, "\n", " word=8 python_allocator_id=2\n", 1); text != want {
		t.Error(firstLineDifference(text, want))
	}
	if status.State != codec.StateComplete {
		t.Errorf("got state %s, want %s", status.State, codec.StateComplete)
	}
}

// TestUnreadHeaders are written so that their refusal can be tested.
func TestUnreadHeaders(t *testing.T) {
	for _, tt := range []struct {
		text string
		want byte
	}{
		{"HEADER version=14\nTRAILER\n", 14},
		{"HEADER version=5\n", 5},
	} {
		if got := Capture(t, tt.text); got[7] != tt.want {
			t.Errorf("%q: got version %d, want %d", tt.text, got[7], tt.want)
		}
	}
	got := Capture(t, "HEADER version=12 file_format=<unknown enum value 7> n_allocations=3\n")
	if got[16] != 7 || got[17] != 3 {
		t.Errorf("got format %d and %d allocations, want 7 and 3", got[16], got[17])
	}
}
