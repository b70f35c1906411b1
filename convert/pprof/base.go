package pprof

import (
	"fmt"
	"io"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/heap"
)

// baseLabel marks the samples of a base, by which pprof knows that a profile is a difference:
// percentages are then of the base.
const baseLabel = "pprof::base"

// ConvertDiff makes a profile of p less base: the samples of the base are there too, their values
// negated and with the label pprof::base. Tools show it as pprof shows -diff_base. The
// time and the comments are those of p, the comments of the base being marked. The errors
// are those of Convert, and that one capture is aggregated and the other is not, unless
// o.Views chooses what both tell.
func ConvertDiff(p, base *heap.Profile, o Options) (*profile.Profile, error) {
	m := newMerger(o)
	if err := m.Add(p); err != nil {
		return nil, err
	}
	if err := m.subtract(base); err != nil {
		return nil, err
	}
	prof, err := m.Profile()
	if err != nil {
		return nil, err
	}
	for _, line := range facts(base) {
		prof.Comments = append(prof.Comments, "base: "+line)
	}
	return prof, nil
}

// WriteDiff writes what ConvertDiff makes to w, gzipped.
func WriteDiff(w io.Writer, p, base *heap.Profile, o Options) error {
	prof, err := ConvertDiff(p, base, o)
	if err != nil {
		return err
	}
	if err := prof.Write(w); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	return nil
}

// subtract adds the samples of base, negated. Their label makes them samples of their own.
func (m *Merger) subtract(base *heap.Profile) error {
	before, start, end, inputs := len(m.prof.Sample), m.start, m.end, m.inputs
	m.subtracting = true
	err := m.Add(base)
	m.subtracting = false
	m.start, m.end, m.inputs = start, end, inputs
	if err != nil {
		return err
	}
	for _, s := range m.prof.Sample[before:] {
		for i := range s.Value {
			s.Value[i] = -s.Value[i]
		}
	}
	return nil
}
