package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/statedir"
)

// inUseFlags say how to find out whether a capture is live.
type inUseFlags struct {
	method string
	idle   time.Duration
}

func (u *inUseFlags) addTo(f *pflag.FlagSet) {
	f.StringVar(&u.method, "in-use", string(inuse.MethodAuto), "how to tell what is live: auto, lease, proc")
	f.DurationVar(&u.idle, "idle", inuse.DefaultIdle, "without a proof: how long the data must not have grown")
}

// memoryEntry is the entry of the state folder that holds what earlier runs saw.
const memoryEntry = "in-use.json"

// options gives what the flags mean, with what earlier runs remember. keep, which is to be called at the
// end, saves what this one saw; without a state folder it is forgotten.
func (u *inUseFlags) options(a *app) (o inuse.Options, keep func(), err error) {
	o = inuse.Options{Idle: u.idle, Memory: new(inuse.Memory)}
	if o.Method, err = inuse.ParseMethod(u.method); err != nil {
		return o, nil, usagef("--in-use: %w", err)
	}
	if u.idle <= 0 {
		return o, nil, usagef("--idle %v: want more than 0", u.idle)
	}
	dir, err := statedir.Open(a.state)
	if err != nil {
		return o, func() {}, nil
	}
	if text, err := dir.Get(memoryEntry); err == nil {
		_ = o.Memory.Load(text) // damaged state is no state
	}
	return o, func() {
		if text, err := o.Memory.Save(); err == nil && len(text) > len("null") {
			_ = dir.Put(memoryEntry, text) // a hint for the next run, which does without
		}
	}, nil
}
