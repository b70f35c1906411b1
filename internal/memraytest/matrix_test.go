package memraytest

import (
	"slices"
	"testing"

	"github.com/memvault/memvault/internal/cpython"
)

// release is a release of Memray.
type release struct {
	version string
	header  int // the version in its captures' headers
	// It has wheels for CPython 3.oldest to 3.newest.
	oldest, newest int
	// usual has the minor versions of the CPythons to test it with. Releases that are tested
	// only if all are have none. From header 12 on they bring each format of line tables.
	usual []int
}

var releases = []release{
	{version: "1.0.3", header: 6, oldest: 7, newest: 10, usual: []int{7}},
	{version: "1.1.0", header: 7, oldest: 7, newest: 10, usual: []int{8}},
	{version: "1.2.0", header: 8, oldest: 7, newest: 10},
	{version: "1.3.1", header: 8, oldest: 7, newest: 11, usual: []int{9}},
	{version: "1.4.1", header: 9, oldest: 7, newest: 11},
	{version: "1.6.0", header: 9, oldest: 7, newest: 11, usual: []int{10}},
	{version: "1.7.0", header: 10, oldest: 7, newest: 11},
	{version: "1.10.0", header: 10, oldest: 7, newest: 12, usual: []int{11}},
	{version: "1.11.0", header: 11, oldest: 7, newest: 12},
	{version: "1.14.0", header: 11, oldest: 7, newest: 13},
	{version: "1.17.2", header: 11, oldest: 7, newest: 13},
	{version: "1.18.0", header: 11, oldest: 8, newest: 14, usual: []int{13}},
	{version: "1.19.1", header: 12, oldest: 8, newest: 14},
	{version: "1.19.3", header: 12, oldest: 8, newest: 14, usual: []int{8, 12}},
	{version: "1.20.0", header: 13, oldest: 9, newest: 15, usual: []int{9, 10, 13}},
}

// pair is a release under a CPython.
type pair struct {
	release
	python cpython.Interpreter
}

func (p pair) String() string { return venvName(p.version, p.python) }

// pythons selects the interpreters to test r with: all that it supports, or the usual ones,
// or else the newest.
func (r release) pythons(found []cpython.Interpreter, all bool) (selected []cpython.Interpreter) {
	byMinor := map[int]cpython.Interpreter{}
	for _, p := range found { // the highest patch comes last
		byMinor[p.Minor] = p
	}
	for minor := r.oldest; minor <= r.newest; minor++ {
		if p, ok := byMinor[minor]; ok {
			selected = append(selected, p)
		}
	}
	if all || len(selected) == 0 {
		return selected
	}
	newest := selected[len(selected)-1:]
	usual := slices.DeleteFunc(slices.Clone(selected), func(p cpython.Interpreter) bool { return !slices.Contains(r.usual, p.Minor) })
	if len(usual) == 0 {
		return newest
	}
	return usual
}

func TestPythons(t *testing.T) {
	at := func(minors ...int) (found []cpython.Interpreter) {
		for _, m := range minors {
			found = append(found, cpython.Interpreter{Minor: m})
		}
		return found
	}
	r := release{oldest: 7, newest: 11, usual: []int{8, 9}}
	tests := []struct {
		name        string
		found, want []cpython.Interpreter
		all         bool
	}{
		{name: "the usual ones", found: at(7, 8, 9, 10, 12), want: at(8, 9)},
		{name: "one of them", found: at(7, 9, 10), want: at(9)},
		{name: "else the newest", found: at(6, 7, 10, 12), want: at(10)},
		{name: "all", found: at(6, 8, 8, 10, 12), want: at(8, 10), all: true},
		{name: "none", found: at(6, 12), want: nil},
	}
	for _, tt := range tests {
		if got := r.pythons(tt.found, tt.all); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
