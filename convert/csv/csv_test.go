package csv_test

import (
	"bytes"
	stdcsv "encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/csv"
	"github.com/memvault/memvault/convert/internal/converttest"
	"github.com/memvault/memvault/heap"
)

func write(t *testing.T, p *heap.Profile, v heap.View) string {
	t.Helper()
	var buf bytes.Buffer
	if err := csv.Write(&buf, p, v); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// records parses CSV; the header is checked and left out.
func records(t *testing.T, text string) [][]string {
	t.Helper()
	r := stdcsv.NewReader(strings.NewReader(text))
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(all[0], ","); got != "allocator,num_allocations,size,tid,thread_name,stack_trace" {
		t.Errorf("header: got %s", got)
	}
	return all[1:]
}

// What is written of all captures is what "memray transform csv" of their release writes: in
// the same order with 1.20.0, which has one. The allocator and thread of a merged row are not
// compared: the order of a hash table decides.
func TestLikeMemray(t *testing.T) {
	compared := 0
	for _, c := range converttest.Captures(t) {
		t.Run(c.Name, func(t *testing.T) {
			want, ok := c.Memray(t, "csv")
			if !ok {
				t.Skipf("Memray %s gives no CSV of it", c.Release())
			}
			p := c.Read(t, converttest.LikeMemray)
			if p.Header.NativeTraces {
				t.Skip("Memray prints hybrid stacks, which need symbols")
			}
			compared++
			got := write(t, p, heap.Peak)
			if got == string(want) {
				return
			}
			compareRows(t, records(t, got), records(t, string(want)), c.Release() == "1.20.0")
		})
	}
	if compared < 40 {
		t.Errorf("compared %d captures, want 40", compared)
	}
}

func compareRows(t *testing.T, got, want [][]string, ordered bool) {
	t.Helper()
	key := func(r []string) string { return fmt.Sprintf("%s allocations, %s bytes, %s", r[1], r[2], r[5]) }
	var g, w []string
	for _, r := range got {
		g = append(g, key(r))
	}
	for _, r := range want {
		w = append(w, key(r))
	}
	if !ordered {
		slices.Sort(g)
		slices.Sort(w)
	}
	if len(g) != len(w) {
		t.Errorf("got %d rows, want %d", len(g), len(w))
	}
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("row %d:\n got %s\nwant %s", i, g[i], w[i])
		}
	}
}

// Without LikeMemray, rows are told apart by thread and allocator, and add up to the whole.
func TestRows(t *testing.T) {
	p := model()
	want := "allocator,num_allocations,size,tid,thread_name,stack_trace\r\n" +
		"MMAP,1,4096,1,0x1 (MainThread),load;/srv/a.py;7|<module>;/srv/a.py;1\r\n" +
		"MALLOC,4,300,1,0x1 (MainThread),load;/srv/a.py;7|<module>;/srv/a.py;1\r\n" +
		"MALLOC,1,100,2,\"0x2 (say \"\"x\"\",\n y)\",load;/srv/a.py;7|<module>;/srv/a.py;1\r\n" +
		"MALLOC,2,8,2,\"0x2 (say \"\"x\"\",\n y)\",\r\n"
	if got := write(t, p, heap.Peak); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	p.LikeMemray = true
	want = "allocator,num_allocations,size,tid,thread_name,stack_trace\r\n" +
		"MALLOC,4,300,1,0x1 (MainThread),load;/srv/a.py;7|<module>;/srv/a.py;1\r\n" +
		"MMAP,2,4196,1,0x1 (MainThread),load;/srv/a.py;7|<module>;/srv/a.py;1\r\n" +
		"MALLOC,2,8,2,\"0x2 (say \"\"x\"\",\n y)\",\r\n"
	if got := write(t, p, heap.Peak); got != want {
		t.Errorf("like Memray: got\n%s\nwant\n%s", got, want)
	}
}

// model has a stack that two nodes of the tree show alike, as two instructions of a line do.
func model() *heap.Profile {
	value := func(count, bytes uint64) [heap.Views]heap.Value {
		return [heap.Views]heap.Value{heap.Peak: {Count: count, Bytes: bytes}}
	}
	return &heap.Profile{
		Frames: []heap.Frame{
			{Function: "<module>", File: "/srv/a.py", Line: 1},
			{Function: "load", File: "/srv/a.py", Line: 7},
			{Function: "load", File: "/srv/a.py", Line: 7, Entry: true},
		},
		Stacks:  []heap.Stack{{}, {Depth: 1}, {Parent: 1, Frame: 1, Depth: 2}, {Parent: 1, Frame: 2, Depth: 2}},
		Threads: []heap.Thread{{ID: 1, Name: "MainThread"}, {ID: 2, Name: "say \"x\",\n y"}},
		Samples: []heap.Sample{
			{Stack: 2, Allocator: codec.Malloc, Values: value(4, 300)},
			{Stack: 3, Allocator: codec.Mmap, Values: value(1, 4096)},
			{Stack: 3, Thread: 1, Allocator: codec.Malloc, Values: value(1, 100)},
			{Stack: 0, Thread: 1, Allocator: codec.Malloc, Values: value(2, 8)},
		},
	}
}

func TestUnknownView(t *testing.T) {
	p := model()
	p.Aggregated = true
	if err := csv.Write(&bytes.Buffer{}, p, heap.Total); err == nil {
		t.Error("total of an aggregated capture: got no error")
	}
}

// Neither a chain of calls that never return nor a long name in it can fill the disk.
func TestLimit(t *testing.T) {
	for want, p := range map[string]*heap.Profile{
		"frames": converttest.Chain(50_000, "f"), "bytes": converttest.Chain(1000, strings.Repeat("f", 1<<20)),
	} {
		var buf bytes.Buffer
		err := csv.Write(&buf, p, heap.Peak)
		if err == nil || !strings.Contains(err.Error(), want) || buf.Len() > 0 {
			t.Errorf("%s: got %d bytes, error %v; want that error before the first", want, buf.Len(), err)
		}
	}
}
