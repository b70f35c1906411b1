package report

import (
	"fmt"
	"strings"

	"github.com/memvault/memvault/internal/safetext"
)

// From which share or size on a finding stands out. They are rules of thumb: the figures
// themselves are in the Explanation.
const (
	notableFunction = 25.0 // percent of the peak, in one function
	notableGrowth   = 0.01 // of the peak
	notableImports  = 25.0 // percent of the peak
	notableImport   = 5.0  // percent of the peak, of one module
	notableLogging  = 5.0  // percent of all allocated bytes
	notableTurnover = 10.0 // times the peak, in one place
	notablePackage  = 25.0 // percent of the peak, in one third-party package
)

// answer sums the findings up.
func (e *Explanation) answer() {
	e.Answers = []Answer{}
	e.answerFunctions()
	e.answerGrowth()
	e.answerImports()
	e.answerLogging()
	e.answerChurn()
	e.answerPackages()
}

func (e *Explanation) say(question int, notable bool, format string, args ...any) {
	e.Answers = append(e.Answers, Answer{question, notable, fmt.Sprintf(format, args...)})
}

func (e *Explanation) answerFunctions() {
	found := e.Functions
	if len(found) > 0 && found[0].File == "" && found[0].Function == arenasName {
		f := &found[0]
		e.say(1, false, "%s of the peak, %.1f %%, is arenas of pymalloc. They hold small objects of any code; here they count for who needed a new one.",
			SizeText(f.Peak.Bytes), f.PeakPercent)
		found = found[1:]
	}
	if len(found) == 0 {
		e.say(1, false, "No function holds anything at the peak.")
		return
	}
	f := &found[0]
	text := fmt.Sprintf("%s holds most at the peak: %s, %.1f %% of it", f.Function, SizeText(f.Peak.Bytes), f.PeakPercent)
	if f.For.Function != f.Function && f.For.Function != noStack {
		text += ", for " + f.For.text()
	}
	e.say(1, f.PeakPercent >= notableFunction, "%s.", text)
}

func (e *Explanation) answerGrowth() {
	g := &e.Growth
	if !g.Known {
		text := "What grows is not known: " + g.Reason
		if len(e.Retained) > 0 {
			r := &e.Retained[0]
			text += fmt.Sprintf("; most of what is alive at the end: %s, %s, %.1f %%", r.text(), SizeText(r.Live.Bytes), r.Percent)
		}
		e.say(2, false, "%s.", text)
		return
	}
	said := false
	for i := range g.Sites {
		s := &g.Sites[i]
		notable := float64(s.Bytes) >= notableGrowth*float64(e.Peak.Bytes)
		switch {
		case notable && s.Arenas:
			e.say(2, true, "Arenas of pymalloc grow: by %s, the largest part for %s. They hold small objects; --trace-python-allocators would record whose.",
				SizeText(s.Bytes), s.first())
		case notable && s.Steady && !said:
			said = true
			e.say(2, true, "%s grows: by %s from %.1f s to %.1f s, %s a second, in %d of %d parts of that time.",
				s.text(), SizeText(s.Bytes), g.From, g.Until, SizeText(uint64(max(s.PerSecond, 0))), s.Rose, g.Parts)
		}
	}
	switch {
	case said:
	case len(g.Sites) > 0:
		s := &g.Sites[0]
		e.say(2, false, "Nothing grows steadily; %s grew most, by %s in %d of %d parts of the time.", s.text(), SizeText(s.Bytes), s.Rose, g.Parts)
	default:
		e.say(2, false, "Nothing grows.")
	}
}

// first names the innermost function that is not of the standard library.
func (c *Callers) first() string {
	if len(c.Through) == 0 {
		return "the standard library"
	}
	return c.Through[0]
}

func (e *Explanation) answerImports() {
	m := &e.Imports
	if len(m.Modules) == 0 {
		e.say(3, false, "Nothing of the peak was allocated by imports.")
		return
	}
	f := &m.Modules[0]
	e.say(3, m.PeakPercent >= notableImports || f.PeakPercent >= notableImport,
		"Imports hold %s of the peak, %.1f %%; most of one module: %s, %s.", SizeText(m.Peak.Bytes), m.PeakPercent, f.Function, SizeText(f.Peak.Bytes))
}

func (e *Explanation) answerLogging() {
	l := &e.Logging
	if len(l.Callers) == 0 {
		e.say(3, false, "Logging allocates nothing.")
		return
	}
	of := "all that is allocated"
	if l.Total == nil {
		of = "the peak"
	}
	e.say(3, l.Percent >= notableLogging, "Logging is %.1f %% of %s, most of it from %s.", l.Percent, of, l.Callers[0].text())
}

func (e *Explanation) answerChurn() {
	c := &e.Churn
	switch {
	case !c.Known:
		e.say(3, false, "What is allocated and freed again is not known: an aggregated capture tells only the peak and leaks.")
		return
	case len(c.Sites) == 0:
		e.say(3, false, "Nothing is freed.")
		return
	}
	s := &c.Sites[0]
	text := fmt.Sprintf("%s allocates and frees most: %s, %.1f %% of all that is freed, in %s, %s of them freed at once",
		s.text(), SizeText(s.Freed), s.FreedPercent, count(s.Allocations, "allocation"), number(s.Temporary.Allocations))
	e.say(3, c.Turnover >= notableTurnover, "%s.", text)
}

func (e *Explanation) answerPackages() {
	for i := range e.Packages {
		p := &e.Packages[i]
		if p.ThirdParty {
			e.say(4, p.PeakPercent >= notablePackage, "%s holds most of the third-party packages: %s at the peak, %.1f %%.",
				p.Package, SizeText(p.Peak.Bytes), p.PeakPercent)
			return
		}
	}
	e.say(4, false, "No third-party package holds memory at the peak.")
}

// text names the site in a sentence.
func (s *Site) text() string {
	if s.File == "" {
		return s.Function
	}
	if s.Line == 0 {
		return s.Function + " (" + s.File + ")"
	}
	return fmt.Sprintf("%s (%s:%d)", s.Function, s.File, s.Line)
}

// number prints n, or "none".
func number(n uint64) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// wrap breaks text into lines of at most width characters, where it has spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(safetext.Printable(text)) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
