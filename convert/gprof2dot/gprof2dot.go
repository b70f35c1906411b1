// Package gprof2dot writes a heap.Profile in the shape of "memray transform gprof2dot" (facts:
// memray-reports 2.2), the JSON that gprof2dot -f json turns into a call graph.
//
// Functions are told apart by name and file, which is called their module; lines are merged.
// A Profile that was read with LikeMemray gives Memray's events: one for each of its rows, and
// none for allocations without a stack. Other Profiles give an event for each chain of calls,
// largest first, and allocations without a stack one of the function
// "<stack trace unavailable>", so that the costs add up to the whole.
package gprof2dot

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/memvault/memvault/convert/internal/stacks"
	"github.com/memvault/memvault/heap"
)

// Options select what is written.
type Options struct {
	// View is what the costs are of.
	View heap.View
	// Counts gives the number of allocations as the cost, instead of bytes.
	Counts bool
}

// function is an entry of the list of functions.
type function struct {
	Name   string `json:"name"`
	Module string `json:"module"`
}

// Write writes p to w. It fails if the capture does not know the view, or if its stacks would
// fill more than any disk.
func Write(w io.Writer, p *heap.Profile, o Options) error {
	if err := stacks.Check(p, o.View); err != nil {
		return err
	}
	buf := bufio.NewWriterSize(w, 1<<16)
	cost := `{"description": "Memory", "unit": "bytes"}`
	if o.Counts {
		cost = `{"description": "Allocations", "unit": "allocations"}`
	}
	fmt.Fprintf(buf, `{"version": 0, "costs": [%s], "events": [`, cost)
	write := writeChains
	if p.LikeMemray {
		write = writeRows
	}
	functions, err := write(buf, p, o)
	if err != nil {
		return fmt.Errorf("write call chains: %w", err)
	}
	buf.WriteString(`], "functions": `)
	if err := json.NewEncoder(buf).Encode(functions); err != nil {
		return err
	}
	buf.WriteString("}\n")
	return buf.Flush()
}

func (o *Options) cost(v heap.Value) uint64 {
	if o.Counts {
		return v.Count
	}
	return v.Bytes
}

// writeChains writes an event for each chain of functions, largest first, and gives the functions.
func writeChains(w *bufio.Writer, p *heap.Profile, o Options) ([]function, error) {
	t := stacks.New(p, stacks.Options{BareNames: true, NoLines: true})
	sums := t.Sum(o.View)
	var nodes []uint32
	frames := uint64(0)
	for i, v := range sums {
		if v != (heap.Value{}) {
			nodes = append(nodes, uint32(i))
			frames += uint64(t.Nodes[i].Depth)
		}
	}
	if err := stacks.CheckSize(frames); err != nil {
		return nil, err
	}
	slices.SortStableFunc(nodes, func(a, b uint32) int { return cmp.Compare(o.cost(sums[b]), o.cost(sums[a])) })
	chains := chainWriter{w: w}
	for _, n := range nodes {
		chains.list = t.AppendPath(chains.list[:0], n)
		slices.Reverse(chains.list)
		if err := chains.write(o.cost(sums[n])); err != nil {
			return nil, err
		}
	}
	functions := make([]function, len(t.Frames))
	for i, f := range t.Frames {
		functions[i] = function{f.Name, f.File}
	}
	return functions, nil
}

// writeRows writes an event for each of Memray's rows, and gives the functions as they come.
func writeRows(w *bufio.Writer, p *heap.Profile, o Options) ([]function, error) {
	rows := p.Rows(o.View, true)
	frames := uint64(0)
	for _, r := range rows {
		frames += uint64(p.Stacks[r.Sample.Stack].Depth)
	}
	if err := stacks.CheckSize(frames); err != nil {
		return nil, err
	}
	functions, index := []function{}, map[function]uint32{}
	chains := chainWriter{w: w}
	for _, r := range rows {
		chains.list = p.AppendStack(chains.list[:0], r.Sample)
		for i, f := range chains.list {
			fn := function{p.Frames[f].Function, p.Frames[f].File}
			k, ok := index[fn]
			if !ok {
				k = uint32(len(functions))
				index[fn] = k
				functions = append(functions, fn)
			}
			chains.list[i] = k
		}
		if len(chains.list) == 0 {
			continue
		}
		if err := chains.write(o.cost(r.Value)); err != nil {
			return nil, err
		}
	}
	return functions, nil
}

// chainWriter writes events.
type chainWriter struct {
	w       *bufio.Writer
	list    []uint32 // functions, innermost first
	line    []byte
	written bool
}

func (c *chainWriter) write(cost uint64) error {
	b := c.line[:0]
	if c.written {
		b = append(b, ", "...)
	}
	c.written = true
	b = append(b, `{"callchain": [`...)
	for i, f := range c.list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendUint(b, uint64(f), 10)
	}
	b = strconv.AppendUint(append(b, `], "cost": [`...), cost, 10)
	c.line = append(b, "]}"...)
	_, err := c.w.Write(c.line)
	return err
}
