package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// Explanation answers the four questions of Airflow's guide to memory profiling, with the
// figures that the answers rest on. Sizes are in bytes, shares in percent.
type Explanation struct {
	CommandLine string `json:"command_line"`
	// Start is nil for a time that RFC 3339 cannot tell: captures hold any number there.
	Start *time.Time `json:"start"`
	// Seconds is how much time was read.
	Seconds    float64 `json:"seconds"`
	Aggregated bool    `json:"aggregated"`
	// Peak, Live and Total are those of all that was read; Total is null in an aggregated capture.
	Peak  Amount  `json:"peak"`
	Live  Amount  `json:"leaked"`
	Total *Amount `json:"total"`

	// Answers sums up, a sentence for each finding.
	Answers []Answer `json:"answers"`

	// 1. Functions by what they themselves held at the peak.
	Functions []FunctionFinding `json:"functions"`
	// 2. What is retained, and what grows over the run.
	Growth   Growth            `json:"growth"`
	Retained []RetainedFinding `json:"retained"`
	// 3. Allocations out of proportion to their place.
	Imports Imports `json:"imports"`
	Logging Logging `json:"logging"`
	Churn   Churn   `json:"churn"`
	// 4. Packages by what their code held at the peak, itself or through the standard library.
	Packages []PackageFinding `json:"packages"`

	options Options
	lasted  time.Duration
}

// Amount is a number of allocations and their size.
type Amount struct {
	Bytes       uint64 `json:"bytes"`
	Allocations uint64 `json:"n_allocations"`
}

// Answer is a sentence of one question, 1 to 4. Notable is false when there is nothing to worry about.
type Answer struct {
	Question int    `json:"question"`
	Notable  bool   `json:"notable"`
	Text     string `json:"text"`
}

// Site is a place in the code. Function is qualified by its module; Line is 0 for a function as a whole.
type Site struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int32  `json:"line,omitempty"`
}

// FunctionFinding is a function and what it itself allocated.
type FunctionFinding struct {
	Site
	Peak        Amount  `json:"peak"`
	PeakPercent float64 `json:"peak_percent"`
	Total       *Amount `json:"total"`
	// For is the line outside the standard library that most of it was allocated for, and
	// ForPercent how much of it that is.
	For        Site    `json:"for"`
	ForPercent float64 `json:"for_percent"`
}

// RetainedFinding is a line outside the standard library, and what was allocated for it and is alive at the end.
type RetainedFinding struct {
	Site
	Live    Amount  `json:"leaked"`
	Percent float64 `json:"leaked_percent"`
	Callers         // of the largest of its stacks
}

// Callers is one stack of a site.
type Callers struct {
	// Stack is leaf first.
	Stack []Frame `json:"stack_trace"`
	// Through is the innermost functions of the packages that the stack comes through, but for the
	// standard library: up to four.
	Through []string `json:"through"`
}

// PackageFinding is a top-level package.
type PackageFinding struct {
	Package string `json:"package"`
	// ThirdParty is true for an installed distribution, false for the program's own code.
	ThirdParty  bool    `json:"third_party"`
	Peak        Amount  `json:"peak"`
	PeakPercent float64 `json:"peak_percent"`
	Live        Amount  `json:"leaked"`
	Total       *Amount `json:"total"`
}

// ExplainSlices is what heap.Options.Slices should be for a profile that is to be explained.
const ExplainSlices = 64

// Explain explains p, which should have been read with heap.Options.Slices. Of o only N counts, the
// number of findings of each kind, and Exact.
func Explain(p *heap.Profile, o Options) *Explanation {
	x := &explainer{p: p, sites: newSites(p), n: o.N, limit: framesEach(o.N)}
	x.known = !p.Aggregated
	for i := range p.Samples {
		for v := range heap.View(heap.Views) {
			x.all[v] = sum(x.all[v], p.Value(i, v))
		}
	}
	e := &Explanation{
		CommandLine: p.Header.CommandLine, Aggregated: p.Aggregated, options: o, lasted: lasted(p),
		Peak: amount(x.all[heap.Peak]), Live: amount(x.all[heap.Live]), Total: x.total(x.all[heap.Total]),
	}
	e.Seconds = e.lasted.Seconds()
	if start := p.Header.Start(); start.Year() >= 0 && start.Year() <= 9999 {
		e.Start = &start
	}
	e.Functions = x.functions()
	e.Retained = x.retained()
	e.Growth = x.growth()
	e.Imports = x.imports()
	e.Logging = x.logging()
	e.Churn = x.churn()
	e.Packages = x.packages()
	e.answer()
	return e
}

