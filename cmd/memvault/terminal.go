package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/memvault/memvault/internal/safetext"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// printable makes text of a capture or a name fit for a line on the terminal.
func printable(s string) string { return safetext.Printable(s) }

// printJSON writes v on a line of standard output. JSON itself lets some characters
// through that terminals obey (U+009B begins an escape sequence); they are escaped.
func (a *app) printJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := a.out.WriteString(safetext.JSON(strings.TrimSuffix(b.String(), "\n")) + "\n")
	return err
}
