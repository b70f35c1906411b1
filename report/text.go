package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/memvault/memvault/internal/safetext"
)

// SizeText prints bytes as Memray does, in SI units: "1.049MB".
func SizeText(bytes uint64) string {
	value := float64(bytes)
	for _, unit := range []string{"", "k", "M", "G", "T", "P"} {
		if value < 1000 {
			return fmt.Sprintf("%.3f%sB", value, unit)
		}
		value /= 1000
	}
	return fmt.Sprintf("%.3fEB", value)
}

// size prints bytes, exactly if the options say so.
func (o *Options) size(bytes uint64) string {
	if o.Exact {
		return strconv.FormatUint(bytes, 10)
	}
	return SizeText(bytes)
}

// textTable is a table of aligned columns.
type textTable struct {
	columns []textColumn
	rows    [][]string
}

type textColumn struct {
	title string
	right bool // aligned, as numbers are
}

// add adds a row, its text made safe to print.
func (t *textTable) add(cells ...string) {
	for i := range cells {
		cells[i] = safetext.Printable(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// write prints the table. The last column is not padded, for it may be long.
func (t *textTable) write(w io.Writer) error {
	width := make([]int, len(t.columns))
	for i, c := range t.columns {
		width[i] = utf8.RuneCountInString(c.title)
		for _, row := range t.rows {
			width[i] = max(width[i], utf8.RuneCountInString(row[i]))
		}
	}
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	for _, row := range append([][]string{titles}, t.rows...) {
		if _, err := io.WriteString(w, t.line(row, width)); err != nil {
			return err
		}
	}
	return nil
}

func (t *textTable) line(row []string, width []int) string {
	var b strings.Builder
	for i, cell := range row {
		pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
		if i > 0 {
			b.WriteString("  ")
		}
		switch {
		case t.columns[i].right:
			b.WriteString(pad + cell)
		case i == len(row)-1:
			b.WriteString(cell)
		default:
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}