// lasted is how long what was read took: the window, or all until the recording truly ended.
func lasted(p *heap.Profile) time.Duration {
	switch w := p.Window; {
	case w != nil:
		return time.UnixMilli(w.Until).Sub(time.UnixMilli(w.From))
	case p.Status.State != codec.StateComplete && p.Status.LastTime != 0:
		return time.UnixMilli(p.Status.LastTime).Sub(p.Header.Start())
	}
	return p.Header.End().Sub(p.Header.Start())
}

func amount(v heap.Value) Amount { return Amount{Bytes: v.Bytes, Allocations: v.Count} }

// explainer looks for what an explanation says.
type explainer struct {
	p     *heap.Profile
	sites *sites
	n     int
	limit int  // of frames in a stack
	known bool // all allocations are known, not only what was alive at the peak and at the end
	all   [heap.Views]heap.Value
}

// total gives an amount of all allocations, if these are known.
func (x *explainer) total(v heap.Value) *Amount {
	if !x.known {
		return nil
	}
	return &Amount{Bytes: v.Bytes, Allocations: v.Count}
}

// group is what samples of one key say together.
type group struct {
	key    uint32
	values [heap.Views]heap.Value
	top    int // the sample that is largest in the view by which the groups are ranked
	most   uint64
}

// groups sums samples up by key, which is 0 for those that do not count.
func (x *explainer) groups(rank heap.View, key func(s *heap.Sample) uint32) []group {
	var keys interner[uint32]
	var out []group
	for i := range x.p.Samples {
		k := key(&x.p.Samples[i])
		if k == 0 {
			continue
		}
		g := keys.of(k)
		if int(g) == len(out) {
			out = append(out, group{key: k, top: i})
		}
		out[g].add(x.p, i, rank)
	}
	return out
}

func (g *group) add(p *heap.Profile, i int, rank heap.View) {
	for v := range heap.View(heap.Views) {
		g.values[v] = sum(g.values[v], p.Value(i, v))
	}
	if n := p.Value(i, rank).Bytes; n > g.most {
		g.most, g.top = n, i
	}
}

// largest gives the n groups with the largest values of by, none of which is 0.
func largest(groups []group, n int, by func(*group) uint64) []group {
	groups = slices.DeleteFunc(groups, func(g group) bool { return by(&g) == 0 })
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(by(&b), by(&a)) })
	return firstN(groups, n)
}

func byView(v heap.View) func(*group) uint64 {
	return func(g *group) uint64 { return g.values[v].Bytes }
}

// site gives a frame, numbered from 1, as a place in the code.
func (x *explainer) site(frame uint32) Site {
	if frame == 0 {
		return Site{Function: noStack}
	}
	f := &x.sites.frames[frame-1]
	return Site{Function: x.sites.modules[frame-1].Qualified(f.Function), File: f.File, Line: f.Line}
}

// functionOf gives for each frame, numbered from 1, the first one of the same function.
func (x *explainer) functionOf() []uint32 {
	type key struct{ function, file string }
	first := map[key]uint32{}
	of := make([]uint32, len(x.sites.frames)+1)
	for i := range x.sites.frames {
		f := &x.sites.frames[i]
		k := key{f.Function, f.File}
		if _, ok := first[k]; !ok {
			first[k] = uint32(i + 1)
		}
		of[i+1] = first[k]
	}
	return of
}

