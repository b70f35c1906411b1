package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/memvault/memvault/heap"
)

// DiffBy is what a Diff has a row for.
type DiffBy uint8

// What rows can be of. What is counted is what the innermost frame allocated; lines do not
// count, for they move from one version of a program to the next.
const (
	ByFunction DiffBy = iota
	ByFile
	ByStack
)

// DiffByNames are their names, in their order.
var DiffByNames = []string{"function", "file", "stack"}

// String gives the name.
func (b DiffBy) String() string { return DiffByNames[b] }

// Normalize is how the base is scaled before it is compared.
type Normalize uint8

// The ways to scale: not at all; as if it had run as long as the other capture, or had
// made as many allocations.
const (
	NotNormalized Normalize = iota
	ByDuration
	ByAllocations
)

// NormalizeNames are their names, in their order.
var NormalizeNames = []string{"none", "duration", "allocations"}

// String gives the name.
func (n Normalize) String() string { return NormalizeNames[n] }

// DiffOptions select what a Diff shows.
type DiffOptions struct {
	// Options.View ranks the rows, by how much they changed in it; Options.SplitThreads is not used.
	Options
	By        DiffBy
	Normalize Normalize
}

// Diff is how one capture differs from another, the base.
type Diff struct {
	Base      DiffSide `json:"base"`
	New       DiffSide `json:"new"`
	By        string   `json:"by"`
	Normalize string   `json:"normalize"`
	// Factor is what all figures of the base have been multiplied by.
	Factor float64 `json:"factor"`
	// Totals are of all rows, shown or not.
	Totals Changes   `json:"totals"`
	Rows   []DiffRow `json:"rows"`

	options DiffOptions
	others  int // rows that changed in the view and are not shown
}

// DiffSide is a capture as a whole.
type DiffSide struct {
	CommandLine string  `json:"command_line"`
	Seconds     float64 `json:"seconds"` // that were read
	// Allocations is null in aggregated captures.
	Allocations *uint64 `json:"n_allocations"`
}

// DiffRow is a function, a file or a stack.
type DiffRow struct {
	// Function is qualified by its module. It is empty of a file, and the innermost one of a stack.
	Function string `json:"function,omitempty"`
	File     string `json:"file,omitempty"`
	// Stack is the functions of a stack, innermost first.
	Stack []string `json:"stack_trace,omitempty"`
	Changes
}

// Changes is what changed in each view. Those that one of the captures does not tell are null.
type Changes struct {
	Peak      *Change `json:"peak"`
	Leaks     *Change `json:"leaks"`
	Temporary *Change `json:"temporary"`
	Total     *Change `json:"total"`
}

// Of gives the change in a view; nil if it is not known.
func (c *Changes) Of(v heap.View) *Change {
	return [heap.Views]*Change{heap.Total: c.Total, heap.Temporary: c.Temporary, heap.Live: c.Leaks, heap.Peak: c.Peak}[v]
}

// Change is two figures and their difference.
type Change struct {
	BaseBytes  uint64 `json:"base_bytes"`
	NewBytes   uint64 `json:"new_bytes"`
	DeltaBytes int64  `json:"delta_bytes"`
	// Percent is how much more bytes there are, of those of the base; null if it has none.
	Percent          *float64 `json:"delta_percent"`
	BaseAllocations  uint64   `json:"base_allocations"`
	NewAllocations   uint64   `json:"new_allocations"`
	DeltaAllocations int64    `json:"delta_allocations"`
}

// NewDiff compares p with base. The error says why they cannot be compared as o wants it.
func NewDiff(base, p *heap.Profile, o DiffOptions) (*Diff, error) {
	d := &Diff{
		Base: diffSide(base), New: diffSide(p), By: o.By.String(), Normalize: o.Normalize.String(),
		Factor: 1, Rows: []DiffRow{}, options: o,
	}
	if err := d.scale(o.Normalize); err != nil {
		return nil, err
	}
	b := newDiffBuilder(o.By)
	b.add(base, 0)
	b.add(p, 1)
	known := [heap.Views]bool{heap.Live: true, heap.Peak: true}
	known[heap.Total] = !base.Aggregated && !p.Aggregated
	known[heap.Temporary] = known[heap.Total]
	var totals sides
	for i := range b.rows {
		totals.add(&b.rows[i].sides)
	}
	d.Totals = totals.changes(d.Factor, known)
	d.rank(b, known)
	return d, nil
}

