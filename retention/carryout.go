package retention

import (
	"context"
	"errors"
	"fmt"

	"github.com/memvault/memvault/internal/removal"
)

// carryOut does what the plan says: it empties the trash when space is short, and then
// lets the captures go one by one. It looks at the disk again before each that goes for space alone.
func (c *cleaner) carryOut(ctx context.Context, dir string) error {
	p := c.report.Plan
	for i := range c.report.Captures {
		c.used += max(c.report.Captures[i].Bytes, 0)
	}
	if p.EmptyTrash {
		if err := c.emptyTrash(ctx, dir); err != nil {
			return err
		}
	}
	c.report.Outcomes = make([]Outcome, len(p.Deletions))
	for n, i := range p.Deletions {
		if ctx.Err() != nil {
			c.report.Stopped = "interrupted"
			return context.Cause(ctx)
		}
		if r := p.Decisions[i].Rule; r >= GoesByPressure && !c.pressed(dir, r) {
			p.Decisions[i] = Decision{Rule: KeptByLimits, Reason: "enough is free by now"}
			continue
		}
		if stop := c.remove(ctx, &c.report.Outcomes[n], i); stop {
			return c.report.Outcomes[n].Err
		}
	}
	return nil
}

// pressed tells whether space is still short for a rule. It goes on to the end of the slack.
func (c *cleaner) pressed(dir string, r Rule) bool {
	d, err := c.disk(dir)
	if err != nil {
		return false
	}
	at := High
	if r == GoesBySacrifice {
		at = Critical
	}
	d.Level = Critical
	return len(c.Policy.needs(d, c.used, at)) > 0
}

func (c *cleaner) emptyTrash(ctx context.Context, dir string) error {
	for _, d := range append([]string{dir}, c.subfolders(dir)...) {
		f, err := c.folder(ctx, d)
		if err != nil {
			return err
		}
		freed, err := f.EmptyTrash(ctx, func() bool { return !c.pressed(dir, GoesByPressure) })
		c.report.Trash += freed
		if err != nil {
			return err
		}
	}
	return nil
}

// remove lets the i-th capture go. It reports whether nothing more should be tried; when that is for an
// error that concerns the others too, it stands in the outcome.
func (c *cleaner) remove(ctx context.Context, out *Outcome, i int) (stop bool) {
	k, d := &c.report.Captures[i], c.report.Plan.Decisions[i]
	f, err := c.folder(ctx, k.Dir)
	if err != nil {
		out.Err = err
		return false
	}
	// The file in hand is finished whatever happens.
	out.Outcome, out.Err = f.Remove(context.WithoutCancel(ctx), removal.Item{
		Name: k.Name, Identity: k.File, Reason: d.Reason, Critical: c.report.Plan.EmptyTrash, Proof: c.prove(k),
	})
	if out.Err != nil {
		c.Log.Warn("left alone", "file", k.Path(), "error", out.Err)
		return errors.Is(out.Err, removal.ErrReadOnly)
	}
	out.Done = true
	c.used -= max(k.Bytes, 0)
	c.Log.Info("deleted", "file", k.Path(), "reason", d.Reason, "trashed", out.Trashed)
	if out.Short != "" && !out.Trashed && c.report.Plan.EmptyTrash {
		c.report.Stopped = fmt.Sprintf("%s was deleted, but %s", k.Path(), out.Short)
		return true
	}
	return false
}
