package memraytest

import (
	"bytes"
	stdcsv "encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/convert/csv"
	"github.com/memvault/memvault/convert/flamegraph"
	"github.com/memvault/memvault/convert/gprof2dot"
	"github.com/memvault/memvault/convert/speedscope"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/expected"
	"github.com/memvault/memvault/internal/safetext"
	"github.com/memvault/memvault/report"
)

var heapViews = map[string]heap.View{"peak": heap.Peak, "leaks": heap.Live, "temporary": heap.Temporary}

// A reportCheck compares one report of a view.
type reportCheck struct {
	name  string
	check func(t *testing.T, c *viewCase)
}

// viewCase is a view of a capture, and what is said of it.
type viewCase struct {
	p     *heap.Profile
	view  heap.View
	split bool
	said  *viewSaid
	// limits tells that what Memray leaves out is known.
	limits bool
}

func (c *viewCase) options() report.Options {
	return report.Options{View: c.view, SplitThreads: c.split}
}

var reportChecks = []reportCheck{
	{"summary", checkSummary},
	{"table", checkTable},
	{"tree", checkTree},
	{"flamegraph", checkFlamegraph},
	{"csv", checkCSV},
	{"gprof2dot", checkGprof2dot},
	{"speedscope", checkSpeedscope},
}

// compareReports compares all reports of all views that are said anything of.
func compareReports(t *testing.T, p *heap.Profile, views map[string]map[string]*viewSaid, limits bool) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(views)) {
		for _, threads := range []string{"merged", "split"} {
			c := &viewCase{p: p, view: heapViews[name], split: threads == "split", said: views[name][threads], limits: limits}
			for _, r := range reportChecks {
				t.Run(name+"/"+threads+"/"+r.name, func(t *testing.T) { r.check(t, c) })
			}
		}
	}
}

// compareMaps tells the first few differences.
func compareMaps[V comparable](t *testing.T, got, want map[string]V) {
	t.Helper()
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	n := 0
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		g, inGot := got[k]
		w, inWant := want[k]
		if g == w && inGot == inWant {
			continue
		}
		if n++; n <= 3 {
			t.Errorf("%s: got %+v (%v), want %+v (%v)", k, g, inGot, w, inWant)
		}
	}
	if n > 0 {
		t.Errorf("%d of %d differ", n, len(keys))
	}
}

func checkSummary(t *testing.T, c *viewCase) {
	want := c.said.Summary
	p := *c.p
	if !c.limits {
		if p.Aggregated {
			t.Skip("what this release leaves out is not known, and the counts are those of merged rows")
		}
		p.LikeMemray = false // nothing is left out
	}
	s := report.NewSummary(&p, c.options())
	got, wanted := map[string]functionSaid{}, map[string]functionSaid{}
	for _, f := range s.Functions {
		k := f.Function + ";" + f.File
		a := got[k]
		got[k] = functionSaid{Own: a.Own + f.OwnMemory, Total: a.Total + f.TotalMemory, Count: a.Count + f.Allocations}
	}
	for _, f := range want.Functions {
		wanted[f.Function+";"+f.File] = functionSaid{Own: f.Own, Total: f.Total, Count: f.Count}
	}
	compareMaps(t, got, wanted)
	if s.TotalMemory != want.Bytes || s.TotalAllocations != want.Count {
		t.Errorf("total: got %d bytes in %d, want %d in %d", s.TotalMemory, s.TotalAllocations, want.Bytes, want.Count)
	}
}

// checkTable leaves out the allocators: Memray gives rows that it merges an arbitrary one.
func checkTable(t *testing.T, c *viewCase) {
	got, want := map[string]amount{}, map[string]amount{}
	add := func(m map[string]amount, thread, location string, bytes, count uint64) {
		k := location
		if c.split {
			k = thread + " " + location
		}
		m[k] = amount{m[k].bytes + bytes, m[k].count + count}
	}
	for _, l := range report.NewTable(c.p, c.options()).Lines {
		add(got, l.Thread, l.Location, l.Size, l.Allocations)
	}
	for _, l := range c.said.Table {
		add(want, l.Thread, l.Location, l.Bytes, l.Count)
	}
	compareMaps(t, got, want)
}

