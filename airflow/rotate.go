package airflow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/memvault/memvault/internal/naming"
	"github.com/memvault/memvault/internal/removal"
)

const (
	// poll is how often Rotate looks whether Memray is done.
	poll = 100 * time.Millisecond
	// grace covers the moment between the end of a capture and Memray's beginning to compress it,
	// when nobody has it open.
	grace = 300 * time.Millisecond
	// atOnce is how many files are worked on at the same time: those that others hold take seconds.
	atOnce = 8
	// maxCopies bounds the search for a name that is not taken.
	maxCopies = 10_000
)

// Rotate moves captures that nobody writes off the names that Airflow gave them, to
// <component>_memory.<start>.<pid>.bin beside them. Of a folder it takes the files named
// *_memory.bin, of other paths any capture. What became of each file stands in the list, which has
// the order of paths and, in a folder, of names. The error is that of ctx; the files it
// came too early for are Failed with it.
func Rotate(ctx context.Context, paths []string, o RotateOptions) ([]Rotation, error) {
	var list []Rotation
	seen := map[string]bool{}
	for _, p := range paths {
		for _, r := range find(p) {
			if name := filepath.Join(r.Dir, r.From); !seen[name] {
				seen[name] = true
				list = append(list, r)
			}
		}
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range list {
		if list[i].Action != "" {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			list[i] = (&turn{RotateOptions: o, Rotation: list[i]}).run(ctx)
			<-slots
		})
	}
	wg.Wait()
	return list, ctx.Err()
}

// find lists the files that path stands for, or why there are none.
func find(path string) []Rotation {
	r := Rotation{Dir: filepath.Dir(path), From: filepath.Base(path), Named: true}
	info, err := os.Stat(path)
	if err != nil {
		if _, gone := os.Lstat(path); gone != nil { // a dangling link is in the way as well
			return []Rotation{r.failed(err)}
		}
		return []Rotation{r}
	}
	if !info.IsDir() {
		return []Rotation{r}
	}
	entries, err := os.ReadDir(path)
	var list []Rotation
	for _, e := range entries {
		if n, ok := naming.Parse(e.Name()); ok && n.Fixed {
			list = append(list, Rotation{Dir: filepath.Clean(path), From: e.Name()})
		}
	}
	if err != nil {
		list = append(list, r.failed(err))
	}
	return list
}

func (r Rotation) failed(err error) Rotation {
	r.Action, r.Err, r.Reason = Failed, err, err.Error()
	return r
}

func (r Rotation) left(a Action, format string, args ...any) Rotation {
	r.Action, r.Reason = a, fmt.Sprintf(format, args...)
	return r
}

// A turn is the work on one file.
type turn struct {
	RotateOptions
	Rotation
}

// run looks at the file until it is rotated, or will not be for now.
func (t *turn) run(ctx context.Context) Rotation {
	deadline := time.Now().Add(t.Wait)
	graced := false
	for {
		r, wait := t.attempt(ctx, &graced)
		if wait == 0 || r.Action == Blocked && wait != grace && time.Now().After(deadline) {
			return r
		}
		select {
		case <-ctx.Done():
			return r.failed(context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}

// attempt does what can be done now. It gives how long to wait before the next attempt, or 0.
func (t *turn) attempt(ctx context.Context, graced *bool) (Rotation, time.Duration) {
	r := t.Rotation
	f, err := look(ctx, filepath.Join(r.Dir, r.From), t.InUse)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.left(Left, "it has gone meanwhile"), 0
	case err != nil:
		return r.failed(err), 0
	}
	r.take(f)
	if r.Action != "" {
		return r, 0
	}
	if !r.Verdict.MayRotate() {
		r = r.left(Blocked, "%s", r.Verdict.Reason)
		if f.ending() || t.compressing() {
			r.State, r.Reason = "compressing", "Memray still compresses it"
			return r, poll
		}
		return r, 0
	}
	if f.ending() && !*graced {
		*graced = true
		return r.left(Blocked, "Memray may be about to compress it"), grace
	}
	return t.rename(ctx, r, f)
}

// compressing reports whether there is an unfinished copy of the file.
func (t *turn) compressing() bool {
	_, err := os.Lstat(filepath.Join(t.Dir, t.From+".lz4.tmp"))
	return err == nil
}

// rename gives the file the first of its new names that is not taken.
func (t *turn) rename(ctx context.Context, r Rotation, f *found) (Rotation, time.Duration) {
	o := removal.Options{InUse: t.InUse, RenameOnly: true, DryRun: t.DryRun, Log: t.Log}
	// What the first look took, the second need not.
	o.InUse.Settle = time.Millisecond
	folder, err := removal.Open(ctx, r.Dir, o)
	if err != nil {
		return r.failed(err), 0
	}
	r, wait := t.renameIn(ctx, folder, r, f)
	if err := folder.Close(); err != nil && r.Action != Failed {
		return r.failed(err), 0
	}
	return r, wait
}

func (t *turn) renameIn(ctx context.Context, folder *removal.Folder, r Rotation, f *found) (Rotation, time.Duration) {
	item := removal.Item{Name: r.From, Identity: f.identity, Header: f.header(), Reason: "rotate"}
	for n := 1; n < maxCopies; n++ {
		to := naming.RotatedCopy(r.Component, r.Start, r.PID, n)
		problem, err := t.carryKeep(to, func() error { return folder.Rename(ctx, item, to) })
		var busy *removal.InUseError
		switch {
		case err == nil:
			r.To = to
			if problem != nil {
				return r.left(Rotated, "%s; its .keep file could not go along: %v", f.text(), problem), 0
			}
			return r.left(Rotated, "%s", f.text()), 0
		case errors.Is(err, fs.ErrExist):
			continue
		case errors.As(err, &busy):
			r.Verdict = busy.Verdict
			return r.left(Blocked, "%s", busy.Verdict.Reason), poll
		case errors.Is(err, removal.ErrChanged):
			return r.left(Blocked, "it changes"), poll
		}
		return r.failed(err), 0
	}
	return r.failed(fmt.Errorf("%d names from %s on are taken", maxCopies, naming.Rotated(r.Component, r.Start, r.PID))), 0
}

// take copies what a look at the file found, and decides whether it may be moved at all.
func (r *Rotation) take(f *found) {
	n, named := naming.Parse(r.From)
	r.Size, r.Component = f.size, n.Component
	r.Start, r.PID = f.mtime, 0
	if h := f.header(); h != nil {
		r.Start, r.PID = h.Start(), int(h.PID)
	}
	r.State, r.Verdict = f.state(), f.verdict
	switch {
	case n.Rotated:
		*r = r.left(Left, "it is rotated already")
	case !named || n.Compressing || n.Stored:
		*r = r.left(Left, "its name is none of a capture: want one that ends in .bin")
	case f.foreign && !slices.Contains(Components, n.Component):
		*r = r.left(Left, "no capture: %v", f.err)
	}
}
