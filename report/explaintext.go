package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/memvault/memvault/internal/safetext"
)

// WriteText prints the answers, and behind them the figures of each question.
func (e *Explanation) WriteText(w io.Writer) error {
	p := &explainPrinter{printer: printer{w: w}, e: e, o: &e.options}
	p.facts()
	p.answers()
	p.functions()
	p.growth()
	p.proportion()
	p.packages()
	return p.err
}

type explainPrinter struct {
	printer
	e *Explanation
	o *Options
}

func (p *explainPrinter) facts() {
	e := p.e
	p.printf("%s\n", safetext.Printable(e.CommandLine))
	p.printf("%s, %s at the peak, %s at the end", e.lasted.Round(time.Millisecond),
		p.o.size(e.Peak.Bytes), p.o.size(e.Live.Bytes))
	if e.Total != nil {
		p.printf(", %s allocated in %s", p.o.size(e.Total.Bytes), count(e.Total.Allocations, "allocation"))
	}
	p.printf("\n\n")
}

// answers prints a sentence each, those that stand out with a mark.
func (p *explainPrinter) answers() {
	for _, a := range p.e.Answers {
		mark := " "
		if a.Notable {
			mark = "!"
		}
		for i, line := range wrap(a.Text, 110) {
			if i > 0 {
				mark = " "
			}
			p.printf("%s %s\n", mark, line)
		}
	}
}

func (p *explainPrinter) heading(text string) { p.printf("\n%s\n", text) }

// table prints a table, indented, unless it has no rows.
func (p *explainPrinter) table(t *textTable) {
	if len(t.rows) == 0 {
		p.printf("  none\n")
		return
	}
	var b strings.Builder
	if err := t.write(&b); err != nil {
		p.err = err
		return
	}
	for line := range strings.Lines(b.String()) {
		p.printf("  %s", line)
	}
}

func share(percent float64) string { return fmt.Sprintf("%.1f%%", percent) }

// amounts prints an amount that may not be known.
func (p *explainPrinter) amounts(a *Amount) string {
	if a == nil {
		return "-"
	}
	return p.o.size(a.Bytes)
}

func (p *explainPrinter) functions() {
	p.heading("1. Which functions allocate most?")
	t := textTable{columns: []textColumn{{"AT PEAK", true}, {"SHARE", true}, {"IN TOTAL", true}, {"FUNCTION", false}}}
	for i := range p.e.Functions {
		f := &p.e.Functions[i]
		t.add(p.o.size(f.Peak.Bytes), share(f.PeakPercent), p.amounts(f.Total), f.text())
		if f.For.Function != f.Function && f.For.Function != noStack {
			t.add("", "", "", fmt.Sprintf("  %.0f%% for %s", f.ForPercent, f.For.text()))
		}
	}
	p.table(&t)
}

func (p *explainPrinter) growth() {
	g := &p.e.Growth
	p.heading("2. What is retained, and what grows?")
	if g.Known {
		p.printf("  heap: %s after %.1f s, %s after %.1f s\n", p.o.size(g.HeapFrom), g.From, p.o.size(g.HeapUntil), g.Until)
		t := textTable{columns: []textColumn{
			{"GREW BY", true}, {"A SECOND", true}, {"ROSE IN", true}, {"AT END", true}, {"SITE", false},
		}}
		for i := range g.Sites {
			s := &g.Sites[i]
			t.add(p.o.size(s.Bytes), p.slope(s.PerSecond), fmt.Sprintf("%d of %d", s.Rose, g.Parts), p.o.size(s.Live.Bytes), s.text())
			if text := s.through(); text != "" {
				t.add("", "", "", "", "  "+text)
			}
		}
		p.table(&t)
	} else {
		p.printf("  growth is not known: %s\n", g.Reason)
	}
	p.printf("  alive at the end:\n")
	t := textTable{columns: []textColumn{{"AT END", true}, {"SHARE", true}, {"ALLOCATIONS", true}, {"SITE", false}}}
	for i := range p.e.Retained {
		r := &p.e.Retained[i]
		t.add(p.o.size(r.Live.Bytes), share(r.Percent), strconv.FormatUint(r.Live.Allocations, 10), r.text())
	}
	p.table(&t)
}

func (p *explainPrinter) slope(perSecond float64) string {
	if perSecond < 0 {
		return "-" + p.o.size(uint64(-perSecond))
	}
	return p.o.size(uint64(perSecond))
}

func (p *explainPrinter) proportion() {
	e := p.e
	p.heading("3. What is out of proportion to its place?")
	p.printf("  imports: %s at the peak (%s), %s at the end\n", p.o.size(e.Imports.Peak.Bytes), share(e.Imports.PeakPercent), p.o.size(e.Imports.Live.Bytes))
	t := textTable{columns: []textColumn{{"AT PEAK", true}, {"SHARE", true}, {"IN TOTAL", true}, {"IMPORTED BY", false}}}
	for i := range e.Imports.Modules {
		m := &e.Imports.Modules[i]
		t.add(p.o.size(m.Peak.Bytes), share(m.PeakPercent), p.amounts(m.Total), m.text())
	}
	p.table(&t)
	p.printf("  logging: %s in total (%s)\n", p.amounts(e.Logging.Total), share(e.Logging.Percent))
	t = textTable{columns: []textColumn{{"IN TOTAL", true}, {"SHARE", true}, {"AT PEAK", true}, {"LOGGED BY", false}}}
	for i := range e.Logging.Callers {
		l := &e.Logging.Callers[i]
		t.add(p.amounts(l.Total), share(l.Percent), p.o.size(l.Peak.Bytes), l.text())
	}
	p.table(&t)
	p.churn()
}

func (p *explainPrinter) churn() {
	c := &p.e.Churn
	if !c.Known {
		return
	}
	p.printf("  allocated and freed: %s, in all %.1f times the peak was allocated; %s at once (%s of all allocations)\n",
		p.o.size(c.Freed), c.Turnover, count(c.Temporary.Allocations, "allocation"), share(c.TemporaryPercent))
	t := textTable{columns: []textColumn{
		{"FREED", true}, {"SHARE", true}, {"ALLOCATIONS", true}, {"AT ONCE", true}, {"SITE", false},
	}}
	for i := range c.Sites {
		s := &c.Sites[i]
		t.add(p.o.size(s.Freed), share(s.FreedPercent), strconv.FormatUint(s.Allocations, 10),
			strconv.FormatUint(s.Temporary.Allocations, 10), s.text())
	}
	p.table(&t)
}

func (p *explainPrinter) packages() {
	p.heading("4. Which packages hold the memory?")
	t := textTable{columns: []textColumn{
		{"AT PEAK", true}, {"SHARE", true}, {"AT END", true}, {"IN TOTAL", true}, {"PACKAGE", false},
	}}
	for i := range p.e.Packages {
		k := &p.e.Packages[i]
		name := k.Package
		if !k.ThirdParty {
			name += " (own code)"
		}
		t.add(p.o.size(k.Peak.Bytes), share(k.PeakPercent), p.o.size(k.Live.Bytes), p.amounts(k.Total), name)
	}
	p.table(&t)
}

// through says where the calls of a site come from; it is empty when the site itself says all.
func (c *Callers) through() string {
	if len(c.Through) < 2 {
		return ""
	}
	return "through " + strings.Join(c.Through[1:], " < ")
}
