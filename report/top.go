package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/safetext"
)

// Top is the stacks that allocated most, each in full.
type Top struct {
	View string `json:"view"`
	// TotalMemory and TotalAllocations are those of all stacks.
	TotalMemory      uint64     `json:"total_memory"`
	TotalAllocations uint64     `json:"total_allocations"`
	Stacks           []TopStack `json:"stacks"`

	options Options
	others  int // stacks that are not shown
}

// TopStack is one stack.
type TopStack struct {
	// Thread is empty unless threads are split.
	Thread      string  `json:"thread,omitempty"`
	Memory      uint64  `json:"memory"`
	Share       float64 `json:"memory_percent"`
	Allocations uint64  `json:"n_allocations"`
	// Frames are leaf first; none when the capture does not tell.
	Frames []Frame `json:"stack_trace"`
}

// NewTop finds the o.N largest stacks of a view. Frames beyond maxFrames of a stack are left out.
func NewTop(p *heap.Profile, o Options) *Top {
	c := newCalls(p, p.Rows(o.View, !o.SplitThreads), o.SplitThreads)
	t := &Top{
		View: o.View.String(), TotalMemory: c.nodes[0].total.Bytes, TotalAllocations: c.nodes[0].total.Count,
		Stacks: []TopStack{}, options: o,
	}
	var nodes []uint32
	for i := range c.nodes {
		if c.nodes[i].own != (heap.Value{}) {
			nodes = append(nodes, uint32(i))
		}
	}
	slices.SortStableFunc(nodes, func(a, b uint32) int {
		x, y := c.nodes[a].own, c.nodes[b].own
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(y.Count, x.Count))
	})
	largest := firstN(nodes, o.N)
	t.others = len(nodes) - len(largest)
	limit := framesEach(len(largest))
	for _, i := range largest {
		t.Stacks = append(t.Stacks, c.stack(i, t.TotalMemory, limit))
	}
	return t
}

// maxFrames is how deep stacks are shown; Memray cuts at the same depth. Readers of JSON
// do not take deeper nesting, and nobody reads it.
const maxFrames = 400

// tooDeep stands for frames that are left out.
const tooDeep = "<STACK TOO DEEP>"

// manyFrames is how many frames a report holds, all its stacks together. Chains of calls that never
// return would have far more: some hundred for each of a million stacks.
const manyFrames = 1 << 24

// framesEach is how many frames each of n stacks is shown with.
func framesEach(n int) int { return min(max(manyFrames/max(n, 1), 20), maxFrames) }

// stack gives what node i itself allocated, with at most so many of its frames.
func (c *calls) stack(i uint32, all uint64, limit int) TopStack {
	own, by := c.nodes[i].own, c.nodes[i].by
	s := TopStack{Memory: own.Bytes, Share: percent(own.Bytes, all), Allocations: own.Count, Frames: []Frame{}}
	if c.split {
		s.Thread = c.threads[by-1].String()
	}
	for ; i != 0 && !c.nodes[i].thread; i = c.nodes[i].parent {
		if len(s.Frames) == limit {
			s.Frames = append(s.Frames, Frame{Function: tooDeep})
			break
		}
		s.Frames = append(s.Frames, c.frames[c.nodes[i].frame])
	}
	return s
}

// WriteText prints each stack, leaf first.
func (t *Top) WriteText(w io.Writer) error {
	p := printer{w: w}
	p.printf("%s in %s, %s\n", t.options.size(t.TotalMemory), count(t.TotalAllocations, "allocation"), viewText[t.options.View])
	for i := range t.Stacks {
		s := &t.Stacks[i]
		p.printf("\n%d. %s (%.2f%%) in %s%s\n", i+1, t.options.size(s.Memory), s.Share, count(s.Allocations, "allocation"), within(s.Thread))
		if len(s.Frames) == 0 {
			p.printf("    %s\n", noStack)
		}
		for k := range s.Frames {
			p.printf("    %s\n", safetext.Printable(s.Frames[k].shown()))
		}
	}
	if t.others > 0 {
		p.printf("\n%s; -n shows more\n", count(t.others, "more stack"))
	}
	return p.err
}

func within(thread string) string {
	if thread == "" {
		return ""
	}
	return safetext.Printable(", thread " + thread)
}

// printer prints until the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
