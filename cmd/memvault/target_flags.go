package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/heap"
)

// targetFlags are the flags of convert that only some targets know; see target.flags.
type targetFlags struct {
	view                 viewFlags
	splitThreads         bool
	slices               int
	minBytes             uint64
	maxSamples, maxDepth int
	counts, gzip         bool
	oneView              heap.View // what view says
}

// oneViewFlags choose the view of a target that holds one.
var oneViewFlags = []string{"peak", "leaks", "temporary", "total"}

func (t *targetFlags) addTo(cmd *cobra.Command) {
	t.view.addTo(cmd, heap.Peak)
	f := cmd.Flags()
	f.BoolVar(&t.splitThreads, "split-threads", false, "keep threads apart: a profile for each; a flamegraph does, if not --like-memray")
	f.IntVar(&t.slices, "slices", 0, "add a profile of what was alive at the end of each of so many slices of the time")
	f.Uint64Var(&t.minBytes, "min-bytes", 0, "fold what holds fewer bytes, with all it calls, into (other)")
	f.IntVar(&t.maxSamples, "max-samples", 0, "fold the smallest into (other), so that a profile has at most so many samples")
	f.IntVar(&t.maxDepth, "max-depth", 0, "cut stacks at so many frames (default 1000, which browsers bear; -1 for none)")
	f.BoolVar(&t.counts, "counts", false, "weigh by the number of allocations, not by bytes")
	f.BoolVar(&t.gzip, "gzip", false, "compress the output; a name that ends in .gz does so too")
}

// checkFlags refuses flags that the target does not know. What the environment sets is for
// those that do.
func (o *convertOptions) checkFlags(cmd *cobra.Command) error {
	known := o.target.flags
	if o.likeMemray && o.target.flagsLikeMemray != nil {
		known = o.target.flagsLikeMemray
	}
	for _, name := range specificFlags() {
		f := cmd.Flags().Lookup(name)
		if !f.Changed || slices.Contains(known, name) || os.Getenv(envName(name)) != "" {
			continue
		}
		err := usagef("--%s is not for --to %s", name, o.target.name)
		if o.likeMemray && slices.Contains(o.target.flags, name) {
			err = usagef("--%s is not for --to %s with --like-memray", name, o.target.name)
		}
		switch {
		case slices.Contains(oneViewFlags, name) && slices.Contains(known, "views"):
			return hintf(err, "it holds several views: --views %s", name)
		case name == "views" && slices.Contains(known, "peak"):
			return hintf(err, "it holds one view: --%s", strings.Join(oneViewFlags, ", --"))
		}
		return hintf(err, "--to %s", wordList(targetsWith(name)))
	}
	return nil
}

// specificFlags are all flags that are not for every target.
func specificFlags() []string {
	var names []string
	for _, t := range targets {
		names = append(names, t.flags...)
		names = append(names, t.flagsLikeMemray...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func targetsWith(flag string) []string {
	var names []string
	for _, t := range targets {
		if slices.Contains(t.flags, flag) {
			names = append(names, t.name)
		}
	}
	return names
}

// resolve checks the values.
func (t *targetFlags) resolve() error {
	switch {
	case t.slices < 0 || t.slices > heap.MaxSlices:
		return usagef("--slices %d: want 1 to %d", t.slices, heap.MaxSlices)
	case t.maxSamples < 0:
		return usagef("--max-samples %d: want 1 or more", t.maxSamples)
	case t.maxDepth < -1 || t.maxDepth == 1:
		return usagef("--max-depth %d: want 2 or more, or -1 for no limit", t.maxDepth)
	}
	var err error
	t.oneView, err = t.view.view(heap.Peak)
	return err
}

// compresses reports whether an output of this name is to be compressed.
func (o *convertOptions) compresses() bool {
	return slices.Contains(o.target.flags, "gzip") && (o.gzip || strings.HasSuffix(o.output, ".gz"))
}
