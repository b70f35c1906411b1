package memraytest

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/memvault/memvault/internal/expected"
)

// reportsSaid is what the reports of a Memray hold of a capture: see python/ask_reporters.py.
type reportsSaid struct {
	Stats  map[string]any
	Text   string
	Series [][3]int64
	Views  map[string]map[string]*viewSaid // by view, then "merged" or "split"
	Errors map[string]string

	StatsError string `json:"stats_error"`
}

// viewSaid is what is said of one view; what is nil was not asked.
type viewSaid struct {
	Summary    *summarySaid
	Table      []tableLine
	Tree       *treeSaid
	Flamegraph []nodeSaid
	CSV        *string
	Gprof2dot  map[string]any
	Speedscope map[string]any
}

type summarySaid struct {
	Bytes, Count uint64
	Functions    []functionSaid
}

type functionSaid struct {
	Function, File    string
	Own, Total, Count uint64
}

type tableLine struct {
	Thread    string `json:"tid"`
	Bytes     uint64 `json:"size"`
	Allocator string `json:"allocator"`
	Count     uint64 `json:"n_allocations"`
	Location  string `json:"stack_trace"`
}

type treeSaid struct {
	Elided [4]uint64 // cutoff, locations, allocations, bytes
	Nodes  []nodeSaid
}

type nodeSaid struct {
	Parent                    int
	Frame                     expected.Frame
	Bytes, Count              uint64
	Thread                    string
	Interesting, ImportSystem bool
}

// tuple reads a JSON array into fields.
func tuple(b []byte, fields ...any) error { return json.Unmarshal(b, &fields) }

func (s *summarySaid) UnmarshalJSON(b []byte) error {
	return tuple(b, &s.Bytes, &s.Count, &s.Functions)
}

func (f *functionSaid) UnmarshalJSON(b []byte) error {
	return tuple(b, &f.Function, &f.File, &f.Own, &f.Total, &f.Count)
}

func (s *treeSaid) UnmarshalJSON(b []byte) error { return tuple(b, &s.Elided, &s.Nodes) }

func (n *nodeSaid) UnmarshalJSON(b []byte) error {
	return tuple(b, &n.Parent, &n.Frame, &n.Bytes, &n.Count, &n.Thread, &n.Interesting, &n.ImportSystem)
}

func loadReports(t *testing.T, path string) *reportsSaid {
	t.Helper()
	said := new(reportsSaid)
	readGzip(t, path, said)
	return said
}

func readGzip(t *testing.T, path string, into any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// The reports as Memray makes them of rows: what python/ask_reporters.py asks, for releases that
// cannot be asked any more. Written from reporters/*.py of 1.20.0; limits is false where the
// order of the rows is not known, so that nothing is left out.
func reportsOf(merged, split []expected.Row, limits bool) map[string]*viewSaid {
	return map[string]*viewSaid{
		"merged": {Summary: summaryOf(merged, limits), Table: tableOf(merged, true), Flamegraph: nodesOf(merged)},
		"split": {
			Summary: summaryOf(split, limits), Table: tableOf(split, false), Flamegraph: nodesOf(split), Tree: treeOf(split, limits),
		},
	}
}

func summaryOf(rows []expected.Row, limits bool) *summarySaid {
	s := &summarySaid{}
	for _, r := range rows {
		s.Bytes += r.Bytes
		s.Count += r.Count
	}
	index := map[[2]string]int{}
	at := func(function, file string) *functionSaid {
		k := [2]string{function, file}
		i, ok := index[k]
		if !ok {
			i = len(s.Functions)
			index[k] = i
			s.Functions = append(s.Functions, functionSaid{Function: function, File: file})
		}
		return &s.Functions[i]
	}
	seen := uint64(0)
	for _, r := range rows {
		if limits && float64(seen) >= 0.95*float64(s.Bytes) {
			break
		}
		seen += r.Bytes
		stack := r.Stack
		if len(stack) == 0 {
			stack = []expected.Frame{{Function: "???", File: "???"}}
		}
		at(stack[0].Function, stack[0].File).Own += r.Bytes
		visited := map[[2]string]bool{}
		for _, f := range stack {
			if k := [2]string{f.Function, f.File}; !visited[k] {
				visited[k] = true
				l := at(f.Function, f.File)
				l.Total += r.Bytes
				l.Count += r.Count
			}
		}
	}
	return s
}

func threadText(r *expected.Row) string {
	id := fmt.Sprintf("%#x", r.Thread)
	if r.ThreadName == "" || r.ThreadName == id { // older releases put the id where there is no name
		return id
	}
	return id + " (" + r.ThreadName + ")"
}

func tableOf(rows []expected.Row, merged bool) []tableLine {
	var out []tableLine
	for i := range rows {
		r := &rows[i]
		l := tableLine{Thread: threadText(r), Bytes: r.Bytes, Count: r.Count, Location: "???"}
		if merged {
			l.Thread = ""
		}
		if len(r.Stack) > 0 {
			f := r.Stack[0]
			l.Location = fmt.Sprintf("%s at %s:%d", f.Function, f.File, f.Line)
		}
		out = append(out, l)
	}
	return out
}

// nodesOf makes a tree of whole stacks. What only looks decide, as what is interesting, is left out.
func nodesOf(rows []expected.Row) []nodeSaid {
	nodes := []nodeSaid{{Parent: -1}}
	index := map[string]int{}
	for i := range rows {
		r := &rows[i]
		nodes[0].Bytes += r.Bytes
		nodes[0].Count += r.Count
		at, path := 0, threadText(r)+" "
		for k := len(r.Stack) - 1; k >= 0; k-- {
			path += expected.Key(r.Stack[k : k+1])
			n, ok := index[path]
			if !ok {
				n = len(nodes)
				index[path] = n
				nodes = append(nodes, nodeSaid{Parent: at, Frame: r.Stack[k], Thread: threadText(r)})
			}
			at = n
			nodes[at].Bytes += r.Bytes
			nodes[at].Count += r.Count
		}
	}
	return nodes
}

func treeOf(rows []expected.Row, limits bool) *treeSaid {
	t := &treeSaid{}
	if limits {
		t.Elided[0] = 200
		rows = largestRows(rows)
		for _, r := range rows[min(200, len(rows)):] {
			t.Elided[1]++
			t.Elided[2] += r.Count
			t.Elided[3] += r.Bytes
		}
		rows = rows[:min(200, len(rows))]
	}
	t.Nodes = nodesOf(rows)
	t.Nodes[0].Bytes += t.Elided[3]
	t.Nodes[0].Count += t.Elided[2]
	return t
}

// paths gives the nodes by path, from the root, summed over threads unless they are to be kept apart.
func paths(nodes []nodeSaid, threads bool) map[string]amount {
	names := make([]string, len(nodes))
	out := map[string]amount{}
	for i, n := range nodes {
		names[i] = "root "
		if i > 0 {
			names[i] = names[n.Parent] + expected.Key([]expected.Frame{n.Frame})
		}
		key := names[i]
		if threads && i > 0 {
			key = n.Thread + " " + strings.TrimPrefix(key, "root ")
		}
		a := out[key]
		out[key] = amount{a.bytes + n.Bytes, a.count + n.Count}
	}
	return out
}

type amount struct{ bytes, count uint64 }
