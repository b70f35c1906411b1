package retention

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/memvault/memvault/internal/naming"
	"github.com/memvault/memvault/internal/removal"
)

// plan scans and plans, and asks the archive until no decision rests on what nobody asked.
func (c *cleaner) plan(ctx context.Context, dir string) error {
	captures, err := Scan(ctx, dir, c.Scan)
	if err != nil {
		return err
	}
	c.report.Captures = captures
	disk, err := c.disk(dir)
	if err != nil {
		return err
	}
	c.report.Before, c.report.After = disk, disk
	if c.Archived == nil {
		for i := range captures {
			captures[i].Archived = NotArchived
		}
	}
	now := c.Now()
	// Where nothing is archived each plan would ask about a few more captures, and the next
	// plan choose others: so the rounds ask ahead, each twice as far as the last.
	for ahead := 1; ; ahead *= 2 {
		p, err := c.Policy.Plan(captures, disk, now)
		if err != nil {
			return err
		}
		c.report.Plan = p
		asked, err := c.ask(ctx, p, ahead)
		if err != nil || !asked {
			return err
		}
	}
}

// ask asks the archive about the captures that are to go only if they are in it, and about some
// that could be next. It reports whether one of the former is not.
func (c *cleaner) ask(ctx context.Context, p *Plan, ahead int) (bool, error) {
	again := false
	for _, i := range p.Deletions {
		k := &c.report.Captures[i]
		if c.mustBeArchived(k) && k.Archived == NotAsked {
			c.askOne(ctx, k)
			again = again || k.Archived == NotArchived
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
	}
	if again {
		for _, k := range c.next(p, ahead) {
			c.askOne(ctx, k)
		}
	}
	return again, nil
}

func (c *cleaner) mustBeArchived(k *Capture) bool { return c.Policy.RequireArchived || k.OnlyArchived }

// next gives the oldest captures that nothing but a limit keeps, and that nobody asked about.
func (c *cleaner) next(p *Plan, most int) []*Capture {
	var list []*Capture
	for i := range c.report.Captures {
		k := &c.report.Captures[i]
		if p.Decisions[i].Rule == KeptByLimits && k.Archived == NotAsked && c.mustBeArchived(k) {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b *Capture) int { return cmp.Or(a.End.Compare(b.End), comparePaths(a, b)) })
	return list[:min(most, len(list))]
}

func (c *cleaner) askOne(ctx context.Context, k *Capture) {
	again, err := c.Archived(ctx, k)
	switch {
	case err == nil:
		k.Archived, c.proofs[k] = InArchive, again
		return
	case !errors.Is(err, ErrNotArchived):
		c.Log.Warn("the archive could not be asked", "file", k.Path(), "error", err)
		c.report.Unasked++
	}
	k.Archived = NotArchived
}

// prove asks the archive once more, as the last thing before the file goes.
func (c *cleaner) prove(k *Capture) func(context.Context) error {
	if !c.mustBeArchived(k) {
		return nil
	}
	return c.proofs[k]
}

// proveTrash does so for what leaves the trash. Its bytes lie there under another name.
func (c *cleaner) proveTrash() func(context.Context, removal.Entry) error {
	if c.Archived == nil {
		return nil
	}
	return func(ctx context.Context, e removal.Entry) error {
		_, err := c.Archived(ctx, &Capture{
			Dir: filepath.Dir(e.Path), Name: filepath.Base(e.Path), Component: componentOf(e.Name),
			Bytes: e.Occupied, File: e.Identity, State: Finished,
		})
		return err
	}
}

// componentOf is the component that a name tells.
func componentOf(base string) string {
	n, ok := naming.Parse(base)
	if !ok {
		return base
	}
	return n.Component
}
