package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/safetext"
)

// barWidth is the length of the longest bar of the histogram.
const barWidth = 25

// WriteText prints what `memray stats` prints, from beginning to end; of another view than
// heap.Total the headings say so.
func (s *Stats) WriteText(w io.Writer) error {
	p := &statsPrinter{printer: printer{w: w}, s: s}
	p.heading("📏", "Total allocations%s:", p.of())
	p.known(s.TotalAllocations, func(n uint64) string { return strconv.FormatUint(n, 10) })
	p.heading("📦", "Total memory allocated%s:", p.of())
	p.known(s.TotalBytes, s.options.size)
	p.heading("📈", "Peak memory usage:")
	p.printf("\t%s\n", s.options.size(s.Metadata.Peak))
	p.heading("📊", "Histogram of allocation size:")
	p.histogram()
	p.heading("📂", "Allocator type distribution%s:", p.of())
	for _, a := range s.Allocators {
		p.printf("\t %s: %d\n", a.Name, a.Count)
	}
	p.locations()
	p.modules("by size", s.ModulesBySize)
	p.modules("by number of allocations", s.ModulesByCount)
	return p.err
}

type statsPrinter struct {
	printer
	s     *Stats
	begun bool
}

// of says what is counted, if it is not all allocations.
func (p *statsPrinter) of() string {
	if p.s.view == heap.Total {
		return ""
	}
	return ", " + viewText[p.s.view]
}

func (p *statsPrinter) heading(sign, format string, args ...any) {
	if p.begun {
		p.printf("\n")
	}
	p.begun = true
	p.printf("%s %s\n", sign, fmt.Sprintf(format, args...))
}

// known prints a figure that an aggregated capture may not tell.
func (p *statsPrinter) known(n *uint64, text func(uint64) string) {
	if n == nil {
		p.printf("\t<not known of an aggregated capture>\n")
		return
	}
	p.printf("\t%s\n", text(*n))
}

func (p *statsPrinter) histogram() {
	bins := p.s.Histogram
	if len(bins) == 0 {
		p.printf("\t<no data for histogram>\n")
		return
	}
	most := uint64(0)
	for _, b := range bins {
		most = max(most, b.Count)
	}
	width := len(strconv.FormatUint(most, 10))
	rule := strings.Repeat("-", len("<=")+9+len(" :")+width+len(" ")+barWidth)
	p.printf("\tmin: %s\n\t%s\n", p.s.options.size(p.s.smallest), rule)
	for i, b := range bins {
		sign, end := "< ", b.Max+1
		if i == len(bins)-1 {
			sign, end = "<=", b.Max
		}
		bar := strings.Repeat("▇", int(math.Ceil(float64(b.Count)/float64(most)*barWidth)))
		p.printf("\t%s%-9s: %*d %s\n", sign, p.s.options.size(end), width, b.Count, bar)
	}
	p.printf("\t%s\n\tmax: %s\n", rule, p.s.options.size(p.s.largest))
	if n := p.s.SizesRounded; n > 0 {
		p.printf("\t%d allocations of too many distinct sizes are counted with their size rounded\n", n)
	}
}

func (p *statsPrinter) locations() {
	s := p.s
	p.heading("🥇", "%slargest allocating locations (by size%s):", p.top(), p.of())
	for _, l := range s.LocationsBySize {
		p.printf("\t- %s -> %s\n", safetext.Printable(l.Location), s.options.size(l.Size))
	}
	p.heading("🥇", "%slargest allocating locations (by number of allocations%s):", p.top(), p.of())
	for _, l := range s.LocationsByCount {
		p.printf("\t- %s -> %d\n", safetext.Printable(l.Location), l.Count)
	}
}

// top says how many there are at most.
func (p *statsPrinter) top() string {
	if p.s.options.N == 0 {
		return "All "
	}
	return fmt.Sprintf("Top %d ", p.s.options.N)
}

func (p *statsPrinter) modules(by string, modules []ModuleTotal) {
	if len(modules) == 0 {
		return
	}
	p.heading("🥇", "%sallocating modules (%s%s):", p.top(), by, p.of())
	for _, m := range modules {
		p.printf("\t- %s: %s total | %d allocations\n", safetext.Printable(m.Module), p.s.options.size(m.Bytes), m.Allocations)
	}
}
