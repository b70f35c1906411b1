// Package speedscope writes a heap.Profile as a file of speedscope (https://www.speedscope.app),
// with several profiles in one file (facts: targets 6).
//
// The samples of a profile are stacks with what they weigh, sorted by stack from the outermost
// frame in, so that speedscope's Time Order reads like a flame graph. Allocations without
// a stack are those of a frame "<stack trace unavailable>". Stacks that are too deep for a
// browser end in a frame "(stack too deep)", and small ones may be folded into a frame "(other)"
// below the innermost frame that is kept: what frames weigh stays true.
package speedscope

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/memvault/memvault/convert/internal/stacks"
	"github.com/memvault/memvault/heap"
)

// DefaultDepth is how many frames a stack has at most, unless told otherwise. Browsers give up
// at some thousand: speedscope walks stacks by recursion.
const DefaultDepth = 1000

// Options select what is written. The zero value writes all views that the capture knows.
type Options struct {
	// Views are those to write; nil stands for all, the peak first. Total and Temporary are
	// left out for aggregated captures, which do not know them.
	Views []heap.View
	// SplitThreads gives each thread profiles of its own, those that hold most first.
	SplitThreads bool
	// LikeMemray gives the content of "memray transform speedscope": the profiles Memory and
	// Allocations of the first view, stacks and frames in the order of the rows, and allocations
	// without a stack left out. All of what follows but Exporter is then without effect.
	LikeMemray bool
	// BareNames leaves the module out of names.
	BareNames bool
	// MinBytes folds what weighs less, with all that it calls, in bytes of the view.
	MinBytes uint64
	// MaxSamples folds the smallest, so that a profile has no more samples; 0 is no limit.
	MaxSamples int
	// MaxDepth is how many frames a stack has at most; 0 stands for DefaultDepth, and a negative
	// number for no limit.
	MaxDepth int
	// Exporter is what the file says of the program that wrote it, as "memvault@1.0.0".
	Exporter string
}

// Stats tells what was written.
type Stats struct {
	// Bytes is the length of the JSON.
	Bytes int64
	// Profiles and Samples are numbers of them; Samples is of all profiles together.
	Profiles, Samples int
}

// Write writes p to w as JSON. If p has a History, a profile for each of its slices follows those
// of the views: what was alive at its end. Write fails if the options leave no view, or if the
// stacks would fill more than any disk.
func Write(w io.Writer, p *heap.Profile, o Options) (Stats, error) {
	if o.Exporter == "" {
		o.Exporter = "memvault"
	}
	if err := o.Check(p); err != nil {
		return Stats{}, err
	}
	views := o.views(p.Aggregated)
	f := newFile(w)
	write := func() error { return writeViews(f, p, &o, views) }
	if o.LikeMemray {
		write = func() error { return writeLikeMemray(f, p, views[0]) }
	}
	if err := write(); err != nil {
		return f.stats, fmt.Errorf("write stacks: %w", err)
	}
	f.end(p.Header.CommandLine, o.Exporter)
	err := f.buf.Flush()
	return f.stats, err
}

// Check tells why p cannot be written with these options, or nil.
func (o *Options) Check(p *heap.Profile) error {
	if len(o.views(p.Aggregated)) == 0 {
		return errors.New("no view left: an aggregated capture knows only leaks and peak")
	}
	return nil
}

// views gives those to write, in order.
func (o *Options) views(aggregated bool) []heap.View {
	chosen := o.Views
	if chosen == nil {
		chosen = []heap.View{heap.Peak, heap.Live, heap.Temporary, heap.Total}
	}
	return slices.DeleteFunc(slices.Clone(chosen), func(v heap.View) bool {
		return aggregated && v != heap.Live && v != heap.Peak
	})
}

func (o *Options) maxDepth() int {
	if o.MaxDepth == 0 {
		return DefaultDepth
	}
	return max(o.MaxDepth, 0)
}

// writeViews writes the frames and the profiles of all views, and of the slices.
func writeViews(f *file, p *heap.Profile, o *Options, views []heap.View) error {
	t := stacks.New(p, stacks.Options{BareNames: o.BareNames, MaxDepth: o.maxDepth()})
	frames := uint64(0)
	for i := range p.Samples {
		frames += uint64(t.Nodes[t.Node(&p.Samples[i])].Depth)
	}
	if err := stacks.CheckSize(frames); err != nil { // a profile has no more than that
		return err
	}
	s := &source{p: p, tree: t, folding: newFolding(t, o)}
	other := s.folding.other
	for i := range t.Frames {
		f.frame(&t.Frames[i])
	}
	f.frame(&stacks.Frame{Name: stacks.Other}) // its index is other
	f.beginProfiles()
	for _, v := range views {
		if !o.SplitThreads {
			f.pair(t, other, titles[v], "", s.folding.fold(s.view(v)))
			continue
		}
		s.eachThread(v, func(thread string, list []entry) {
			f.pair(t, other, titles[v], thread, s.folding.fold(list))
		})
	}
	if h := p.History; h != nil {
		for i := range h.Ends {
			f.profile(t, other, sliceTitle(h, i), "bytes", s.folding.fold(s.slice(i)), bytesOf)
		}
	}
	return nil
}

// titles name the profiles of a view, as in "Peak bytes".
var titles = [heap.Views]string{heap.Total: "Total", heap.Temporary: "Temporary", heap.Live: "Leaked", heap.Peak: "Peak"}

// sliceTitle names the profile of a slice, for example "Alive after 12.5 s (slice 3 of 20)".
func sliceTitle(h *heap.History, i int) string {
	return fmt.Sprintf("Alive after %.3f s (slice %d of %d), bytes", float64(h.Ends[i]-h.From)/1000, i+1, len(h.Ends))
}

// countingWriter counts what goes through it.
type countingWriter struct {
	w io.Writer
	n *int64
}

func (c countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	*c.n += int64(n)
	return n, err
}

func newFile(w io.Writer) *file {
	f := &file{}
	f.buf = bufio.NewWriterSize(countingWriter{w, &f.stats.Bytes}, 1<<16)
	f.text(`{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{"frames":[`)
	return f
}
