package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"

	"github.com/memvault/memvault/convert/csv"
	"github.com/memvault/memvault/convert/dhat"
	"github.com/memvault/memvault/convert/folded"
	"github.com/memvault/memvault/convert/gprof2dot"
	"github.com/memvault/memvault/convert/speedscope"
	"github.com/memvault/memvault/heap"
)

// The flags that targets of one view have.
var (
	csvFlags       = append(slices.Clone(oneViewFlags), "gzip")
	gprof2dotFlags = append(slices.Clone(csvFlags), "counts")
	foldedFlags    = append(slices.Clone(gprof2dotFlags), "bare-names")
	likeFlags      = csvFlags // of speedscope with --like-memray
)

func openSpeedscope(o *convertOptions) converter {
	options := speedscope.Options{
		Views: o.viewList, SplitThreads: o.splitThreads, LikeMemray: o.likeMemray, BareNames: o.bareNames,
		MinBytes: o.minBytes, MaxSamples: o.maxSamples, MaxDepth: o.maxDepth, Exporter: "memvault@" + moduleVersion(),
	}
	if o.likeMemray {
		options.Views = []heap.View{o.oneView}
	}
	c := &speedscopeConverter{}
	c.check = func(p *heap.Profile) error {
		if p.Aggregated && o.slices > 0 {
			return errors.New("an aggregated capture holds no events, only their sums, and so no slices of time")
		}
		return options.Check(p)
	}
	c.write = func(w io.Writer, p *heap.Profile) (err error) {
		c.stats, err = speedscope.Write(w, p, options)
		return err
	}
	return c
}

// speedscopeConverter tells when what it wrote is too much for a browser.
type speedscopeConverter struct {
	single
	stats speedscope.Stats
}

// heavy is the size in bytes of a file that browsers have trouble with; several times that
// ends the tab.
const heavy = 100e6

func (c *speedscopeConverter) remark() error {
	if c.stats.Bytes < heavy {
		return nil
	}
	return hintf(fmt.Errorf("%d MB of JSON in %d samples, which may be too much for a browser", c.stats.Bytes/1e6, c.stats.Samples),
		"--views peak writes less; --max-samples 100000 or --min-bytes 1000000 fold what is small into (other)")
}

func openFolded(o *convertOptions) converter {
	options := folded.Options{View: o.oneView, Counts: o.counts, BareNames: o.bareNames}
	return oneView(o, func(w io.Writer, p *heap.Profile) error { return folded.Write(w, p, options) })
}

func openCSV(o *convertOptions) converter {
	return oneView(o, func(w io.Writer, p *heap.Profile) error { return csv.Write(w, p, o.oneView) })
}

func openGprof2dot(o *convertOptions) converter {
	options := gprof2dot.Options{View: o.oneView, Counts: o.counts}
	return oneView(o, func(w io.Writer, p *heap.Profile) error { return gprof2dot.Write(w, p, options) })
}

// oneView gives the converter of a target that holds one view.
func oneView(o *convertOptions, write func(io.Writer, *heap.Profile) error) converter {
	return &single{write: write, check: func(p *heap.Profile) error { return checkView(p, o.oneView) }}
}

func openDhat(o *convertOptions) converter {
	options := dhat.Options{BareNames: o.bareNames}
	return &single{check: dhat.Check, write: func(w io.Writer, p *heap.Profile) error { return dhat.Write(w, p, options) }}
}

// compressed writes through gzip.
func compressed(write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		z := gzip.NewWriter(w)
		return errors.Join(write(z), z.Close())
	}
}