// rank makes the rows that changed, those that changed most first. Only those that are shown get
// names, for stacks are long.
func (d *Diff) rank(b *diffBuilder, known [heap.Views]bool) {
	type changedRow struct {
		Changes
		from *diffValues
	}
	var all []changedRow
	for i := range b.rows {
		if c := b.rows[i].changes(d.Factor, known); c.changed() {
			all = append(all, changedRow{c, &b.rows[i]})
		}
	}
	slices.SortStableFunc(all, func(x, y changedRow) int { return compareChanges(y.Of(d.options.View), x.Of(d.options.View)) })
	shown := firstN(all, d.options.N)
	limit := framesEach(len(shown))
	for _, r := range shown {
		row := DiffRow{Changes: r.Changes}
		row.Function, row.File, row.Stack = b.name(r.from, limit)
		d.Rows = append(d.Rows, row)
	}
	for _, r := range all[len(shown):] {
		if r.Of(d.options.View).changed() {
			d.others++
		}
	}
}

func (c *Changes) changed() bool {
	for v := range heap.View(heap.Views) {
		if c.Of(v).changed() {
			return true
		}
	}
	return false
}

func (c *Change) changed() bool { return c != nil && (c.DeltaBytes != 0 || c.DeltaAllocations != 0) }

// compareChanges compares by how many bytes more or less there are, then allocations.
func compareChanges(x, y *Change) int {
	if x == nil || y == nil {
		return 0 // a view is known of all rows or of none
	}
	return cmp.Or(cmp.Compare(size(x.DeltaBytes), size(y.DeltaBytes)), cmp.Compare(size(x.DeltaAllocations), size(y.DeltaAllocations)))
}

func size(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}

func diffSide(p *heap.Profile) DiffSide {
	s := DiffSide{CommandLine: p.Header.CommandLine, Seconds: lasted(p).Seconds()}
	if !p.Aggregated {
		n := uint64(0)
		for i := range p.Samples {
			n = saturated(n, p.Samples[i].Values[heap.Total].Count)
		}
		s.Allocations = &n
	}
	return s
}

// scale sets the factor.
func (d *Diff) scale(n Normalize) error {
	switch {
	case n == ByDuration && (d.Base.Seconds <= 0 || d.New.Seconds <= 0):
		return fmt.Errorf("normalize by duration: the captures lasted %.3f and %.3f seconds", d.Base.Seconds, d.New.Seconds)
	case n == ByDuration:
		d.Factor = d.New.Seconds / d.Base.Seconds
	case n == ByAllocations && (d.Base.Allocations == nil || d.New.Allocations == nil):
		return fmt.Errorf("normalize by allocations: an aggregated capture does not tell how many there were")
	case n == ByAllocations && (*d.Base.Allocations == 0 || *d.New.Allocations == 0):
		return fmt.Errorf("normalize by allocations: the captures made %d and %d", *d.Base.Allocations, *d.New.Allocations)
	case n == ByAllocations:
		d.Factor = float64(*d.New.Allocations) / float64(*d.Base.Allocations)
	}
	return nil
}

// sides is the values of the base and of the other capture.
type sides [2][heap.Views]heap.Value

func (s *sides) add(o *sides) {
	for side := range s {
		for v := range s[side] {
			s[side][v] = sum(s[side][v], o[side][v])
		}
	}
}

func (s *sides) changes(factor float64, known [heap.Views]bool) Changes {
	var out [heap.Views]*Change
	for v := range out {
		if known[v] {
			out[v] = change(s[0][v], s[1][v], factor)
		}
	}
	return Changes{Peak: out[heap.Peak], Leaks: out[heap.Live], Temporary: out[heap.Temporary], Total: out[heap.Total]}
}

func change(base, now heap.Value, factor float64) *Change {
	c := &Change{
		BaseBytes: scaled(base.Bytes, factor), NewBytes: min(now.Bytes, math.MaxInt64),
		BaseAllocations: scaled(base.Count, factor), NewAllocations: min(now.Count, math.MaxInt64),
	}
	c.DeltaBytes = int64(c.NewBytes) - int64(c.BaseBytes)
	c.DeltaAllocations = int64(c.NewAllocations) - int64(c.BaseAllocations)
	if c.BaseBytes > 0 {
		p := 100 * float64(c.DeltaBytes) / float64(c.BaseBytes)
		c.Percent = &p
	}
	return c
}

// scaled multiplies, and stays within what differences can be made of.
func scaled(n uint64, factor float64) uint64 {
	if factor != 1 {
		f := math.Round(float64(n) * factor)
		if f >= math.MaxInt64 {
			return math.MaxInt64
		}
		n = uint64(f)
	}
	return min(n, math.MaxInt64)
}
