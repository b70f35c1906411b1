package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/memvault/memvault/retention"
)

// A parsedValue is a flag whose text a function reads, so that a wrong one is refused where it
// is given, be it on the command line or in the environment.
type parsedValue[T any] struct {
	to    *T
	text  string
	kind  string
	parse func(string) (T, error)
}

func (v *parsedValue[T]) String() string { return v.text }
func (v *parsedValue[T]) Type() string   { return v.kind }

func (v *parsedValue[T]) Set(s string) error {
	t, err := v.parse(s)
	if err != nil {
		return err
	}
	*v.to, v.text = t, s
	return nil
}

// parsedVar adds a flag that parse reads; text is its default, which must be readable, or empty.
func parsedVar[T any](f *pflag.FlagSet, to *T, name, text, kind string, parse func(string) (T, error), usage string) {
	v := &parsedValue[T]{to: to, kind: kind, parse: parse}
	if text != "" {
		if err := v.Set(text); err != nil {
			panic(err) // every start would show it
		}
	}
	f.Var(v, name, usage)
}

func durationVar(f *pflag.FlagSet, to *time.Duration, name, text, usage string) {
	parsedVar(f, to, name, text, "duration", retention.ParseDuration, usage)
}

// policyFlags are the policy: what is kept, what limits there are. gc, watch and bucket share them.
type policyFlags struct {
	p retention.Policy
}

// addTo adds all of the policy.
func (p *policyFlags) addTo(f *pflag.FlagSet) {
	p.addRules(f)
	p.addDisk(f)
}

// addRules adds what does not ask a disk, and so is for buckets too.
func (p *policyFlags) addRules(f *pflag.FlagSet) {
	f.IntVar(&p.p.KeepLast, "keep-last", 0, "keep the newest `N` of each group")
	f.IntVar(&p.p.KeepHourly, "keep-hourly", 0, "keep the newest of each of the last `N` hours that have one")
	f.IntVar(&p.p.KeepDaily, "keep-daily", 0, "keep the newest of each of the last `N` days that have one")
	f.IntVar(&p.p.KeepWeekly, "keep-weekly", 0, "keep the newest of each of the last `N` weeks that have one")
	durationVar(f, &p.p.KeepWithin, "keep-within", "", "keep what ended this long before the newest of its group, as 7d")
	f.StringSliceVar(&p.p.KeepTags, "keep-tag", nil, "keep what has this label: NAME or NAME=VALUE (in a bucket)")
	parsedVar(f, &p.p.MaxAge, "max-age", "", "duration", parseAge, "drop what ended this long ago, as 30d; 0s is all that is not live")
	parsedVar(f, &p.p.MaxTotal, "max-total", "", "size", retention.ParseSize, "drop the oldest while a group occupies more, as 20GiB")
	f.IntVar(&p.p.MaxCount, "max-count", 0, "drop the oldest while a group has more than `N`")
	parsedVar(f, &p.p.GroupBy, "group-by", "component", "list", retention.ParseGroupBy, "what makes a group: component, dir, host; or none: all are one")
}

// addDisk adds the limits for all captures of a folder together.
func (p *policyFlags) addDisk(f *pflag.FlagSet) {
	parsedVar(f, &p.p.Budget, "budget", "", "size", retention.ParseSize, "drop while all captures, trash included, occupy more")
	parsedVar(f, &p.p.MinFree, "min-free", "", "amount", retention.ParseAmount, "drop while less of the disk is free: 10% or 20GiB")
	parsedVar(f, &p.p.MinInodes, "min-inodes", "", "count", retention.ParseCount, "drop while fewer inodes are free: 5% or 10000")
	parsedVar(f, &p.p.WarnFree, "warn-free", "", "amount", retention.ParseAmount, "warn while less is free (default: one and a half of --min-free)")
	parsedVar(f, &p.p.CriticalFree, "critical-free", "", "amount", retention.ParseAmount, "below this --sacrifice applies (default: half of --min-free)")
	parsedVar(f, &p.p.Slack, "slack", "10%", "percent", retention.ParseSlack, "how far past a limit dropping goes on")
	f.StringSliceVar(&p.p.Sacrifice, "sacrifice", nil, "components that may go un-archived when free space is critical, or all")
}

// parseAge makes the pointer by which no limit differs from 0s.
func parseAge(s string) (*time.Duration, error) {
	d, err := retention.ParseDuration(s)
	return &d, err
}

// policy gives what the flags mean.
func (p *policyFlags) policy() retention.Policy { return p.p }
