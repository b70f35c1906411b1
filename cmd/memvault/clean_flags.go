package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/retention"
)

// cleanFlags say what goes and how: those that gc and watch share.
type cleanFlags struct {
	policy policyFlags
	proof  proofFlags
	inUse  inUseFlags

	undo, lockWait  time.Duration
	recursive       bool
	trustClock      bool
	yes, dryRun     bool
	requireArchived bool
}

func (c *cleanFlags) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	c.policy.addTo(f)
	c.proof.addTo(cmd)
	f.BoolVar(&c.requireArchived, "require-archived", false, "let only go what is archived (default with --archive)")
	durationVar(f, &c.undo, "undo", "1h", "how long what was deleted can be put back")
	f.DurationVar(&c.lockWait, "lock-wait", 30*time.Second, "how long to wait for another memvault in the folder")
	c.inUse.addTo(f)
	f.BoolVarP(&c.recursive, "recursive", "r", false, "enter folders within the folders")
	f.BoolVar(&c.trustClock, "trust-clock", false, "let captures go by age although the clock was set")
	f.BoolVar(&c.yes, "yes", false, "do it: without, nothing is changed")
	f.BoolVar(&c.dryRun, "dry-run", false, "change nothing, even with --yes")
}

// resolve checks the flags, and finds out what depends on others.
func (c *cleanFlags) resolve(cmd *cobra.Command) error {
	if c.lockWait < 0 {
		return usagef("--lock-wait %v: want 0 or more", c.lockWait)
	}
	p := &c.policy.p
	for name, limited := range map[string]bool{"max-count": p.MaxCount > 0, "max-total": p.MaxTotal > 0, "budget": p.Budget > 0} {
		if cmd.Flags().Changed(name) && !limited {
			return hintf(usagef("--%s 0 would be no limit", name), "leave it out; --max-age 0s lets all go that is not live")
		}
	}
	if !cmd.Flags().Changed("require-archived") {
		c.requireArchived = c.proof.given()
	}
	if c.requireArchived && !c.proof.given() {
		return hintf(usagef("--require-archived needs to know the archive"), "name it: --archive s3://BUCKET/PREFIX")
	}
	c.policy.p.RequireArchived = c.requireArchived
	_, err := c.policy.policy().Plan(nil, retention.Disk{Total: 1, Free: 1}, time.Now())
	if err != nil {
		return hintf(&usageError{err}, "say what to keep (--keep-last 5) or what is too much (--max-age 30d, --max-total 20GiB, --min-free 10%%)")
	}
	return nil
}

// options gives what the flags mean. keep is to be called at the end.
func (c *cleanFlags) options(ctx context.Context, a *app, log *slog.Logger) (o retention.CleanOptions, keep func(), err error) {
	use, keep, err := c.inUse.options(a)
	if err != nil {
		return o, nil, err
	}
	o = retention.CleanOptions{
		Scan:   retention.ScanOptions{Recursive: c.recursive, InUse: use, Log: log},
		Policy: c.policy.policy(), Yes: c.yes && !c.dryRun, State: a.state, Undo: c.undo,
		LockWait: c.lockWait, TrustClock: c.trustClock, Log: log,
	}
	if c.proof.given() {
		o.Archived, err = c.proof.prover(ctx, a)
	}
	if !o.Yes {
		keep = func() {}
	}
	return o, keep, err
}
