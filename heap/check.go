package heap

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Check tells what is wrong with p, or nil: indexes in range, parents before children, no
// view larger than the total it is part of, text of valid UTF-8. Every Profile that Read gives passes.
func (p *Profile) Check() error {
	if len(p.Stacks) == 0 || len(p.Natives) == 0 || len(p.Images) == 0 {
		return errors.New("no root stack, native node or empty listing")
	}
	if p.Stacks[0] != (Stack{}) || p.Natives[0] != (Native{}) || len(p.Images[0]) > 0 {
		return errors.New("root stack, native node or listing that is not empty")
	}
	for i, s := range p.Stacks[1:] {
		if s.Parent > uint32(i) || int(s.Frame) >= len(p.Frames) || s.Depth != p.Stacks[s.Parent].Depth+1 {
			return fmt.Errorf("stack %d: %+v", i+1, s)
		}
	}
	for i, n := range p.Natives[1:] {
		if n.Parent > uint32(i) {
			return fmt.Errorf("native node %d: parent %d", i+1, n.Parent)
		}
	}
	if err := p.checkText(); err != nil {
		return err
	}
	for i := range p.Samples {
		if err := p.checkSample(&p.Samples[i]); err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
	}
	if p.Kept != nil && len(p.Kept) != len(p.Samples) {
		return fmt.Errorf("%d values kept of %d samples", len(p.Kept), len(p.Samples))
	}
	if p.History != nil {
		if err := p.History.check(len(p.Samples)); err != nil {
			return err
		}
	}
	if p.Oldest != nil && len(p.Oldest) != len(p.Samples) {
		return fmt.Errorf("%d oldest of %d samples", len(p.Oldest), len(p.Samples))
	}
	if p.Maxima != nil && (len(p.MaximumOf) != len(p.Samples) || len(p.Maxima) > 0 && int(slices.Max(p.MaximumOf)) >= len(p.Maxima)) {
		return fmt.Errorf("%d maxima, of %d of %d samples", len(p.Maxima), len(p.MaximumOf), len(p.Samples))
	}
	if len(p.Series) > max(p.points, MaxSeries) {
		return fmt.Errorf("%d points in the series", len(p.Series))
	}
	return nil
}

func (p *Profile) checkText() error {
	for i, f := range p.Frames {
		if !utf8.ValidString(f.Function) || !utf8.ValidString(f.File) {
			return fmt.Errorf("frame %d: not UTF-8", i)
		}
	}
	for i, t := range p.Threads {
		if !utf8.ValidString(t.Name) {
			return fmt.Errorf("thread %d: not UTF-8", i)
		}
	}
	for i, list := range p.Images {
		for _, image := range list {
			if !utf8.ValidString(image.File) {
				return fmt.Errorf("listing %d: not UTF-8", i)
			}
		}
	}
	return nil
}

func (p *Profile) checkSample(s *Sample) error {
	switch {
	case int(s.Stack) >= len(p.Stacks):
		return fmt.Errorf("stack %d of %d", s.Stack, len(p.Stacks))
	case int(s.Native) >= len(p.Natives):
		return fmt.Errorf("native node %d of %d", s.Native, len(p.Natives))
	case int(s.Images) >= len(p.Images):
		return fmt.Errorf("listing %d of %d", s.Images, len(p.Images))
	case int(s.Thread) >= len(p.Threads):
		return fmt.Errorf("thread %d of %d", s.Thread, len(p.Threads))
	case !s.Allocator.Valid() || s.Allocator.Frees() && !p.Aggregated: // rows may name any
		return fmt.Errorf("allocator %v", s.Allocator)
	}
	return p.checkValues(&s.Values)
}

// checkValues compares the views where they can be: a ring with stale entries counts
// temporary allocations twice, older blocks are alive in a window, and the pieces of a split mapping
// count one by one.
func (p *Profile) checkValues(v *[Views]Value) error {
	if p.LikeMemray || p.Aggregated {
		return nil
	}
	if v[Temporary].Count > v[Total].Count || v[Temporary].Bytes > v[Total].Bytes {
		return fmt.Errorf("temporary %v, total %v", v[Temporary], v[Total])
	}
	if p.Window == nil && (v[Live].Bytes > v[Total].Bytes || v[Peak].Bytes > v[Total].Bytes) {
		return fmt.Errorf("alive %v, at the peak %v, total %v", v[Live], v[Peak], v[Total])
	}
	return nil
}