func (x *explainer) functions() []FunctionFinding {
	of := x.functionOf()
	function := func(s *heap.Sample) uint32 {
		if x.arena(s) {
			return arenaSites
		}
		return of[x.sites.leaf[s.Stack]]
	}
	type pair struct{ function, origin uint32 }
	forOrigin := map[pair]uint64{}
	best := map[uint32]uint32{} // origin by function
	groups := x.groups(heap.Peak, function)
	for i := range x.p.Samples {
		s := &x.p.Samples[i]
		k := pair{function(s), x.sites.of(s.Stack)}
		forOrigin[k] = saturated(forOrigin[k], x.p.Value(i, heap.Peak).Bytes)
		if forOrigin[k] > forOrigin[pair{k.function, best[k.function]}] {
			best[k.function] = k.origin
		}
	}
	out := []FunctionFinding{}
	for _, g := range largest(groups, x.n, byView(heap.Peak)) {
		bytes := g.values[heap.Peak].Bytes
		f := FunctionFinding{
			Site: x.originSite(g.key), Peak: amount(g.values[heap.Peak]), Total: x.total(g.values[heap.Total]),
			PeakPercent: percent(bytes, x.all[heap.Peak].Bytes), For: x.site(best[g.key]),
			ForPercent: percent(forOrigin[pair{g.key, best[g.key]}], bytes),
		}
		f.Line = 0
		out = append(out, f)
	}
	return out
}

func (x *explainer) retained() []RetainedFinding {
	out := []RetainedFinding{}
	for _, g := range largest(x.groups(heap.Live, x.origin), x.n, byView(heap.Live)) {
		out = append(out, RetainedFinding{
			Site: x.originSite(g.key), Live: amount(g.values[heap.Live]), Callers: x.callers(g.top),
			Percent: percent(g.values[heap.Live].Bytes, x.all[heap.Live].Bytes),
		})
	}
	return out
}

func (x *explainer) packages() []PackageFinding {
	k := newPackages(x.p)
	var names interner[string]
	third := []bool{}
	found := x.groups(heap.Peak, func(s *heap.Sample) uint32 {
		m := &k.byStack[s.Stack]
		n := names.of(m.Top)
		if int(n) == len(third) {
			third = append(third, m.Place == heap.PlaceSitePackages)
		}
		return n + 1
	})
	out := []PackageFinding{}
	for _, g := range largest(found, x.n, byView(heap.Peak)) {
		out = append(out, PackageFinding{
			Package: names.values[g.key-1], ThirdParty: third[g.key-1],
			Peak: amount(g.values[heap.Peak]), PeakPercent: percent(g.values[heap.Peak].Bytes, x.all[heap.Peak].Bytes),
			Live: amount(g.values[heap.Live]), Total: x.total(g.values[heap.Total]),
		})
	}
	return out
}

// stack gives the frames of a sample, leaf first, as far as they are shown, numbered from 1.
func (x *explainer) stack(i int) []uint32 {
	var out []uint32
	hidden := uint32(0)
	s := &x.p.Samples[i]
	if x.p.Threads[s.Thread].Main {
		hidden = uint32(min(x.p.Header.SkippedFrames, 1<<32-1))
	}
	for n := s.Stack; n != 0 && x.p.Stacks[n].Depth > hidden && len(out) <= x.limit; n = x.p.Stacks[n].Parent {
		out = append(out, x.sites.leaf[n])
	}
	return out
}

// callers gives the stack of a sample, and in short through which packages it comes.
func (x *explainer) callers(i int) Callers {
	c := Callers{Stack: []Frame{}, Through: []string{}}
	latest := ""
	for k, f := range x.stack(i) {
		if k == x.limit {
			c.Stack = append(c.Stack, Frame{Function: tooDeep})
			break
		}
		c.Stack = append(c.Stack, x.sites.frames[f-1])
		m := &x.sites.modules[f-1]
		if x.sites.passing(f) || m.Top == latest || len(c.Through) == 4 {
			continue
		}
		latest = m.Top
		c.Through = append(c.Through, x.site(f).Function)
	}
	return c
}
