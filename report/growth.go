package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/memvault/memvault/heap"
)

// Growth is what grew over the run, after the first fifth, in which programs warm up.
type Growth struct {
	// Known is false when the capture does not tell, for the reason given.
	Known  bool   `json:"known"`
	Reason string `json:"reason,omitempty"`
	// From and Until bound the time that was looked at, in seconds since the start of the recording.
	From  float64 `json:"from_seconds"`
	Until float64 `json:"until_seconds"`
	// HeapFrom and HeapUntil are the size of the heap then.
	HeapFrom  uint64 `json:"heap_from"`
	HeapUntil uint64 `json:"heap_until"`
	// Parts is how many equal parts the time was cut into, to see in how many of them a site grew.
	Parts int     `json:"parts"`
	Sites []Grown `json:"sites"`
}

// Grown is a line outside the standard library, and how what is alive of it grew.
type Grown struct {
	Site
	// Arenas tells that these are arenas of pymalloc, which hold small objects of any code: the
	// capture does not tell whose. They count for whoever was the first to need one.
	Arenas bool `json:"pymalloc_arenas,omitempty"`
	// Bytes and Allocations are how many more were alive at the end than at the beginning.
	Bytes       uint64 `json:"bytes"`
	Allocations int64  `json:"n_allocations"`
	// PerSecond is the slope of a line through all moments, in bytes.
	PerSecond float64 `json:"bytes_per_second"`
	// Rose is in how many of the parts it grew. Steady is more than half of them.
	Rose   int  `json:"rose"`
	Steady bool `json:"steady"`
	// Live is what is alive at the end.
	Live    Amount `json:"leaked"`
	Callers        // of the stack that grew most
}

const (
	growthParts = 8
	// warmUp is the part of the time that is not looked at.
	warmUp = 0.2
	// growthSites is how many sites, those with most alive at the end, are looked at.
	growthSites = 2000
	// fewestSlices is how many moments it takes to tell growth from chance.
	fewestSlices = 2 * growthParts
)

// arenaSites is the key of all arenas of pymalloc, arenasName what they are called.
const (
	arenaSites = math.MaxUint32
	arenasName = "<pymalloc arenas>"
)

// origin gives what growth goes by: the line that a sample was allocated for, or arenaSites.
// Samples without a stack are none.
func (x *explainer) origin(s *heap.Sample) uint32 {
	if x.arena(s) {
		return arenaSites
	}
	return x.sites.of(s.Stack)
}

// arena reports whether a sample is arenas of pymalloc: 256 KiB each, and 1 MiB from Python 3.10 on
// (captures before header 12 do not tell which Python it was).
func (x *explainer) arena(s *heap.Sample) bool {
	h := &x.p.Header
	if h.AllocatorName() != "pymalloc" || h.TracesPython || s.Allocator != mmap {
		return false
	}
	v := s.Values[heap.Peak]
	for _, other := range []heap.View{heap.Live, heap.Total} {
		if v.Count == 0 {
			v = s.Values[other]
		}
	}
	small := h.PythonVersion < 0x030a0000 && v.Bytes == v.Count<<18
	large := (h.PythonVersion == 0 || h.PythonVersion >= 0x030a0000) && v.Bytes == v.Count<<20
	return v.Count > 0 && (small || large)
}

func (x *explainer) originSite(key uint32) Site {
	if key == arenaSites {
		return Site{Function: arenasName}
	}
	return x.site(key)
}

