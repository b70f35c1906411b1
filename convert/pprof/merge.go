package pprof

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/heap"
)

// Merger makes one profile of several captures, as of the children of a fork or of
// replicas: each sample is labelled with its pid, and functions, locations and
// mappings are shared. A Profile can be dropped as soon as it is added. The zero Merger
// is not ready for use.
type Merger struct {
	o           Options
	merging     bool // label with the pid
	subtracting bool // label as the base
	prof        *profile.Profile
	cols        []column
	start       int64 // of the earliest input, in milliseconds since 1970 UTC
	end         int64
	inputs      []input

	functions  map[profile.Function]*profile.Function // by all but the ID
	locations  map[locationKey]*profile.Location
	mappings   map[profile.Mapping]*profile.Mapping // by all but the ID
	labelIndex map[labelKey]uint32
	labels     []labelSet
	stacks     stackTable
	samples    map[sampleKey]*profile.Sample

	freeSamples []profile.Sample // to be handed out
	freeValues  []int64

	walked, kept       int64 // frames of all samples, and of those whose stack is new
	maxWalked, maxKept int64
}

// A profile holds each stack in full, so what is a long chain of nodes in a capture can be
// half of its square here: 10 MB of calls that never return, with an allocation in each,
// would take terabytes. Real captures have stacks of a few hundred frames, and stay far below.
const (
	maxKept   = 1 << 27 // 1 GB of pointers, and as much again while they are written
	maxWalked = 1 << 33 // half a minute or so
)

// sampleKey tells samples apart by indexes into Merger.stacks and Merger.labels.
type sampleKey struct{ stack, labels uint32 }

// NewMerger makes a Merger.
func NewMerger(o Options) *Merger {
	m := newMerger(o)
	m.merging = true
	return m
}

func newMerger(o Options) *Merger {
	return &Merger{o: o, maxKept: maxKept, maxWalked: maxWalked}
}

// Add adds the samples of p. Captures of differing sample types, full and aggregated,
// are refused rather than reduced to what they have in common: nobody should have to notice
// that numbers are missing. Options.Views names the common views when that is what is wanted.
// After an error the Merger is of no more use.
func (m *Merger) Add(p *heap.Profile) error {
	cols, err := m.o.columns(p.Aggregated)
	if err != nil {
		return err
	}
	if m.prof == nil {
		m.begin(cols)
	}
	if !slices.Equal(cols, m.cols) {
		return errors.New("full and aggregated captures have different sample types: for one profile of both, choose the views leaks and peak")
	}
	m.note(p)
	return m.addSamples(p)
}

func (m *Merger) begin(cols []column) {
	m.cols = cols
	m.prof = &profile.Profile{
		SampleType:        sampleTypes(cols),
		DefaultSampleType: defaultType(cols),
		PeriodType:        &profile.ValueType{Type: "space", Unit: "bytes"},
		Period:            1,
	}
	m.functions = map[profile.Function]*profile.Function{}
	m.locations = map[locationKey]*profile.Location{}
	m.mappings = map[profile.Mapping]*profile.Mapping{}
	m.labelIndex = map[labelKey]uint32{}
	m.stacks = newStackTable()
	m.samples = map[sampleKey]*profile.Sample{}
}

// Profile gives the result. Nothing can be added after that. An error would be a fault of this package.
func (m *Merger) Profile() (*profile.Profile, error) {
	if m.prof == nil {
		return nil, errors.New("merge: no captures")
	}
	m.prof.TimeNanos = nanos(m.start)
	m.prof.DurationNanos = max(nanos(m.end)-m.prof.TimeNanos, 0)
	m.prof.Comments = m.comments()
	if err := m.prof.CheckValid(); err != nil {
		return nil, fmt.Errorf("check profile: %w", err)
	}
	return m.prof, nil
}

func (m *Merger) addSamples(p *heap.Profile) error {
	c := m.newFrames(p)
	if p.LikeMemray && p.Aggregated && m.o.Labels&Allocator == 0 {
		return m.addRows(p, c)
	}
	for i := range p.Samples {
		s := &p.Samples[i]
		if m.empty(s) {
			continue
		}
		out, err := m.sample(p, s, c)
		if err != nil {
			return err
		}
		for k, col := range m.cols {
			addValue(out.Value[2*k:], s.Values[col.view])
		}
	}
	return nil
}

// addRows takes the counts as Memray merges them, which sums of samples cannot give.
func (m *Merger) addRows(p *heap.Profile, c *frames) error {
	mergeThreads := m.o.Labels != 0 && m.o.Labels&(ThreadName|ThreadID) == 0
	for k, col := range m.cols {
		for _, r := range p.Rows(col.view, mergeThreads) {
			out, err := m.sample(p, r.Sample, c)
			if err != nil {
				return err
			}
			addValue(out.Value[2*k:], r.Value)
		}
	}
	return nil
}

func (m *Merger) empty(s *heap.Sample) bool {
	for _, c := range m.cols {
		if s.Values[c.view] != (heap.Value{}) {
			return false
		}
	}
	return true
}

// addValue adds v to a count and a size.
func addValue(dst []int64, v heap.Value) {
	dst[0] = addSaturated(dst[0], v.Count)
	dst[1] = addSaturated(dst[1], v.Bytes)
}

// addSaturated stays at the largest number that the format holds.
func addSaturated(a int64, b uint64) int64 {
	if b > math.MaxInt64-uint64(a) {
		return math.MaxInt64
	}
	return a + int64(b)
}

// sample gives the sample of the stack and labels of s, a new one if need be.
func (m *Merger) sample(p *heap.Profile, s *heap.Sample, c *frames) (*profile.Sample, error) {
	list := c.stack(p, s)
	stack, isNew := m.stacks.intern(list)
	m.walked += int64(len(list))
	if isNew {
		m.kept += int64(len(list))
	}
	if m.kept > m.maxKept || m.walked > m.maxWalked {
		return nil, fmt.Errorf("stacks too deep for a profile, which holds each in full: %d frames after %d of %d samples",
			m.walked, len(m.prof.Sample), len(p.Samples))
	}
	k := sampleKey{stack: stack, labels: m.labelsOf(p, s)}
	out, ok := m.samples[k]
	if !ok {
		out = m.newSample(k)
		m.samples[k] = out
		m.prof.Sample = append(m.prof.Sample, out)
	}
	return out, nil
}

func (m *Merger) newSample(k sampleKey) *profile.Sample {
	const chunk = 512
	n := 2 * len(m.cols)
	if len(m.freeSamples) == 0 {
		m.freeSamples = make([]profile.Sample, chunk)
		m.freeValues = make([]int64, n*chunk)
	}
	out := &m.freeSamples[0]
	m.freeSamples = m.freeSamples[1:]
	out.Value, m.freeValues = m.freeValues[:n:n], m.freeValues[n:]
	out.Location = m.stacks.lists[k.stack]
	ls := &m.labels[k.labels]
	out.Label, out.NumLabel, out.NumUnit = ls.str, ls.num, ls.unit
	return out
}
