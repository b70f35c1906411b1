package heap_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// The lines of a module of 300,000 lines, each of which allocates, in any order. Were its table read for
// each of them from the start, this would take minutes.
func TestManyLines(t *testing.T) {
	const lines, first = 300_000, 10
	b, err := heap.NewBuilder(&codec.Header{Version: 12, Word: 8, PythonVersion: 0x030c0000}, heap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	add := func(r codec.Record) { b.Add(&r) }
	for code := range uint64(2) {
		// Each entry is of one code unit, a line further on.
		add(codec.Record{Kind: codec.KindCode, Code: code, Line: first, LineTable: bytes.Repeat([]byte{0xd8, 4, 5}, lines)})
	}
	order := rand.New(rand.NewPCG(1, 8)).Perm(lines)
	for _, unit := range order {
		add(codec.Record{Kind: codec.KindFramePush, Thread: 1, Frame: uint64(unit % 2), Instruction: int64(2 * unit), Entry: true})
		add(codec.Record{Kind: codec.KindAllocation, Thread: 1, Allocator: codec.Malloc, Address: 8, Size: 1})
		add(codec.Record{Kind: codec.KindFramePop, Thread: 1, Count: 1})
	}
	p, err := b.Profile(codec.Status{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Samples) != lines {
		t.Fatalf("got %d samples, want %d", len(p.Samples), lines)
	}
	for i, unit := range order {
		frame := p.AppendStack(nil, &p.Samples[i])[0]
		if got, want := p.Frames[frame].Line, int32(first+1+unit); got != want {
			t.Fatalf("unit %d: got line %d, want %d", unit, got, want)
		}
	}
}

// Frames have the lines of their own code objects, also in aggregated captures and beside frames
// that are nowhere defined.
func TestLines(t *testing.T) {
	const codes = "CODE_OBJECT code_id=0 function_name=e filename=f.py firstlineno=500 linetable=d80405\n" +
		"CODE_OBJECT code_id=1 function_name=f filename=f.py firstlineno=10 linetable=d80405d80405\n" +
		"CODE_OBJECT code_id=2 function_name=g filename=f.py firstlineno=90 linetable=d80405\n"
	instructions := []struct {
		code, offset int
		line, memray int32
	}{
		{2, 0, 91, 91}, {1, 2, 12, 12}, {9, 0, 0, 0}, {1, 0, 11, 11}, {2, -1, 90, 0}, {1, 99, 0, 0}, {0, 0, 501, 501},
	}
	events, rows := "CONTEXT_SWITCH tid=1\n", ""
	for i, x := range instructions {
		events += fmt.Sprintf("FRAME_PUSH code_object_id=%d instruction_offset=%d\n", x.code, x.offset)
		rows += fmt.Sprintf("PYTHON_FRAME_INDEX frame_id=%d code_object_id=%d instruction_offset=%d\n", i, x.code, x.offset)
	}
	rows += fmt.Sprintf("PYTHON_TRACE_INDEX frame_id=%d parent_index=0\n", len(instructions)) // of no frame
	for i := range instructions {
		rows += fmt.Sprintf("PYTHON_TRACE_INDEX frame_id=%d parent_index=%d\n", i, i+1)
	}
	for _, tt := range []struct {
		name, text string
		unknown    int // frames before those of instructions
	}{
		{"events", "HEADER version=12 python_version=030c0000\n" + codes + events, 0},
		{"rows", "HEADER version=12 python_version=030c0000 file_format=AGGREGATED_ALLOCATIONS\n" + codes + rows, 1},
	} {
		for _, like := range []bool{false, true} {
			p := readText(t, tt.text, heap.Options{LikeMemray: like})
			for i, x := range instructions {
				want := x.line
				if like {
					want = x.memray
				}
				f := p.Frames[p.Stacks[1+tt.unknown+i].Frame]
				if f.Line != want || f.FirstLine == 0 != (x.code == 9) {
					t.Errorf("%s, like Memray %v: got %+v, want line %d", tt.name, like, f, want)
				}
			}
		}
	}
}
