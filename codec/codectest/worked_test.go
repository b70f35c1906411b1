package codectest

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// unhex reads hexadecimal bytes; "text" in quotes stands for itself.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	var out []byte
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// The worked bytes of the format description (facts: section 12), in its words.
const (
	pushText     = "FRAME_PUSH code_object_id=1 instruction_offset=4\n"
	pushes4Text  = pushText + pushText + pushText + pushText
	pushes4Bytes = "41 01 08 41 01 08 41 01 08 41 01 08 "

	worked13Text = `
HEADER magic=memray version=13 python_version=030b02f0 native_traces=true file_format=ALL_ALLOCATIONS n_allocations=6 n_frames=0 start_time=1795349944733 end_time=1795349944733 pid=10468 main_tid=1 skipped_frames_on_main_tid=2 command_line=app.py x python_allocator=pymalloc trace_python_allocators=true track_object_lifetimes=true libdest=/usr/lib/python3.11 site_packages=[/usr/lib/python3/dist-packages] sys.path=[/app, /usr/lib/python3.11]
MEMORY_MAP_START
SEGMENT_HEADER filename=/lib/libx.so num_segments=2 addr=0x7f0000000000
SEGMENT (nil) 1234
SEGMENT 0x2000 80
CODE_OBJECT code_id=1 function_name=f filename=/app/m.py firstlineno=10 linetable_size=7 linetable=8000d804058049
CODE_OBJECT code_id=2 function_name=g filename=/app/m.py firstlineno=7 linetable_size=0
CONTEXT_SWITCH tid=1
FRAME_PUSH code_object_id=1 instruction_offset=4 is_entry_frame=1
FRAME_PUSH code_object_id=2 instruction_offset=-1 is_entry_frame=0
` + pushes4Text + pushes4Text + pushes4Text + pushes4Text + `NATIVE_FRAME_ID ip=0x7f0000001000 index=0
NATIVE_FRAME_ID ip=0x7f0000001010 index=1
ALLOCATION address=0x1000 size=300 allocator=malloc native_frame_id=2
ALLOCATION address=0x2000 size=64 allocator=calloc native_frame_id=2
ALLOCATION address=0x1000 size=0 allocator=free native_frame_id=0
CONTEXT_SWITCH tid=2
ALLOCATION address=0x7f1234560000 size=4096 allocator=mmap native_frame_id=1
ALLOCATION address=0x7f1234560000 size=4096 allocator=munmap native_frame_id=0
ALLOCATION address=(nil) size=16 allocator=pymalloc_malloc native_frame_id=1
CONTEXT_SWITCH tid=1
FRAME_POP count=18
CONTEXT_SWITCH tid=2
THREAD io
CONTEXT_SWITCH tid=1
OBJECT_RECORD address=0x5000 native_frame_id=2 created=1
OBJECT_RECORD address=0x5000 native_frame_id=0 created=0
TRAILER
`
	worked13Bytes = `
"memray" 00  0d000000  f0020b03  01 00  0600000000000000 0000000000000000
9d193203a2010000 9d193203a2010000 "app.py x" 00 e4280000 0100000000000000 0200000000000000
01 01 01 "/usr/lib/python3.11" 00 "/usr/lib/python3/dist-packages" 00 00 "/app" 00 "/usr/lib/python3.11" 00 00
06 07 "/lib/libx.so" 00 02 00000000007f0000 08 0000000000000000 b424 08 0020000000000000 8001
0e 01 "f" 00 "/app/m.py" 00 14 07 8000d804058049  0e 02 "g" 00 "/app/m.py" 00 05 00
0c 0100000000000000 41 01 08 40 02 01 ` + pushes4Bytes + pushes4Bytes + pushes4Bytes + pushes4Bytes + `
05 80c0808080c03f 00 05 20 02
fe 8008 02 ac02  f8 8008 08 00 40  8d
0c 0200000000000000 f8 80f0d5e8c8f807 0e 01 8020  80 0f 01 8020  9a 02 10
0c 0100000000000000 1f 11  0c 0200000000000000 0a "io" 00
0c 0100000000000000 3f ffd7d5e8c8f807 02 20 01`

	workedRowsText = `
HEADER version=13 native_traces=true file_format=AGGREGATED_ALLOCATIONS start_time=1757105244685 end_time=1757105244685 pid=2 main_tid=1 skipped_frames_on_main_tid=1 command_line=a b libdest=/L site_packages=[/S] sys.path=[]
MEMORY_SNAPSHOT time=1757105244685 rss=10000 heap=0
MEMORY_SNAPSHOT time=1757105245685 rss=20000 heap=10
CONTEXT_SWITCH tid=2
THREAD_RECORD io
MEMORY_MAP_START
SEGMENT_HEADER filename=/x num_segments=1 addr=0x1000
SEGMENT (nil) 12c
CODE_OBJECT code_id=1 function_name=f filename=a.py firstlineno=5 linetable_size=0
NATIVE_TRACE_INDEX ip=0x1010 index=0
PYTHON_FRAME_INDEX frame_id=0 code_object_id=1 instruction_offset=2 is_entry_frame=1
PYTHON_FRAME_INDEX frame_id=1 code_object_id=1 instruction_offset=6 is_entry_frame=0
PYTHON_TRACE_INDEX frame_id=0 parent_index=0
PYTHON_TRACE_INDEX frame_id=1 parent_index=1
SURVIVING_OBJECT address=0x0x5008 native_frame_id=1
AGGREGATED_ALLOCATION tid=1 allocator=malloc native_frame_id=1 python_frame_id=2 native_segment_generation=1 n_allocations_in_high_water_mark=1 n_allocations_leaked=1 bytes_in_high_water_mark=1024 bytes_leaked=10
AGGREGATED_TRAILER
`
	workedRowsBytes = `
"memray" 00  0d000000  00010c03  01 01  0000000000000000 0000000000000000
0d4aa21b99010000 0d4aa21b99010000 "a b" 00 02000000 0100000000000000 0100000000000000
01 00 00 "/L" 00 "/S" 00 00 00
01 0d4aa21b99010000 1027000000000000 0000000000000000
01 f54da21b99010000 204e000000000000 0a00000000000000
0c 0200000000000000 0a "io" 00  06 07 "/x" 00 01 0010000000000000  08 0000000000000000 ac02
0e 01 "f" 00 "a.py" 00 0a 00  05 a040 00  04 00 01 04 01  04 01 01 0c 00  03 00 00  03 01 01
0d 8114 01
02 0100000000000000 06 00000000000000 0100000000000000 0200000000000000 0100000000000000
0100000000000000 0100000000000000 0004000000000000 0a00000000000000
0f`

	worked6Text = `
HEADER magic=memray version=6 native_traces=false n_allocations=192 n_frames=32 start_time=1795348734675 end_time=1795348734682 pid=23792 command_line=work.py d cap/v1.0.3-d.bin python_allocator=pymalloc
FRAME_ID frame_id=0 function_name=<module> filename=/srv/app/work.py lineno=48
FRAME_PUSH tid=140001111092096 frame_id=0
ALLOCATION tid=140001111092096 address=0x55d2723436c0 size=5001 allocator=malloc native_frame_id=0
FRAME_POP tid=140001111092096 count=1
`
	worked6Bytes = `
"memray" 00 06000000 00  c000000000000000 2000000000000000  d3a21f03a2010000 daa21f03a2010000
"work.py d cap/v1.0.3-d.bin" 00 f05c0000 01000000
02000000 0000000000000000 "<module>" 00 "/srv/app/work.py" 00 30000000
03000000 0000000000000000 80ab7e8c547f0000
01000000 80ab7e8c547f0000 c0363472d2550000 8913000000000000 01000000 00000000 0000000000000000
08000000 80ab7e8c547f0000 01 00000000000000`

	worked7Text = `
HEADER version=7 n_allocations=1 n_frames=3 start_time=1795348734675
FRAME_ID frame_id=0 function_name=<module> filename=/srv/app/work.py lineno=48
CONTEXT_SWITCH tid=140019639397248
FRAME_PUSH frame_id=0
FRAME_ID frame_id=2 function_name=main filename=/srv/app/work.py lineno=37
FRAME_PUSH frame_id=2
FRAME_ID frame_id=4 function_name=leaf filename=/srv/app/work.py lineno=17
FRAME_PUSH frame_id=4
ALLOCATION address=0x56167160c2d0 size=5001 allocator=malloc
FRAME_POP count=1
`
	worked7Bytes = `
"memray" 00 07000000 00  0100000000000000 0300000000000000  d3a21f03a2010000 d3a21f03a2010000
00 01000000 01000000
03 00 "<module>" 00 "/srv/app/work.py" 00 60  0c 802bdedc587f0000  04 00
03 04 "main" 00 "/srv/app/work.py" 00 15  04 00  03 04 "leaf" 00 "/srv/app/work.py" 00 27  04 00
11 a08b8696ce852b 8927  09`

	workedRows11Text = `
HEADER version=11 file_format=AGGREGATED_ALLOCATIONS start_time=1795348734675 pid=24374 main_tid=4 python_allocator=pymalloc trace_python_allocators=false
CONTEXT_SWITCH tid=4
THREAD_RECORD worker-é2
PYTHON_FRAME_INDEX frame_id=29 function_name=<module> filename=/srv/app/work.py lineno=47 is_entry_frame=1
PYTHON_TRACE_INDEX frame_id=0 parent_index=0
PYTHON_TRACE_INDEX frame_id=1 parent_index=1
AGGREGATED_TRAILER
`
	workedRows11Bytes = `
"memray" 00 0b000000 00 01  0000000000000000 0000000000000000  d3a21f03a2010000 d3a21f03a2010000
00 365f0000 0400000000000000 0000000000000000 01 00
0c 0400000000000000 0a "worker-é2" 00
04 1d00000000000000 "<module>" 00 "/srv/app/work.py" 00 2f000000 01
03 0000000000000000 00000000  03 0100000000000000 01000000  0f`
)

