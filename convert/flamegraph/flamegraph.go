// Package flamegraph writes a heap.Profile as one HTML page: a flame graph that works
// offline, with nothing beside it and no request to anywhere.
//
// The page is template.html with page.css and the scripts model.js, graph.js, chart.js and
// page.js in it, all by hand and without a framework. Its content security policy lets
// nothing else run and nothing be fetched. Captures are hostile input: facts go through
// html/template, everything else through JSON, and the scripts put text on the page
// only as text. The files that a capture names are never opened.
//
// # The embedded data
//
// The last element of the page, <script id="data" type="application/json">, holds one
// object. Lists of equal length are the columns of a table; indexes count from 0.
//
//	strings   every text once. What cannot be seen or could reorder the line is escaped as
//	          Go does in a string, for example \x1b or \u202e.
//	files     columns name, module (indexes into strings) and place (an index into places)
//	places    the names of the places, as heap.Place gives them
//	frames    columns function (index into strings), file (index into files), line
//	nodes     the tree of stacks in preorder, without its root: columns frame, and up: how
//	          many levels lie between the node before (at first the root) and the
//	          parent of this one. 0 is a child of the node before.
//	samples   columns node (the innermost of the stack, counting from 1; 0 would be the root)
//	          and thread, both of the rows that all views share; sorted by node
//	views     for each view: name, and the columns bytes and count beside samples. The values
//	          are those of the node alone; sums over the nodes below are for the page to make.
//	threads   for each thread: name, id (in hex) and main
//	series    columns time (milliseconds after the point before; the first after start), rss and
//	          heap (bytes); stride tells how many memory records a point stands for
//	start     of the capture in milliseconds since 1970 UTC; so is its end
//	peak      bytes, and the time of the memory record before it, or null
//	window    from and until in milliseconds since 1970 UTC, or null for the whole capture
//	threshold the N of temporary: freed with at most N other allocations of the thread between
//
// Numbers beyond 2^53 lose their last digits in a browser.
package flamegraph

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/memvault/memvault/heap"
)

// Options select what is written. The zero value writes all that the capture knows.
type Options struct {
	// Views are the views to write; nil stands for all. The page begins with the peak if it is
	// among them, else with the first. Those that aggregated captures do not know
	// (heap.Total and heap.Temporary) are left out for them.
	Views []heap.View
	// SplitThreads keeps threads apart where Memray's counts depend on it: in an aggregated
	// capture read with heap.Options.LikeMemray. All other pages have them apart anyway.
	SplitThreads bool
}

// Write writes the page of p to w. It fails if the options leave no view. The same Profile
// gives the same bytes.
func Write(w io.Writer, p *heap.Profile, o Options) error {
	if err := o.Check(p); err != nil {
		return err
	}
	buf := bufio.NewWriter(w)
	if err := writePage(buf, describe(p)); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if err := writeData(buf, collect(p, o.views(p.Aggregated), o.SplitThreads)); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return buf.Flush()
}

// Check tells why no page of p can be written, or nil.
func (o *Options) Check(p *heap.Profile) error {
	if len(o.views(p.Aggregated)) > 0 {
		return nil
	}
	if p.Aggregated {
		return errors.New("no view left: an aggregated capture knows only leaks and peak")
	}
	return errors.New("no view left: none is selected")
}

// views gives those to write, in the order in which the page offers them.
func (o *Options) views(aggregated bool) []heap.View {
	chosen := o.Views
	if chosen == nil {
		chosen = []heap.View{heap.Peak, heap.Live, heap.Temporary, heap.Total}
	}
	var out []heap.View
	for _, v := range chosen {
		known := !aggregated || v == heap.Live || v == heap.Peak
		if known && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