func checkTree(t *testing.T, c *viewCase) {
	if c.said.Tree == nil {
		t.Skip("Memray's tree does not merge threads before it is made")
	}
	o := report.TreeOptions{Options: report.Options{View: c.view}}
	if !c.limits {
		o.N = math.MaxInt // nothing is left out
	}
	tree := report.NewTree(c.p, o)
	e := tree.Elided
	got := [4]uint64{uint64(e.Cutoff), uint64(e.Locations), e.Allocations, e.Bytes}
	if !c.limits {
		got[0] = 0
	}
	if got != c.said.Tree.Elided {
		t.Errorf("elided: got %d, want %d", got, c.said.Tree.Elided)
	}
	compareMaps(t, treePaths(tree.Root, "root "), paths(c.said.Tree.Nodes, false))
	if c.said.Tree.Nodes[0].Interesting { // else the rows do not tell
		compareLooks(t, tree.Root, c.said.Tree.Nodes[1:])
	}
}

// compareLooks compares what Memray hides until it is told otherwise.
func compareLooks(t *testing.T, root *report.TreeNode, nodes []nodeSaid) {
	t.Helper()
	looks := map[string][2]bool{}
	for _, n := range nodes {
		looks[expected.Key([]expected.Frame{n.Frame})] = [2]bool{n.Interesting, n.ImportSystem}
	}
	todo := slices.Clone(root.Children)
	for len(todo) > 0 {
		n := todo[0]
		todo = append(todo[1:], n.Children...)
		k := expected.Key([]expected.Frame{expected.Frame(n.Location)})
		if want, ok := looks[k]; ok && want != [2]bool{n.Interesting, n.ImportSystem} {
			t.Errorf("%s: got interesting %v, import system %v, want %v", k, n.Interesting, n.ImportSystem, want)
		}
	}
}

func treePaths(n *report.TreeNode, path string) map[string]amount {
	out := map[string]amount{path: {n.Value, n.Allocations}}
	for _, child := range n.Children {
		if child.Location.File == "" && child.Location.Function == "<stack trace unavailable>" {
			continue // Memray counts it for the root only
		}
		maps.Copy(out, treePaths(child, path+expected.Key([]expected.Frame{expected.Frame(child.Location)})))
	}
	return out
}

var pageData = regexp.MustCompile(`(?s)<script id="data" type="application/json">(.*)</script>\n$`)

// page is what of a flame graph page is compared: see the comment of package flamegraph.
type page struct {
	Strings []string
	Files   struct{ Name []int }
	Frames  struct{ Function, File, Line []int }
	Nodes   struct{ Up, Frame []int }
	Samples struct{ Node, Thread []int }
	Views   []struct {
		Name         string
		Bytes, Count []uint64
	}
	Threads []struct{ Name, ID string }
}

func checkFlamegraph(t *testing.T, c *viewCase) {
	var b bytes.Buffer
	if err := flamegraph.Write(&b, c.p, flamegraph.Options{Views: []heap.View{c.view}, SplitThreads: c.split}); err != nil {
		t.Fatal(err)
	}
	m := pageData.FindSubmatch(b.Bytes())
	if m == nil {
		t.Fatal("no data at the end of the page")
	}
	var d page
	if err := json.Unmarshal(m[1], &d); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(c.said.Flamegraph)
	for i := range want { // what cannot be seen is escaped on our page
		n := &want[i]
		n.Frame.Function, n.Frame.File = safetext.Printable(n.Frame.Function), safetext.Printable(n.Frame.File)
		n.Thread = safetext.Printable(n.Thread)
	}
	compareMaps(t, d.paths(c.split), paths(want, c.split))
}

