package memraytest

import (
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/cpython"
	"github.com/memvault/memvault/internal/expected"
	"github.com/memvault/memvault/report"
)

var captures = flag.String("captures", "../../testdata/captures", "folder of captures with what Memray says of them")

// likeMemray is how captures are read whose reports are compared with Memray's. Native stacks are not
// compared, but rows that only they tell apart are rows of their own.
var likeMemray = heap.Options{LikeMemray: true, Oldest: true, Native: true, Sizes: true, Points: report.SeriesPoints}

// capturesWith gives the captures of the folder that have a file of this ending beside them.
func capturesWith(t *testing.T, pattern, ending string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(*captures, pattern, "*"+ending))
	if err != nil || len(found) == 0 {
		t.Fatalf("no captures in %s: %v", *captures, err)
	}
	for i := range found {
		found[i] = strings.TrimSuffix(found[i], ending)
	}
	return found
}

// Every figure of every report equals what the release of each capture says of it: the files
// beside the captures.
func TestReports(t *testing.T) {
	for _, path := range capturesWith(t, "*", ".expected.json.gz") {
		name, _ := filepath.Rel(*captures, path)
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			want, err := expected.Load(path + ".expected.json.gz")
			if err != nil {
				t.Fatal(err)
			}
			p := read(t, path, likeMemray)
			compareFiles(t, path, p)
			if want.Snapshots != nil {
				compareSeries(t, p, want.Snapshots)
			}
			// Before 1.20 the order of rows, which decides what Memray leaves out, was that of a hash table.
			limits := strings.HasPrefix(want.Memray, "1.20.")
			views := map[string]map[string]*viewSaid{}
			for name := range heapViews {
				if merged, ok := want.Views[name]; ok {
					views[name] = reportsOf(merged, want.Views[name+"_by_thread"], limits)
				}
			}
			addTransforms(t, path, p, views)
			if views["peak"] == nil || views["leaks"] == nil || views["temporary"] == nil && !p.Aggregated && len(want.Errors) == 0 {
				t.Errorf("got views %v, errors %v: there is nothing to compare", slices.Sorted(maps.Keys(views)), want.Errors)
			}
			compareReports(t, p, views, limits)
		})
	}
}

// compareFiles compares the statistics with the files beside a capture.
func compareFiles(t *testing.T, path string, p *heap.Profile) {
	t.Helper()
	var said map[string]any
	if b, err := os.ReadFile(path + ".memray-stats.json"); err == nil {
		said = parsed(t, func(w io.Writer) error { _, err := w.Write(b); return err })
	}
	text, _ := os.ReadFile(path + ".memray-stats.txt")
	if p.Header.Version < 11 || strings.Contains(string(text), "KB") {
		text = nil // units of 1024, and other sections
	}
	if said != nil || text != nil {
		compareStats(t, p, said, string(text))
	}
}

// readPacked reads a gzipped file, if there is one.
func readPacked(t *testing.T, path string) ([]byte, bool) {
	t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b, true
}

// addTransforms adds what memray transform wrote of a capture: of the peak, threads merged.
func addTransforms(t *testing.T, path string, p *heap.Profile, views map[string]map[string]*viewSaid) {
	t.Helper()
	if p.Header.NativeTraces {
		return // the stacks are hybrid
	}
	said := views["peak"]["merged"]
	if b, ok := readPacked(t, path+".memray-csv.gz"); ok {
		text := string(b)
		said.CSV = &text
	}
	for ending, into := range map[string]*map[string]any{"gprof2dot": &said.Gprof2dot, "speedscope": &said.Speedscope} {
		if b, ok := readPacked(t, path+".memray-"+ending+".gz"); ok {
			*into = parsed(t, func(w io.Writer) error { _, err := w.Write(b); return err })
		}
	}
}

// The same with Memray itself, 1.20.0, where it installs: of all its captures here, of those with planted faults, and
// of made ones in which odd things happen often.
func TestReportsOfMemray(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: installs Memray")
	}
	if runtime.GOOS != "linux" {
		t.Skip("Memray runs on Linux and macOS; this was tried on Linux")
	}
	p, ok := newestPair(cpython.Find())
	if !ok {
		t.Skip("no CPython found that Memray 1.20.0 has wheels for")
	}
	python := Venv(t, p.version, p.python)
	paths := copyCaptures(t)
	paths = append(paths, madeCaptures(t, filepath.Dir(paths[0]))...)
	script, err := filepath.Abs("python/ask_reporters.py")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TZ", "UTC")
	if out, err := run(t, "", python, append([]string{script}, paths...)...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			said := loadReports(t, path+".reports.json.gz")
			h := read(t, path, likeMemray)
			checkSaid(t, h, said)
			compareStats(t, h, said.Stats, said.Text)
			compareSeries(t, h, said.Series)
			compareReports(t, h, said.Views, true)
		})
	}
}

// checkSaid fails when something was not said that Memray can say of the capture, for then it would
// not be compared: aggregated captures have neither statistics nor temporary allocations, and
// statistics fail without any allocation that has a size.
func checkSaid(t *testing.T, p *heap.Profile, said *reportsSaid) {
	t.Helper()
	sized := len(p.Sizes) > 0 && p.Sizes[len(p.Sizes)-1].Size > 0
	if (said.Stats == nil || said.Text == "") && !p.Aggregated && sized {
		t.Errorf("no statistics: %s", said.StatsError)
	}
	for view := range heapViews {
		v, ok := said.Views[view]
		switch {
		case !ok && p.Aggregated && view == "temporary":
		case !ok || v["merged"] == nil || v["split"] == nil:
			t.Errorf("%s: nothing said: %s", view, said.Errors[view])
		case v["merged"].CSV == nil || v["merged"].Gprof2dot == nil || v["merged"].Speedscope == nil || v["split"].Tree == nil:
			t.Errorf("%s: not all reports are said", view)
		}
	}
}

// newestPair is 1.20.0 with the newest CPython that it has wheels for.
func newestPair(found []cpython.Interpreter) (pair, bool) {
	for _, r := range releases {
		if r.version != "1.20.0" {
			continue
		}
		selected := r.pythons(found, true)
		if len(selected) == 0 {
			return pair{}, false
		}
		return pair{release: r, python: selected[len(selected)-1]}, true
	}
	return pair{}, false
}

// copyCaptures copies the captures of 1.20.0 to a folder that can be written to.
func copyCaptures(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for _, path := range capturesWith(t, "memray-1.20.0-*", ".expected.json.gz") {
		paths = append(paths, copyTo(t, path, filepath.Join(dir, filepath.Base(filepath.Dir(path))+"-"+filepath.Base(path))))
	}
	for _, folder := range []string{"../../testdata/explain", filepath.Join(*captures, "airflow")} {
		found, err := filepath.Glob(filepath.Join(folder, "*.bin"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			paths = append(paths, copyTo(t, path, filepath.Join(dir, filepath.Base(path))))
		}
	}
	return paths
}

func copyTo(t *testing.T, from, to string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}
