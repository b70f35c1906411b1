// Package report turns a heap.Profile into what a person reads in a terminal. What it makes
// are plain structs: encoding/json gives them the keys and units of Memray's own
// reports, and WriteText prints them. Text from captures is escaped in what is
// printed, and not in the structs.
package report

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/memvault/memvault/heap"
)

// Options select what a report shows.
type Options struct {
	// View is what is counted. In windows heap.Live is what was made in the window and is
	// alive at its end.
	View heap.View
	// SplitThreads keeps threads apart.
	SplitThreads bool
	// N is how many rows there are at most; 0 is all of them.
	N int
	// Sort says which column of a summary comes largest first.
	Sort Column
	// Exact prints sizes in bytes, not rounded to SI units.
	Exact bool
}

// Column is a column of a summary.
type Column uint8

// The columns that a summary can be sorted by.
const (
	TotalMemory Column = iota
	OwnMemory
	Allocations
)

// noStack stands for a stack that the capture does not tell.
const noStack = "<stack trace unavailable>"

// unknown is what Memray prints for that in tables.
const unknown = "???"

// Frame is a line of a function, as text.
type Frame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int32  `json:"line"`
}

// String gives Memray's "function:file:line".
func (f Frame) String() string {
	return f.Function + ":" + f.File + ":" + strconv.Itoa(int(f.Line))
}

// at gives "function at file:line".
func (f Frame) at() string {
	return f.Function + " at " + f.File + ":" + strconv.Itoa(int(f.Line))
}

// shown is how a stack lists the frame.
func (f Frame) shown() string {
	if f.File == "" && f.Line == 0 {
		return f.Function
	}
	return f.at()
}

// interner numbers distinct values from 0.
type interner[T comparable] struct {
	values []T
	index  map[T]uint32
}

func (n *interner[T]) of(v T) uint32 {
	i, ok := n.index[v]
	if !ok {
		if n.index == nil {
			n.index = map[T]uint32{}
		}
		i = uint32(len(n.values))
		n.values = append(n.values, v)
		n.index[v] = i
	}
	return i
}

// frames gives the distinct frames of p as text, and the one of each of p.Frames.
func frames(p *heap.Profile) (distinct []Frame, of []uint32) {
	var n interner[Frame]
	of = make([]uint32, len(p.Frames))
	for i := range p.Frames {
		f := &p.Frames[i]
		of[i] = n.of(Frame{Function: f.Function, File: f.File, Line: f.Line})
	}
	return n.values, of
}

// count prints a number of things: "1 call", "2 calls".
func count[N int | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.FormatUint(uint64(n), 10) + " " + thing + "s"
}

// marshal gives v as JSON, without what only HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// percent is a share of all, in percent; of nothing it is 0.
func percent(part, all uint64) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(part) / float64(all)
}

// sum adds, within the range of uint64.
func sum(a, b heap.Value) heap.Value {
	return heap.Value{Count: saturated(a.Count, b.Count), Bytes: saturated(a.Bytes, b.Bytes)}
}

func saturated(a, b uint64) uint64 {
	if a+b < a {
		return 1<<64 - 1
	}
	return a + b
}

// firstN gives the first n of rows, or all if n is 0.
func firstN[T any](rows []T, n int) []T {
	if n <= 0 || n > len(rows) {
		return rows
	}
	return rows[:n]
}

// viewText says what a view counts.
var viewText = [heap.Views]string{
	heap.Total: "in total", heap.Temporary: "temporary", heap.Live: "leaked", heap.Peak: "at the peak",
}
