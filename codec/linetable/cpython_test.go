package linetable

import (
	"bufio"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/memvault/memvault/internal/cpython"
)

//go:embed testdata/findlines.py
var findLines string

// codeObjects is how many code objects of each interpreter's standard library are compared, about.
const codeObjects = 3000

// TestCPython compares with what the interpreters of this machine find in their own tables.
func TestCPython(t *testing.T) {
	found := cpython.Find()
	if len(found) == 0 {
		t.Skip("no CPython 3.7 or later found in PATH or among pyenv's")
	}
	for _, p := range found {
		t.Run(p.Version, func(t *testing.T) {
			t.Parallel()
			compareWith(t, p.Path)
		})
	}
}

func compareWith(t *testing.T, path string) {
	out, err := exec.Command(path, "-W", "ignore", "-c", findLines, strconv.Itoa(codeObjects)).Output()
	if err != nil {
		t.Fatalf("run findlines.py: %v", err)
	}
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Buffer(nil, 1<<24)
	lines.Scan()
	python, err := strconv.ParseUint(lines.Text(), 10, 32)
	if err != nil {
		t.Fatalf("read the version of %s: %v", path, err)
	}
	offsets, tables := 0, 0
	for lines.Scan() {
		tables++
		offsets += compareTable(t, uint32(python), strings.Fields(lines.Text()))
		if t.Failed() {
			return
		}
	}
	if tables < codeObjects {
		t.Errorf("got %d code objects, want %d or more", tables, codeObjects)
	}
	t.Logf("%#x: %d code objects, %d offsets", python, tables, offsets)
}

// compareTable takes the fields of a line that findlines.py prints, and returns how many offsets it compared.
func compareTable(t *testing.T, python uint32, fields []string) (offsets int) {
	first, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatalf("first line of a code object: %v", err)
	}
	table, err := hex.DecodeString(strings.Trim(fields[1], "-"))
	if err != nil {
		t.Fatalf("line table: %v", err)
	}
	for _, f := range fields[2:] {
		var start, end, want int
		if _, err := fmt.Sscanf(f, "%d,%d,%d", &start, &end, &want); err != nil {
			t.Fatalf("range %q: %v", f, err)
		}
		for offset := start; offset < end; offset += 2 {
			offsets++
			if got := Line(python, table, int32(first), stored(python, offset/2)); int(got) != want {
				t.Errorf("%#x: table %x, first line %d, offset %d: got line %d, want %d", python, table, first, offset, got, want)
				return offsets
			}
		}
	}
	return offsets
}
