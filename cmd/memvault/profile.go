package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// readProfile reads a FILE into a profile. A window that counts from the end of an
// unfinished capture takes a first pass, which finds the end.
func (a *app) readProfile(ctx context.Context, file string, o heap.Options) (*heap.Profile, error) {
	p, err := a.readPass(ctx, file, o)
	if !errors.Is(err, heap.ErrNeedsEnd) {
		return p, err
	}
	if file == standard {
		return nil, hintf(err, "a bound from the end takes two passes, so it needs a FILE")
	}
	err = a.readCapture(ctx, file, func(r *codec.Reader) error {
		var err error
		o.End, err = heap.EndTime(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.readPass(ctx, file, o)
}

func (a *app) readPass(ctx context.Context, file string, o heap.Options) (p *heap.Profile, err error) {
	err = a.readCapture(ctx, file, func(r *codec.Reader) error {
		p, err = heap.Read(r, o)
		return err
	})
	return p, err
}

// judgeProfile says what should be known of a capture whose profile was made. The error is
// errDamaged or nil; see judge.
func (a *app) judgeProfile(file string, p *heap.Profile, strict bool) error {
	if w := p.Window; w != nil {
		a.warn(file, "window from %s until %s, by its memory records", timeText(time.UnixMilli(w.From)), timeText(time.UnixMilli(w.Until)))
	}
	if p.Dropped > 0 {
		a.warn(file, "%d pieces of overlapping mappings are counted as unmapped: no real program makes so many", p.Dropped)
	}
	if p.Unknown == 0 {
		return a.judge(file, p.Status, strict)
	}
	a.warn(file, "%s: %s", codec.StateDamaged, undefined(p))
	_ = a.judge(file, p.Status, strict) // says what else there is to say
	return errDamaged
}

// undefined says what p.Unknown counts: no release writes such a capture, so its bytes are
// wrong even where all of them could be read.
func undefined(p *heap.Profile) string {
	return fmt.Sprintf("%d references to frames, code, stacks or images that the capture does not define", p.Unknown)
}
