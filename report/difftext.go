package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/safetext"
)

// WriteText prints the totals of all views, and the rows of one.
func (d *Diff) WriteText(w io.Writer) error {
	p := printer{w: w}
	p.printf("base: %s\nnew:  %s\n", safetext.Printable(d.Base.CommandLine), safetext.Printable(d.New.CommandLine))
	if d.Factor != 1 {
		p.printf("the base is multiplied by %.4g, normalized by %s\n", d.Factor, d.Normalize)
	}
	t := textTable{columns: append(changeColumns(), textColumn{"VIEW", false})}
	for _, v := range []heap.View{heap.Peak, heap.Live, heap.Temporary, heap.Total} {
		if c := d.Totals.Of(v); c != nil && (v != heap.Temporary || v == d.options.View) {
			t.add(append(d.cells(c), v.String())...)
		}
	}
	p.printf("\n")
	p.table(&t)
	p.printf("\n%s, by %s\n", viewText[d.options.View], d.By)
	t = textTable{columns: append(changeColumns(), textColumn{strings.ToUpper(d.By), false})}
	for i := range d.Rows {
		r := &d.Rows[i]
		// What has changed in other views only comes last.
		if c := r.Of(d.options.View); c.changed() {
			t.add(append(d.cells(c), r.text())...)
		}
	}
	if len(t.rows) == 0 {
		p.printf("nothing has changed\n")
		return p.err
	}
	p.table(&t)
	if d.others > 0 {
		p.printf("%s; -n shows more\n", count(d.others, "more row"))
	}
	return p.err
}

func (p *printer) table(t *textTable) {
	if p.err == nil {
		p.err = t.write(p.w)
	}
}

func changeColumns() []textColumn {
	return []textColumn{{"CHANGE", true}, {"PERCENT", true}, {"BASE", true}, {"NEW", true}, {"ALLOCATIONS", true}}
}

func (d *Diff) cells(c *Change) []string {
	return []string{
		d.signed(c.DeltaBytes), c.percentText(), d.options.size(c.BaseBytes), d.options.size(c.NewBytes),
		fmt.Sprintf("%+d", c.DeltaAllocations),
	}
}

func (d *Diff) signed(n int64) string {
	if n < 0 {
		return "-" + d.options.size(uint64(-n))
	}
	return "+" + d.options.size(uint64(n))
}

func (c *Change) percentText() string {
	switch {
	case c.Percent != nil:
		return fmt.Sprintf("%+.1f%%", *c.Percent)
	case c.NewBytes > 0:
		return "new"
	}
	return "-"
}

// text names a row on a line.
func (r *DiffRow) text() string {
	switch {
	case len(r.Stack) > 1:
		return r.Function + " < " + strings.Join(shortened(r.Stack[1:], 6), " < ")
	case r.Function == "":
		return r.File
	case r.File == "":
		return r.Function
	}
	return r.Function + " (" + r.File + ")"
}

// shortened leaves out what is between the innermost and the outermost of many.
func shortened(stack []string, n int) []string {
	if len(stack) <= n {
		return stack
	}
	out := append([]string(nil), stack[:n-2]...)
	return append(out, "... "+strconv.Itoa(len(stack)-n+1)+" more", stack[len(stack)-1])
}