// paths sums up the nodes as Memray's page does.
func (d *page) paths(threads bool) map[string]amount {
	stacks, parents, at := []string{""}, []int{-1}, 0
	for i, up := range d.Nodes.Up {
		for range up {
			at = parents[at]
		}
		f := d.Nodes.Frame[i]
		text := fmt.Sprintf("%s;%s;%d|", d.Strings[d.Frames.Function[f]], d.Strings[d.Files.Name[d.Frames.File[f]]], d.Frames.Line[f])
		if strings.HasPrefix(text, "<stack trace unavailable>;;0|") {
			text = ""
		}
		parents = append(parents, at)
		stacks = append(stacks, stacks[at]+text)
		at = i + 1
	}
	out := map[string]amount{"root ": {}}
	add := func(k string, i int) {
		v := &d.Views[0]
		out[k] = amount{out[k].bytes + v.Bytes[i], out[k].count + v.Count[i]}
	}
	for i, node := range d.Samples.Node {
		if d.Views[0].Count[i] == 0 && d.Views[0].Bytes[i] == 0 {
			continue
		}
		thread := d.Threads[d.Samples.Thread[i]]
		prefix := "root "
		if threads {
			prefix = threadText(&expected.Row{ThreadName: thread.Name}) + " "
			prefix = strings.Replace(prefix, "0x0", thread.ID, 1)
		}
		add("root ", i)
		for n, latest := node, ""; n > 0; n = parents[n] {
			if stacks[n] != "" && stacks[n] != latest {
				latest = stacks[n]
				add(prefix+latest, i)
			}
		}
	}
	return out
}

func checkCSV(t *testing.T, c *viewCase) {
	if c.said.CSV == nil {
		t.Skip("Memray does not write it with threads apart")
	}
	var b strings.Builder
	if err := csv.Write(&b, c.p, c.view); err != nil {
		t.Fatal(err)
	}
	got, want := csvRows(t, b.String()), csvRows(t, *c.said.CSV)
	if !c.limits {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d rows, want %d, or others", len(got), len(want))
	}
}

// csvRows gives the figures and the stack of each row, but not the allocator and the thread, which
// are arbitrary in Memray.
func csvRows(t *testing.T, text string) []string {
	t.Helper()
	all, err := stdcsv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range all {
		out = append(out, r[1]+" "+r[2]+" "+r[5])
	}
	return out
}

func checkGprof2dot(t *testing.T, c *viewCase) {
	if c.said.Gprof2dot == nil {
		t.Skip("Memray does not write it with threads apart")
	}
	got := parsed(t, func(w io.Writer) error { return gprof2dot.Write(w, c.p, gprof2dot.Options{View: c.view}) })
	if c.limits {
		if !reflect.DeepEqual(got, c.said.Gprof2dot) {
			t.Errorf("got\n%.1000v\nwant\n%.1000v", got, c.said.Gprof2dot)
		}
		return
	}
	if g, w := events(got), events(c.said.Gprof2dot); !slices.Equal(g, w) {
		t.Errorf("events: got %d, want %d, or others", len(g), len(w))
	}
}

// events gives the events of a gprof2dot document, with the names of the functions, sorted.
func events(document map[string]any) []string {
	functions := document["functions"].([]any)
	var out []string
	for _, e := range document["events"].([]any) {
		event := e.(map[string]any)
		var text strings.Builder
		text.WriteString(fmt.Sprint(event["cost"]))
		for _, f := range event["callchain"].([]any) {
			text.WriteString(fmt.Sprint(" ", functions[int(f.(float64))]))
		}
		out = append(out, text.String())
	}
	slices.Sort(out)
	return out
}

func checkSpeedscope(t *testing.T, c *viewCase) {
	if c.said.Speedscope == nil {
		t.Skip("Memray does not write it, or not with threads apart")
	}
	got := parsed(t, func(w io.Writer) error {
		_, err := speedscope.Write(w, c.p, speedscope.Options{LikeMemray: true, Views: []heap.View{c.view}})
		return err
	})
	got["exporter"] = c.said.Speedscope["exporter"]
	if !reflect.DeepEqual(got, c.said.Speedscope) {
		t.Errorf("got\n%.1000v\nwant\n%.1000v", got, c.said.Speedscope)
	}
}

