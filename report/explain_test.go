package report_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/report"
)

// read makes a Profile of a capture.
func read(t testing.TB, path string, o heap.Options) *heap.Profile {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := codec.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := heap.Read(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func explain(t testing.TB, path string) *report.Explanation {
	t.Helper()
	return report.Explain(read(t, path, heap.Options{Slices: report.ExplainSlices}), report.Options{N: 5})
}

// Each planted fault is named first, and marked in the answers.
func TestExplainPlanted(t *testing.T) {
	tests := []struct {
		capture, what string
		question      int
		first         func(e *report.Explanation) report.Site
		want          string
		line          int32
	}{
		{"leak", "leak", 2, func(e *report.Explanation) report.Site { return e.Growth.Sites[0].Site }, "leak.remember", 27},
		{"objects", "leak of small objects", 2, func(e *report.Explanation) report.Site {
			g := e.Growth.Sites
			i := slices.IndexFunc(g, func(s report.Grown) bool { return !s.Arenas })
			return g[i].Site
		}, "objects.remember", 9},
		{"objects", "arenas", 2, func(e *report.Explanation) report.Site {
			s := &e.Growth.Sites[0]
			return report.Site{Function: s.Function + " for " + s.Through[0]}
		}, "<pymalloc arenas> for objects.remember", 0},
		{"churn", "churn", 3, func(e *report.Explanation) report.Site { return e.Churn.Sites[0].Site }, "churn.render", 9},
		{"imports", "import cost", 3, func(e *report.Explanation) report.Site { return e.Imports.Modules[0].Site }, "tables.<module>", 0},
	}
	for _, tt := range tests {
		t.Run(tt.capture+"/"+tt.what, func(t *testing.T) {
			e := explain(t, "../testdata/explain/"+tt.capture+".bin")
			if got := tt.first(e); got.Function != tt.want || got.Line != tt.line {
				t.Errorf("first: got %+v, want %s in line %d", got, tt.want, tt.line)
			}
			name := strings.TrimPrefix(tt.want, "<pymalloc arenas> for ")
			if !slices.ContainsFunc(e.Answers, func(a report.Answer) bool {
				return a.Question == tt.question && a.Notable && strings.Contains(a.Text, name)
			}) {
				t.Errorf("no answer of question %d that stands out names %s: %+v", tt.question, name, e.Answers)
			}
		})
	}
}

// What was filled once, replaced, or kept once is no growth, though it is larger than the leak.
func TestExplainHarmless(t *testing.T) {
	e := explain(t, "../testdata/explain/leak.bin")
	if first := e.Retained[0].Function; first != "leak.warm_up" {
		t.Errorf("most alive at the end: got %s, want leak.warm_up: it is more than the leak", first)
	}
	for _, s := range e.Growth.Sites[1:] {
		if s.Steady {
			t.Errorf("grows too: %+v", s)
		}
	}
	if got := e.Growth.Sites[0]; got.Rose != e.Growth.Parts || got.PerSecond < 500_000 || got.PerSecond > 2_000_000 {
		t.Errorf("leak: rose in %d of %d parts by %.0f bytes a second, want all and about a million", got.Rose, e.Growth.Parts, got.PerSecond)
	}
}

// Explanations of all captures hold together: shares are shares, and no site holds more than all.
func TestExplainAll(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(*captures, "*", "*.expected.json.gz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no captures in %s: %v", *captures, err)
	}
	for _, path := range paths {
		path = strings.TrimSuffix(path, ".expected.json.gz")
		e := explain(t, path)
		if len(e.Answers) < 6 {
			t.Errorf("%s: %d answers, want 6 or more", path, len(e.Answers))
		}
		for _, f := range e.Functions {
			if f.Peak.Bytes > e.Peak.Bytes || f.PeakPercent > 100 || f.ForPercent > 100.001 || f.ForPercent <= 0 {
				t.Errorf("%s: %+v, of %+v at the peak", path, f, e.Peak)
			}
		}
		for _, s := range e.Growth.Sites {
			if s.Bytes > s.Live.Bytes || s.Live.Bytes > e.Live.Bytes || s.Rose < 1 || s.Rose > e.Growth.Parts {
				t.Errorf("%s: %+v", path, s)
			}
		}
		if e.Churn.Known != (e.Total != nil) || e.Total != nil && e.Churn.Freed+e.Live.Bytes != e.Total.Bytes {
			t.Errorf("%s: %d bytes freed and %d alive, of %+v", path, e.Churn.Freed, e.Live.Bytes, e.Total)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// In Airflow's scheduler the sites are those that a look at Memray's own flame graphs gives.
func TestExplainAirflow(t *testing.T) {
	path := filepath.Join(*captures, "airflow", "scheduler_memory.bin")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("not among the captures in %s: %v", *captures, err)
	}
	e := explain(t, path)
	if got := e.Churn.Sites[0].Function; got != "sqlalchemy.engine.default.do_execute" {
		t.Errorf("churn: got %s, want do_execute", got)
	}
	if got := e.Packages[0]; got.Package != "sqlalchemy" || !got.ThirdParty {
		t.Errorf("packages: got %+v, want sqlalchemy", got)
	}
	if *e.Total != (report.Amount{Bytes: 963_585_416, Allocations: 1_072_249}) {
		t.Errorf("total: got %+v", e.Total)
	}
}

// Imports are charged to whoever imports, never to the machinery.
func TestImporters(t *testing.T) {
	paths, err := filepath.Glob("../testdata/captures/*/mixed.bin")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d captures: %v", len(paths), err)
	}
	for _, path := range paths {
		e := explain(t, path)
		for _, m := range e.Imports.Modules {
			if strings.Contains(m.File, "frozen importlib") {
				t.Errorf("%s: the machinery of imports is charged: %+v", path, m)
			}
		}
		if len(e.Imports.Modules) == 0 {
			t.Errorf("%s: no module is charged for imports", path)
		}
	}
}
