package report

import (
	"cmp"
	"io"
	"slices"
	"strconv"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// TableLine is a line of code that allocated, in the keys of the data of Memray's table.
type TableLine struct {
	// Thread is "merged thread" unless threads are split.
	Thread string `json:"tid"`
	Size   uint64 `json:"size"`
	// Allocator is its name in lower case.
	Allocator   string `json:"allocator"`
	Allocations uint64 `json:"n_allocations"`
	// Location is "function at file:line", or "???" when the capture does not tell. It is plain
	// text: Memray writes it as HTML.
	Location string `json:"stack_trace"`
}

// Table is what lines of code allocated, by allocator, as `memray table` has it.
type Table struct {
	Lines   []TableLine
	options Options
}

// MarshalJSON gives the lines, as Memray's data is.
func (t *Table) MarshalJSON() ([]byte, error) { return marshal(t.Lines) }

// mergedThread is Memray's word for what is of all threads.
const mergedThread = "merged thread"

type tableKey struct {
	thread    uint32
	allocator codec.Allocator
	known     bool // the frame is
	frame     uint32
}

// NewTable makes the table of a view. The innermost frame counts, hidden or not. If p is
// like Memray's, the allocator is that of the first of the allocations that Memray merges.
func NewTable(p *heap.Profile, o Options) *Table {
	b := tableBuilder{p: p, split: o.SplitThreads}
	b.names, b.ofFrame = frames(p)
	if p.LikeMemray {
		for _, r := range p.Rows(o.View, !o.SplitThreads) {
			b.add(r.Sample, r.Value)
		}
	} else {
		for i := range p.Samples {
			if v := p.Value(i, o.View); v != (heap.Value{}) {
				b.add(&p.Samples[i], v)
			}
		}
	}
	slices.SortStableFunc(b.lines, func(x, y TableLine) int { return cmp.Compare(y.Size, x.Size) })
	if b.lines == nil {
		b.lines = []TableLine{}
	}
	return &Table{Lines: firstN(b.lines, o.N), options: o}
}

type tableBuilder struct {
	p       *heap.Profile
	split   bool
	names   []Frame
	ofFrame []uint32
	keys    interner[tableKey]
	lines   []TableLine // beside keys
}

func (b *tableBuilder) add(s *heap.Sample, v heap.Value) {
	k := tableKey{allocator: s.Allocator}
	if b.split {
		k.thread = s.Thread
	}
	if s.Stack != 0 {
		k.known, k.frame = true, b.ofFrame[b.p.Stacks[s.Stack].Frame]
	}
	i := b.keys.of(k)
	if int(i) == len(b.lines) {
		b.lines = append(b.lines, b.line(k))
	}
	l := &b.lines[i]
	l.Size = saturated(l.Size, v.Bytes)
	l.Allocations = saturated(l.Allocations, v.Count)
}

func (b *tableBuilder) line(k tableKey) TableLine {
	l := TableLine{Thread: mergedThread, Allocator: k.allocator.String(), Location: unknown}
	if b.split {
		l.Thread = b.p.Threads[k.thread].String()
	}
	if k.known {
		l.Location = b.names[k.frame].at()
	}
	return l
}

// WriteText prints the table with Memray's columns.
func (t *Table) WriteText(w io.Writer) error {
	text := textTable{columns: []textColumn{{"Size", true}, {"Allocator", false}, {"Allocations", true}, {"Location", false}}}
	if t.options.SplitThreads {
		text.columns = append([]textColumn{{"Thread ID", false}}, text.columns...)
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		cells := []string{t.options.size(l.Size), l.Allocator, strconv.FormatUint(l.Allocations, 10), l.Location}
		if t.options.SplitThreads {
			cells = append([]string{l.Thread}, cells...)
		}
		text.add(cells...)
	}
	return text.write(w)
}
