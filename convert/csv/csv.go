// Package csv writes a heap.Profile in the columns of "memray transform csv" (facts: memray-reports
// 2.2): allocator, num_allocations, size, tid, thread_name and stack_trace, which is
// function;file;line|... from the innermost frame out, empty where there is no stack.
//
// A Profile that was read with LikeMemray gives Memray's rows: merged over threads and
// allocators, which are those of one of the merged, and with heap.Options.Oldest in Memray's order,
// which takes about half as long again to find out. Other Profiles give a row for each
// stack, thread and allocator, largest first.
package csv

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/internal/stacks"
	"github.com/memvault/memvault/heap"
)

const header = "allocator,num_allocations,size,tid,thread_name,stack_trace\r\n"

// Write writes view v of p to w. It fails if the capture does not know the view, or if its
// stacks would fill more than any disk.
func Write(w io.Writer, p *heap.Profile, v heap.View) error {
	if err := stacks.Check(p, v); err != nil {
		return err
	}
	rows := p.Rows(v, true)
	if !p.LikeMemray {
		rows = apart(p, v)
	}
	t := newTexts(p)
	if err := stacks.CheckText(t.size(rows)); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	buf := bufio.NewWriterSize(w, 1<<16)
	buf.WriteString(header)
	for i := range rows {
		if _, err := buf.Write(t.row(&rows[i])); err != nil {
			return err
		}
	}
	return buf.Flush()
}

// apart gives a row for each stack as it reads, thread and allocator, largest first.
func apart(p *heap.Profile, v heap.View) []heap.Row {
	type key struct {
		node, thread uint32
		allocator    codec.Allocator
	}
	t := stacks.New(p, stacks.Options{BareNames: true})
	index := map[key]int{}
	var rows []heap.Row
	for i := range p.Samples {
		s, value := &p.Samples[i], p.Value(i, v)
		if value == (heap.Value{}) {
			continue
		}
		k := key{t.Node(s), s.Thread, s.Allocator}
		r, ok := index[k]
		if !ok {
			index[k] = len(rows)
			rows = append(rows, heap.Row{Sample: s, Value: value})
			continue
		}
		rows[r].Value = stacks.Add(rows[r].Value, value)
	}
	slices.SortStableFunc(rows, func(a, b heap.Row) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Count, a.Count),
			cmp.Compare(t.Node(a.Sample), t.Node(b.Sample)))
	})
	return rows
}

// texts makes the lines, and keeps what they repeat.
type texts struct {
	p       *heap.Profile
	frames  []string // beside p.Frames; empty is not known yet
	threads []string // beside p.Threads
	stack   []uint32 // scratch
	line    []byte   // scratch
	field   []byte   // scratch
}

func newTexts(p *heap.Profile) *texts {
	t := &texts{p: p, frames: make([]string, len(p.Frames))}
	for i := range p.Threads {
		t.threads = append(t.threads, p.Threads[i].String())
	}
	return t
}

// size gives how many frames the stacks of all rows have, and bytes, hidden frames included.
func (t *texts) size(rows []heap.Row) (frames, bytes uint64) {
	lengths := make([]uint64, len(t.p.Stacks))
	for i := range lengths[1:] {
		s := &t.p.Stacks[i+1]
		f := &t.p.Frames[s.Frame]
		lengths[i+1] = lengths[s.Parent] + uint64(len(f.Function)+len(f.File)+len(";;0|"))
	}
	for _, r := range rows {
		frames += uint64(t.p.Stacks[r.Sample.Stack].Depth)
		bytes = stacks.AddSaturated(bytes, lengths[r.Sample.Stack])
	}
	return frames, bytes
}

// row gives the line of r, valid until the next call.
func (t *texts) row(r *heap.Row) []byte {
	t.field = t.field[:0]
	t.stack = t.p.AppendStack(t.stack[:0], r.Sample)
	for i, f := range t.stack {
		if i > 0 {
			t.field = append(t.field, '|')
		}
		t.field = append(t.field, t.frame(f)...)
	}
	b := append(t.line[:0], strings.ToUpper(r.Sample.Allocator.String())...)
	b = strconv.AppendUint(append(b, ','), r.Count, 10)
	b = strconv.AppendUint(append(b, ','), r.Bytes, 10)
	b = strconv.AppendUint(append(b, ','), t.p.Threads[r.Sample.Thread].ID, 10)
	b = quote(append(b, ','), t.threads[r.Sample.Thread])
	b = quote(append(b, ','), string(t.field))
	t.line = append(b, "\r\n"...)
	return t.line
}

func (t *texts) frame(i uint32) string {
	if t.frames[i] == "" {
		f := &t.p.Frames[i]
		t.frames[i] = f.Function + ";" + f.File + ";" + strconv.Itoa(int(f.Line))
	}
	return t.frames[i]
}

// quote appends a field as Python's csv does: in quotes only if it must be, and line ends in it
// stay as they are. (encoding/csv turns them all into \r\n.)
func quote(b []byte, s string) []byte {
	if !strings.ContainsAny(s, "\",\r\n") {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}
