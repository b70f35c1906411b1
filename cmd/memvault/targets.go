package main

import (
	"fmt"
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
	// flags are those of convert that are for this target, of those that are not for all. With
	// --like-memray it has others if they are not nil.
	flags, flagsLikeMemray []string
	// reads sets what captures are to be read with; it may be nil.
	reads func(o *convertOptions, read *heap.Options)
	// open gives what turns profiles into one output.
	open func(o *convertOptions) converter
}

// A converter takes one profile, or several that are to be merged, and then writes them.
type converter interface {
	Add(*heap.Profile) error
	Write(io.Writer) error
}

// A remarker has something to say of what it wrote.
type remarker interface{ remark() error }

var targets = []target{
	{
		name: "pprof", ext: ".pb.gz", binary: true, merges: true, open: openPprof,
		flags: []string{"views", "go-types", "labels", "bare-names", "native", "base"},
	},
	{
		name: "speedscope", ext: ".speedscope.json", open: openSpeedscope,
		flags:           []string{"views", "bare-names", "split-threads", "slices", "min-bytes", "max-samples", "max-depth", "gzip"},
		flagsLikeMemray: likeFlags,
		reads:           func(o *convertOptions, read *heap.Options) { read.Slices = o.slices },
	},
	{name: "flamegraph", ext: ".html", open: openFlamegraph, flags: []string{"views", "split-threads"}},
	{name: "folded", ext: ".folded", open: openFolded, flags: foldedFlags},
	{name: "csv", ext: ".csv", open: openCSV, flags: csvFlags},
	{name: "gprof2dot", ext: ".gprof2dot.json", open: openGprof2dot, flags: gprof2dotFlags},
	{
		name: "dhat", ext: ".dhat.json", open: openDhat, flags: []string{"bare-names", "gzip"},
		reads: func(_ *convertOptions, read *heap.Options) { read.Maxima = true },
	},
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
	options := flamegraph.Options{Views: o.viewList, SplitThreads: o.splitThreads}
	c := &flamegraphConverter{}
	c.check = options.Check
	c.write = func(w io.Writer, p *heap.Profile) error {
		return flamegraph.Write(&meter{w, &c.bytes}, p, options)
	}
	return c
}

// flamegraphConverter tells when what it wrote is too much for a browser.
type flamegraphConverter struct {
	single
	bytes int64
}

func (c *flamegraphConverter) remark() error {
	if c.bytes < heavy {
		return nil
	}
	return hintf(fmt.Errorf("%d MB, which may be too much for a browser", c.bytes/1e6),
		"--views peak writes less; --to speedscope --max-samples 100000 folds what is small")
}

// meter counts what goes through it.
type meter struct {
	w io.Writer
	n *int64
}

func (m *meter) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	*m.n += int64(n)
	return n, err
}

// pprofConverter merges only when told, for merged samples are labelled with a pid.
type pprofConverter struct {
	options pprof.Options
	merger  *pprof.Merger
	profile *heap.Profile
	base    *heap.Profile // nil for none
}

func openPprof(o *convertOptions) converter {
	c := &pprofConverter{base: o.baseProfile, options: pprof.Options{
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
	switch {
	case c.base != nil:
		return pprof.WriteDiff(w, c.profile, c.base, c.options)
	case c.merger == nil:
		return pprof.Write(w, c.profile, c.options)
	}
	p, err := c.merger.Profile()
	if err != nil {
		return err
	}
	return p.Write(w)
}
