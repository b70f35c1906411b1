package main

import (
	"io"

	"github.com/memvault/memvault/convert/flamegraph"
	"github.com/memvault/memvault/convert/pprof"
	"github.com/memvault/memvault/heap"
)

// A target is a format that convert writes.
type target struct {
	name string
	ext  string // of its files
	// binary tells that the output does not belong on a terminal.
	binary bool
	// merges tells that several captures can become one output.
	merges bool
	// open gives what turns profiles into one output.
	open func(o *convertOptions) converter
}

// A converter takes one profile, or several that are to be merged, and then writes them.
type converter interface {
	Add(*heap.Profile) error
	Write(io.Writer) error
}

var targets = []target{
	{name: "pprof", ext: ".pb.gz", binary: true, merges: true, open: openPprof},
	{name: "flamegraph", ext: ".html", open: openFlamegraph},
}

func targetNames() []string {
	var names []string
	for _, t := range targets {
		names = append(names, t.name)
	}
	return names
}

func findTarget(name string) (*target, error) {
	for i := range targets {
		if targets[i].name == name {
			return &targets[i], nil
		}
	}
	return nil, usagef("--to %q: want %s", name, wordList(targetNames()))
}

// single converts one profile, by write, if check finds nothing wrong with it.
type single struct {
	profile *heap.Profile
	check   func(*heap.Profile) error
	write   func(io.Writer, *heap.Profile) error
}

func (c *single) Add(p *heap.Profile) error {
	c.profile = p
	return c.check(p)
}

func (c *single) Write(w io.Writer) error { return c.write(w, c.profile) }

func openFlamegraph(o *convertOptions) converter {
	options := flamegraph.Options{Views: o.viewList}
	return &single{check: options.Check, write: func(w io.Writer, p *heap.Profile) error {
		return flamegraph.Write(w, p, options)
	}}
}

// pprofConverter merges only when told, for merged samples are labelled with a pid.
type pprofConverter struct {
	options pprof.Options
	merger  *pprof.Merger
	profile *heap.Profile
}

func openPprof(o *convertOptions) converter {
	c := &pprofConverter{options: pprof.Options{
		Views: o.viewList, GoTypes: o.goTypes, Labels: o.labelSet, BareNames: o.bareNames, Native: o.native,
	}}
	if o.merge {
		c.merger = pprof.NewMerger(c.options)
	}
	return c
}

func (c *pprofConverter) Add(p *heap.Profile) error {
	if c.merger != nil {
		return c.merger.Add(p)
	}
	c.profile = p
	return nil
}

func (c *pprofConverter) Write(w io.Writer) error {
	if c.merger == nil {
		return pprof.Write(w, c.profile, c.options)
	}
	p, err := c.merger.Profile()
	if err != nil {
		return err
	}
	return p.Write(w)
}
