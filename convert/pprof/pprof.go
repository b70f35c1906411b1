// Package pprof writes a heap.Profile as a profile.proto, the format of go tool pprof,
// Pyroscope, Parca and others.
//
// A profile has up to eight sample types, an object count and a size in bytes for each
// view, in this order: alloc (all that was allocated), temporary (freed again at
// once), inuse (alive at the end), peak (alive at the high-water mark). The
// default one is peak_space. Functions are named by module and code name, since tools
// merge functions of equal name; see Options for what can be chosen.
//
// Samples of equal stack and labels are one sample, and samples that are zero in all the
// types written are left out. They come in the order of the first allocations, so the
// same Profile always gives the same bytes.
package pprof

import (
	"fmt"
	"io"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/heap"
)

// Options select what is written. The zero value writes all that the capture knows.
type Options struct {
	// Views are the views to write; nil stands for all. Those that aggregated captures do
	// not know (heap.Total and heap.Temporary) are left out for them.
	Views []heap.View
	// GoTypes writes just the four sample types of Go's heap profiles, which every tool
	// knows (alloc and inuse; only inuse for aggregated captures), with inuse_space as the default.
	GoTypes bool
	// Labels are those of each sample; 0 stands for DefaultLabels.
	Labels Labels
	// BareNames names functions by their code name alone.
	BareNames bool
	// Native adds the native stack beyond the Python leaf, as addresses: the frame
	// <native stack>, then the outermost address first.
	Native bool
}

// Write writes p to w, gzipped. The errors are those of Convert and of w.
func Write(w io.Writer, p *heap.Profile, o Options) error {
	prof, err := Convert(p, o)
	if err != nil {
		return err
	}
	if err := prof.Write(w); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	return nil
}

// Convert makes a profile of p. It fails if the options leave no sample type, and on
// stacks that would not fit in memory. Samples share their label maps and, where stacks
// are equal, their slices of locations: use Profile.Copy before changing single samples.
func Convert(p *heap.Profile, o Options) (*profile.Profile, error) {
	m := newMerger(o)
	if err := m.Add(p); err != nil {
		return nil, err
	}
	return m.Profile()
}
