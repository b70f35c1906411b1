package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/memvault/memvault/heap"
)

// readFlags are the flags of all commands that read a capture into a profile.
type readFlags struct {
	from, until        string
	threshold          int
	likeMemray, strict bool
}

func (r *readFlags) addTo(f *pflag.FlagSet) {
	f.StringVar(&r.from, "from", "", "leave out what came before this time")
	f.StringVar(&r.until, "until", "", "leave out what came after this time")
	f.IntVar(&r.threshold, "temporary-threshold", heap.DefaultThreshold, "how many other allocations of a thread may lie between a temporary one and its free")
	f.BoolVar(&r.likeMemray, "like-memray", false, "give Memray's figures also where Memray is wrong or arbitrary")
	f.BoolVar(&r.strict, "strict", false, "exit with 3 when a capture is not complete")
}

// options gives what the flags mean.
func (r *readFlags) options() (heap.Options, error) {
	o := heap.Options{Threshold: r.threshold, LikeMemray: r.likeMemray}
	switch {
	case r.threshold < 0:
		return o, usagef("--temporary-threshold %d: want 0 or more", r.threshold)
	case r.threshold == 0:
		o.Threshold = -1 // 0 stands for the default
	}
	var err error
	if o.From, err = heap.ParseBound(r.from); err != nil {
		return o, usagef("--from: %w", err)
	}
	if o.Until, err = heap.ParseBound(r.until); err != nil {
		return o, usagef("--until: %w", err)
	}
	return o, nil
}

// viewFlags choose the one view that a command shows.
type viewFlags [heap.Views]bool

// addTo adds a flag for each view; byDefault is shown when none is given.
func (v *viewFlags) addTo(cmd *cobra.Command, byDefault heap.View) {
	texts := [heap.Views]string{
		heap.Total: "count all that was allocated", heap.Temporary: "count what was freed again at once",
		heap.Live: "count what is alive at the end; with --from, only what was made since", heap.Peak: "count what was alive at the high-water mark",
	}
	for _, view := range []heap.View{heap.Peak, heap.Live, heap.Temporary, heap.Total} {
		text := texts[view]
		if view == byDefault {
			text += " (default)"
		}
		cmd.Flags().BoolVar(&v[view], view.String(), false, text)
	}
}

// view gives the one that was chosen.
func (v *viewFlags) view(byDefault heap.View) (heap.View, error) {
	chosen, names := byDefault, []string(nil)
	for view := range heap.View(heap.Views) {
		if v[view] {
			chosen, names = view, append(names, "--"+view.String())
		}
	}
	if len(names) > 1 {
		return chosen, usagef("%s: choose one view", strings.Join(names, ", "))
	}
	return chosen, nil
}

// checkView refuses a view that the capture does not tell.
func checkView(p *heap.Profile, v heap.View) error {
	if p.Aggregated && (v == heap.Total || v == heap.Temporary) {
		return hintf(errors.New("an aggregated capture knows only leaks and peak"), "choose --leaks or --peak")
	}
	return nil
}
