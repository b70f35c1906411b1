package report

import (
	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

const mmap = codec.Mmap

// Imports is what was allocated while modules were imported.
type Imports struct {
	Peak        Amount          `json:"peak"`
	PeakPercent float64         `json:"peak_percent"`
	Live        Amount          `json:"leaked"`
	Total       *Amount         `json:"total"`
	Modules     []ImportFinding `json:"modules"`
}

// ImportFinding is what one module allocates by being imported, other than by what it imports: its
// top-level code, and the code of the modules that it asks for. Where a function
// imports, it is that function.
type ImportFinding struct {
	Site
	Peak        Amount  `json:"peak"`
	PeakPercent float64 `json:"peak_percent"`
	Live        Amount  `json:"leaked"`
	Total       *Amount `json:"total"`
}

// imports ranks modules by what of them was alive at the peak.
func (x *explainer) imports() Imports {
	of := x.functionOf()
	groups := x.groups(heap.Peak, func(s *heap.Sample) uint32 { return of[x.sites.importer[s.Stack]] })
	all := together(groups)
	out := Imports{
		Peak: amount(all[heap.Peak]), PeakPercent: percent(all[heap.Peak].Bytes, x.all[heap.Peak].Bytes),
		Live: amount(all[heap.Live]), Total: x.total(all[heap.Total]), Modules: []ImportFinding{},
	}
	for _, g := range largest(groups, x.n, byView(heap.Peak)) {
		f := ImportFinding{
			Site: x.site(g.key), Peak: amount(g.values[heap.Peak]), Live: amount(g.values[heap.Live]),
			PeakPercent: percent(g.values[heap.Peak].Bytes, x.all[heap.Peak].Bytes), Total: x.total(g.values[heap.Total]),
		}
		f.Line = 0
		out.Modules = append(out.Modules, f)
	}
	return out
}

func together(groups []group) (all [heap.Views]heap.Value) {
	for i := range groups {
		for v := range all {
			all[v] = sum(all[v], groups[i].values[v])
		}
	}
	return all
}

// Logging is what was allocated below calls of logging libraries.
type Logging struct {
	// Total is null in an aggregated capture, and Percent then is of the peak, else of all allocated bytes.
	Total   *Amount          `json:"total"`
	Percent float64          `json:"percent"`
	Peak    Amount           `json:"peak"`
	Callers []LoggingFinding `json:"callers"`
}

// LoggingFinding is a line that logs.
type LoggingFinding struct {
	Site
	Total   *Amount `json:"total"`
	Percent float64 `json:"percent"`
	Peak    Amount  `json:"peak"`
}

func (x *explainer) logging() Logging {
	view := heap.Total
	if !x.known {
		view = heap.Peak
	}
	groups := x.groups(view, func(s *heap.Sample) uint32 { return x.sites.logger[s.Stack] })
	all := together(groups)
	out := Logging{
		Total: x.total(all[heap.Total]), Peak: amount(all[heap.Peak]),
		Percent: percent(all[view].Bytes, x.all[view].Bytes), Callers: []LoggingFinding{},
	}
	for _, g := range largest(groups, x.n, byView(view)) {
		out.Callers = append(out.Callers, LoggingFinding{
			Site: x.site(g.key), Total: x.total(g.values[heap.Total]), Peak: amount(g.values[heap.Peak]),
			Percent: percent(g.values[view].Bytes, x.all[view].Bytes),
		})
	}
	return out
}

// Churn is what was allocated and freed again.
type Churn struct {
	// Known is false in an aggregated capture.
	Known bool `json:"known"`
	// Freed is in bytes; Turnover is how many times the peak was allocated.
	Freed    uint64  `json:"freed"`
	Turnover float64 `json:"turnover"`
	// Temporary is what was freed at once: with at most one other allocation of its thread between.
	Temporary Amount `json:"temporary"`
	// TemporaryPercent is the share of all allocations, by number.
	TemporaryPercent float64        `json:"temporary_percent"`
	Sites            []ChurnFinding `json:"sites"`
}

// ChurnFinding is a line outside the standard library, and what was allocated for it and freed again.
type ChurnFinding struct {
	Site
	Freed        uint64  `json:"freed"`
	FreedPercent float64 `json:"freed_percent"`
	Allocations  uint64  `json:"n_allocations"`
	Temporary    Amount  `json:"temporary"`
	// Turnover is how many times what it held at the peak it allocated; 0 when that was nothing.
	Turnover float64 `json:"turnover"`
	Callers          // of the stack that allocated most
}

func (x *explainer) churn() Churn {
	out := Churn{Known: x.known, Sites: []ChurnFinding{}}
	if !x.known {
		return out
	}
	total, live := x.all[heap.Total], x.all[heap.Live]
	out.Freed = less(total.Bytes, live.Bytes)
	out.Turnover = ratio(total.Bytes, x.all[heap.Peak].Bytes)
	out.Temporary = amount(x.all[heap.Temporary])
	out.TemporaryPercent = percent(x.all[heap.Temporary].Count, total.Count)
	for _, g := range largest(x.groups(heap.Total, x.origin), x.n, freed) {
		out.Sites = append(out.Sites, ChurnFinding{
			Site: x.originSite(g.key), Freed: freed(&g), FreedPercent: percent(freed(&g), out.Freed),
			Allocations: g.values[heap.Total].Count, Temporary: amount(g.values[heap.Temporary]),
			Turnover: ratio(g.values[heap.Total].Bytes, g.values[heap.Peak].Bytes), Callers: x.callers(g.top),
		})
	}
	return out
}

func freed(g *group) uint64 { return less(g.values[heap.Total].Bytes, g.values[heap.Live].Bytes) }

// less is a-b; in windows more can be alive than was allocated, which is no churn.
func less(a, b uint64) uint64 {
	if b > a {
		return 0
	}
	return a - b
}

func ratio(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