func TestWorkedBytes(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		size             int // where the facts tell it
	}{
		{"header 13", worked13Text, worked13Bytes, 405},
		{"header 13 aggregated", workedRowsText, workedRowsBytes, 281},
		{"header 6", worked6Text, worked6Bytes, 0},
		{"header 7", worked7Text, worked7Bytes, 0},
		{"header 11 aggregated", workedRows11Text, workedRows11Bytes, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, want := Capture(t, tt.text), unhex(t, tt.want)
			if tt.size != 0 && len(want) != tt.size {
				t.Errorf("got %d worked bytes, want %d", len(want), tt.size)
			}
			if !bytes.Equal(got, want) {
				t.Error(firstDifference(got, want))
			}
		})
	}
}

// TestVarints has the spot values of facts section 12.6.
func TestVarints(t *testing.T) {
	for v, want := range map[uint64]string{
		0: "00", 127: "7f", 128: "8001", 300: "ac02", 4096: "8020", 1<<64 - 1: "ffffffffffffffffff01",
	} {
		w := Writer{}
		if w.uvarint(v); hex.EncodeToString(w.buf) != want {
			t.Errorf("uvarint(%d): got %x, want %s", v, w.buf, want)
		}
	}
	for v, want := range map[int64]string{
		0: "00", -1: "01", 63: "7e", -64: "7f", 64: "8001",
		1<<63 - 1: "feffffffffffffffff01", -1 << 63: "ffffffffffffffffff01",
	} {
		w := Writer{}
		if w.svarint(v); hex.EncodeToString(w.buf) != want {
			t.Errorf("svarint(%d): got %x, want %s", v, w.buf, want)
		}
	}
}
