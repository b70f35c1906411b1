package main

import (
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
