package speedscope

import (
	"slices"

	"github.com/memvault/memvault/convert/internal/stacks"
	"github.com/memvault/memvault/heap"
)

// likeMemray collects stacks and frames as "memray transform speedscope" does: both in the order
// in which the rows show them, and equal stacks summed (reporters/transform.py of 1.20.0).
type likeMemray struct {
	p      *heap.Profile
	frames []stacks.Frame
	ids    map[stacks.Frame]uint32
	index  map[uint32]int // by node of a tree of all stacks
	rows   []heap.Row     // of distinct stacks
}

func writeLikeMemray(f *file, p *heap.Profile, v heap.View) error {
	m := &likeMemray{p: p, ids: map[stacks.Frame]uint32{}, index: map[uint32]int{}}
	if err := m.collect(v); err != nil {
		return err
	}
	for i := range m.frames {
		f.frame(&m.frames[i])
	}
	f.beginProfiles()
	m.profile(f, "Memory", "bytes", func(v heap.Value) uint64 { return v.Bytes })
	m.profile(f, "Allocations", "none", func(v heap.Value) uint64 { return v.Count })
	return nil
}

func (m *likeMemray) collect(v heap.View) error {
	t := stacks.New(m.p, stacks.Options{BareNames: true})
	var stack []uint32
	frames := uint64(0)
	for _, r := range m.p.Rows(v, true) {
		node := t.Node(r.Sample)
		if i, ok := m.index[node]; ok {
			m.rows[i].Value = stacks.Add(m.rows[i].Value, r.Value)
			continue
		}
		frames += uint64(t.Nodes[node].Depth)
		if err := stacks.CheckSize(frames); err != nil {
			return err
		}
		if stack = m.stack(stack[:0], r.Sample); len(stack) > 0 {
			m.index[node] = len(m.rows)
			m.rows = append(m.rows, r)
		}
	}
	return nil
}

// stack appends the frames of s, as indexes into m.frames, outermost first.
func (m *likeMemray) stack(dst []uint32, s *heap.Sample) []uint32 {
	dst = m.p.AppendStack(dst, s)
	slices.Reverse(dst)
	for i, n := range dst {
		f := &m.p.Frames[n]
		x := stacks.Frame{Name: f.Function, File: f.File, Line: f.Line}
		id, ok := m.ids[x]
		if !ok {
			id = uint32(len(m.frames))
			m.ids[x] = id
			m.frames = append(m.frames, x)
		}
		dst[i] = id
	}
	return dst
}

func (m *likeMemray) profile(f *file, name, unit string, weight func(heap.Value) uint64) {
	total := uint64(0)
	for _, r := range m.rows {
		total = stacks.AddSaturated(total, weight(r.Value))
	}
	f.beginProfile(name, unit, total)
	var stack []uint32
	first := true
	for _, r := range m.rows {
		if weight(r.Value) > 0 {
			stack = m.stack(stack[:0], r.Sample)
			f.sample(first, stack)
			first = false
		}
	}
	f.beginWeights()
	first = true
	for _, r := range m.rows {
		if w := weight(r.Value); w > 0 {
			f.weight(first, w)
			first = false
		}
	}
	f.endProfile()
}