func parsed(t *testing.T, write func(io.Writer) error) map[string]any {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// compareStats compares the statistics, as JSON and as text.
func compareStats(t *testing.T, p *heap.Profile, json map[string]any, text string) {
	t.Helper()
	s := report.NewStats(p, report.Options{View: heap.Total, N: 5}, time.UTC)
	if json != nil {
		compareStatsJSON(t, s, json)
	}
	if text != "" {
		compareStatsText(t, s, text)
	}
}

func compareStatsJSON(t *testing.T, s *report.Stats, want map[string]any) {
	t.Helper()
	got := parsed(t, func(w io.Writer) error { return json.NewEncoder(w).Encode(s) })
	gotMeta, wantMeta := got["metadata"].(map[string]any), want["metadata"].(map[string]any)
	for _, m := range []map[string]any{gotMeta, wantMeta} {
		for _, k := range []string{"start_time", "end_time"} { // releases up to 1.10 do not tell the zone
			m[k] = strings.TrimSuffix(m[k].(string), "+00:00")
		}
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if strings.HasPrefix(k, "top_modules_") {
			compareModules(t, k, got[k].([]any), want[k].([]any))
		} else if k != "metadata" && !reflect.DeepEqual(got[k], want[k]) {
			t.Errorf("%s:\n got %v\nwant %v", k, got[k], want[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(wantMeta)) {
		if !reflect.DeepEqual(gotMeta[k], wantMeta[k]) {
			t.Errorf("metadata %s: got %v, want %v", k, gotMeta[k], wantMeta[k])
		}
	}
}

// compareModules compares lists of modules. Which of equal ones comes first, and so which are
// among the last, is arbitrary in Memray.
func compareModules(t *testing.T, list string, got, want []any) {
	t.Helper()
	rank := "total_bytes"
	if strings.HasSuffix(list, "_count") {
		rank = "num_allocations"
	}
	form := func(modules []any) (values []any, named map[string]bool) {
		named = map[string]bool{}
		for _, m := range modules {
			m := m.(map[string]any)
			values = append(values, m[rank])
			if m[rank] != modules[len(modules)-1].(map[string]any)[rank] {
				named[fmt.Sprint(m)] = true
			}
		}
		return values, named
	}
	gotValues, gotNames := form(got)
	wantValues, wantNames := form(want)
	if !reflect.DeepEqual(gotValues, wantValues) || !maps.Equal(gotNames, wantNames) {
		t.Errorf("%s:\n got %v\nwant %v", list, got, want)
	}
}

// compareStatsText compares line by line, in any order within a list: that of equal counts is
// arbitrary in Memray. Releases before 1.20 know no modules.
func compareStatsText(t *testing.T, s *report.Stats, want string) {
	t.Helper()
	var b strings.Builder
	if err := s.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if !strings.Contains(want, " allocating modules (") {
		got, _, _ = strings.Cut(got, "\n🥇 Top 5 allocating modules (")
	}
	g, w := blocks(got), blocks(want)
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Errorf("text, from section %d on:\n got %q\nwant %q", i, g[min(i, len(g)):], w[min(i, len(w)):])
			return
		}
	}
}

var (
	moduleSize  = regexp.MustCompile(`(?m)^\t- .*: (\S+ total) \| \d+ allocations$`)
	moduleCount = regexp.MustCompile(`(?m)^\t- .*: \S+ total \| (\d+ allocations)$`)
)

// blocks gives the sections of the text, the lines of a distribution sorted. Of modules only the
// figure that they are sorted by is left: see compareModules.
func blocks(text string) []string {
	var out []string
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		switch {
		case strings.Contains(block, "Allocator type distribution"):
			lines := strings.Split(block, "\n")
			slices.Sort(lines)
			block = strings.Join(lines, "\n")
		case strings.Contains(block, "allocating modules (by size)"):
			block = moduleSize.ReplaceAllString(block, "$1")
		case strings.Contains(block, "allocating modules ("):
			block = moduleCount.ReplaceAllString(block, "$1")
		}
		out = append(out, strings.TrimSpace(block))
	}
	return out
}

// compareSeries compares the memory over time, as Memray thins it.
func compareSeries(t *testing.T, p *heap.Profile, want [][3]int64) {
	t.Helper()
	var got [][3]int64
	for _, at := range report.NewSeries(p, report.Options{}).Points {
		got = append(got, [3]int64{at.Time, int64(at.RSS), int64(at.Heap)})
	}
	if !slices.Equal(got, want) {
		t.Errorf("series: got %d points, want %d, or others", len(got), len(want))
	}
}

func largestRows(rows []expected.Row) []expected.Row {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b expected.Row) int {
		switch {
		case a.Bytes > b.Bytes:
			return -1
		case a.Bytes < b.Bytes:
			return 1
		}
		return 0
	})
	return rows
}
