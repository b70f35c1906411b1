package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/memvault/memvault/heap"
)

// Summary is what functions allocated, themselves and in what they called, as `memray summary` has it.
type Summary struct {
	View string `json:"view"`
	// TotalMemory and TotalAllocations are what all percentages are of.
	TotalMemory      uint64 `json:"total_memory"`
	TotalAllocations uint64 `json:"total_allocations"`
	// Complete is false when the rows tell of a part only, as Memray's do, which end once they
	// have told of 95 % of the bytes.
	Complete  bool          `json:"complete"`
	Functions []SummaryLine `json:"functions"`

	options Options
}

// SummaryLine is one function. A function that calls itself counts once.
type SummaryLine struct {
	// Thread is empty unless threads are split.
	Thread      string  `json:"thread,omitempty"`
	Function    string  `json:"function"`
	File        string  `json:"file"`
	TotalMemory uint64  `json:"total_memory"`
	TotalShare  float64 `json:"total_memory_percent"`
	OwnMemory   uint64  `json:"own_memory"`
	OwnShare    float64 `json:"own_memory_percent"`
	// Allocations are those of the function and of what it called.
	Allocations uint64 `json:"n_allocations"`
}

// memrayRatio is the part of all bytes after which Memray's summary takes in no more.
const memrayRatio = 0.95

// NewSummary makes the summary of a view. If p is like Memray's, so is what is left out, if
// p was read with heap.Options.Oldest.
func NewSummary(p *heap.Profile, o Options) *Summary {
	rows := p.Rows(o.View, !o.SplitThreads)
	s := &Summary{View: o.View.String(), Complete: true, options: o}
	for i := range rows {
		s.TotalMemory = saturated(s.TotalMemory, rows[i].Bytes)
		s.TotalAllocations = saturated(s.TotalAllocations, rows[i].Count)
	}
	if p.LikeMemray {
		if n := memrayRows(rows, s.TotalMemory); n < len(rows) {
			rows, s.Complete = rows[:n], false
		}
	}
	s.Functions = summarise(newCalls(p, rows, o.SplitThreads))
	for i := range s.Functions {
		f := &s.Functions[i]
		f.TotalShare = percent(f.TotalMemory, s.TotalMemory)
		f.OwnShare = percent(f.OwnMemory, s.TotalMemory)
	}
	slices.SortStableFunc(s.Functions, func(a, b SummaryLine) int {
		return cmp.Or(cmp.Compare(b.by(o.Sort), a.by(o.Sort)), cmp.Compare(b.OwnMemory, a.OwnMemory))
	})
	s.Functions = firstN(s.Functions, o.N)
	return s
}

// by gives what the line is sorted by.
func (l *SummaryLine) by(c Column) uint64 {
	switch c {
	case OwnMemory:
		return l.OwnMemory
	case Allocations:
		return l.Allocations
	default:
		return l.TotalMemory
	}
}

// memrayRows is how many rows Memray takes in: until they hold 95 % of all bytes.
func memrayRows(rows []heap.Row, all uint64) int {
	threshold, sum := memrayRatio*float64(all), uint64(0)
	for i := range rows {
		if float64(sum) >= threshold {
			return i
		}
		sum = saturated(sum, rows[i].Bytes)
	}
	return len(rows)
}

// functionKey is a function of a thread; of all threads, if they are not split.
type functionKey struct {
	thread         uint32
	function, file string
}

// summariser sums up by function on a walk through the tree.
type summariser struct {
	*calls
	keys   interner[functionKey]
	lines  []SummaryLine // beside keys
	onPath []int         // beside keys: how often the walk is within the function
	thread uint32        // that the walk is in
}

func summarise(c *calls) []SummaryLine {
	s := &summariser{calls: c, lines: []SummaryLine{}}
	s.stackless(&c.nodes[0])
	c.depthFirst(s.enter, s.leave)
	return s.lines
}

// stackless counts what has no stack, which is what the root or a thread itself holds.
func (s *summariser) stackless(n *callNode) {
	if n.own == (heap.Value{}) {
		return
	}
	l := &s.lines[s.line(unknown, unknown)]
	l.TotalMemory = saturated(l.TotalMemory, n.own.Bytes)
	l.OwnMemory = saturated(l.OwnMemory, n.own.Bytes)
	l.Allocations = saturated(l.Allocations, n.own.Count)
}

func (s *summariser) enter(node uint32) {
	n := &s.nodes[node]
	if n.thread {
		s.thread = n.frame + 1
		s.stackless(n)
		return
	}
	f := &s.frames[n.frame]
	i := s.line(f.Function, f.File)
	l := &s.lines[i]
	l.OwnMemory = saturated(l.OwnMemory, n.own.Bytes)
	if s.onPath[i]++; s.onPath[i] == 1 {
		l.TotalMemory = saturated(l.TotalMemory, n.total.Bytes)
		l.Allocations = saturated(l.Allocations, n.total.Count)
	}
}

func (s *summariser) leave(node uint32) {
	if n := &s.nodes[node]; !n.thread {
		f := &s.frames[n.frame]
		s.onPath[s.line(f.Function, f.File)]--
	}
}

// line gives the index of a function's line.
func (s *summariser) line(function, file string) uint32 {
	i := s.keys.of(functionKey{s.thread, function, file})
	if int(i) == len(s.lines) {
		l := SummaryLine{Function: function, File: file}
		if s.thread != 0 {
			l.Thread = s.threads[s.thread-1].String()
		}
		s.lines = append(s.lines, l)
		s.onPath = append(s.onPath, 0)
	}
	return i
}

// WriteText prints the summary with Memray's columns.
func (s *Summary) WriteText(w io.Writer) error {
	t := textTable{columns: []textColumn{
		{"Total Memory", true}, {"Total Memory %", true}, {"Own Memory", true}, {"Own Memory %", true},
		{"Allocation Count", true}, {"Location", false},
	}}
	for i := range s.Functions {
		f := &s.Functions[i]
		where := f.Function + " at " + f.File
		if f.Thread != "" {
			where = "[" + f.Thread + "] " + where
		}
		t.add(s.options.size(f.TotalMemory), fmt.Sprintf("%.2f%%", f.TotalShare),
			s.options.size(f.OwnMemory), fmt.Sprintf("%.2f%%", f.OwnShare),
			strconv.FormatUint(f.Allocations, 10), where)
	}
	return t.write(w)
}