func (x *explainer) growth() Growth {
	h := x.p.History
	switch {
	case x.p.Aggregated:
		return Growth{Reason: "an aggregated capture holds no history", Sites: []Grown{}}
	case h == nil || len(h.Ends) < fewestSlices:
		return Growth{Reason: "the capture is too short to tell growth from chance", Sites: []Grown{}}
	}
	w := newWatch(h, x.p.Header.StartTime)
	g := Growth{Known: true, Parts: growthParts, From: w.seconds[0], Until: w.seconds[len(w.seconds)-1], Sites: []Grown{}}
	all := make([]heap.Value, len(h.Ends))
	sites := largest(x.groups(heap.Live, x.origin), growthSites, byView(heap.Live))
	index := map[uint32]int{}
	curves := make([]curve, len(sites))
	for i := range sites {
		index[sites[i].key] = i
		curves[i] = curve{values: make([]heap.Value, len(h.Ends)), top: sites[i].top}
	}
	var own []heap.Value
	for i := range x.p.Samples {
		own = h.Append(own[:0], i)
		for t, v := range own {
			all[t] = sum(all[t], v)
		}
		if k, ok := index[x.origin(&x.p.Samples[i])]; ok {
			curves[k].add(i, own, w.first)
		}
	}
	g.HeapFrom, g.HeapUntil = all[w.first].Bytes, all[len(all)-1].Bytes
	for i := range curves {
		if grown, ok := w.judge(curves[i].values); ok {
			grown.Site, grown.Arenas = x.originSite(sites[i].key), sites[i].key == arenaSites
			grown.Callers = x.callers(curves[i].top)
			g.Sites = append(g.Sites, grown)
		}
	}
	slices.SortStableFunc(g.Sites, func(a, b Grown) int {
		return cmp.Or(cmp.Compare(b.weight(), a.weight()), cmp.Compare(b.Bytes, a.Bytes))
	})
	g.Sites = firstN(g.Sites, x.n)
	return g
}

// weight ranks what grew: by bytes, and by in how much of the time.
func (g *Grown) weight() float64 { return float64(g.Bytes) * float64(g.Rose) }

// curve is what was alive of a site over time.
type curve struct {
	values []heap.Value
	top    int // the sample that grew most
	most   uint64
}

func (c *curve) add(sample int, own []heap.Value, first int) {
	for t, v := range own {
		c.values[t] = sum(c.values[t], v)
	}
	if from, until := own[first].Bytes, own[len(own)-1].Bytes; until > from && until-from > c.most {
		c.most, c.top = until-from, sample
	}
}

// watch is the moments that growth is judged by.
type watch struct {
	first   int       // slice at whose end the warm-up is over
	seconds []float64 // of the slices from first on, since the start of the recording
	parts   []int     // the slices at whose ends the parts begin, and the last one
}

func newWatch(h *heap.History, start int64) *watch {
	w := &watch{}
	end := h.Ends[len(h.Ends)-1]
	warm := h.From + int64(warmUp*float64(end-h.From))
	w.first, _ = slices.BinarySearch(h.Ends, warm)
	w.first = min(w.first, len(h.Ends)-2)
	for _, t := range h.Ends[w.first:] {
		w.seconds = append(w.seconds, float64(t-start)/1000)
	}
	begin := h.Ends[w.first]
	for k := range growthParts {
		at, _ := slices.BinarySearch(h.Ends, begin+(end-begin)*int64(k)/growthParts)
		w.parts = append(w.parts, at)
	}
	w.parts = append(w.parts, len(h.Ends)-1)
	return w
}

// judge tells how values grew, and whether they did.
func (w *watch) judge(values []heap.Value) (g Grown, grew bool) {
	from, until := values[w.first], values[len(values)-1]
	if until.Bytes <= from.Bytes {
		return g, false
	}
	for k := range growthParts {
		if values[w.parts[k+1]].Bytes > values[w.parts[k]].Bytes {
			g.Rose++
		}
	}
	g.Steady = 2*g.Rose > growthParts
	g.Bytes = until.Bytes - from.Bytes
	g.Allocations = int64(until.Count - from.Count)
	g.PerSecond = w.slope(values)
	g.Live = amount(until)
	return g, true
}

// slope is that of the line with the least squares, in bytes per second.
func (w *watch) slope(values []heap.Value) float64 {
	var meanT, meanV float64
	n := float64(len(w.seconds))
	for i, t := range w.seconds {
		meanT += t / n
		meanV += float64(values[w.first+i].Bytes) / n
	}
	var over, under float64
	for i, t := range w.seconds {
		over += (t - meanT) * (float64(values[w.first+i].Bytes) - meanV)
		under += (t - meanT) * (t - meanT)
	}
	if under == 0 {
		return 0
	}
	return over / under
}
