package dhat_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/dhat"
	"github.com/memvault/memvault/convert/internal/converttest"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/browser"
)

type document struct {
	Version     int `json:"dhatFileVersion"`
	Mode, Verb  string
	Bklt, Bkacc bool
	Tu, Mtu     string
	Tuth        int
	Cmd         string
	PID         int
	Tg, Te      int64
	Pps         []point
	Ftbl        []string
}

type point struct {
	Tb, Tbk, Tl, Mb, Mbk, Gb, Gbk, Eb, Ebk uint64
	Fs                                     []int
}

func write(t *testing.T, p *heap.Profile, o dhat.Options) ([]byte, *document) {
	t.Helper()
	var buf bytes.Buffer
	if err := dhat.Write(&buf, p, o); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(buf.Bytes()))
	d.DisallowUnknownFields()
	var doc document
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%v in\n%.1000s", err, buf.Bytes())
	}
	return buf.Bytes(), &doc
}

func TestWrite(t *testing.T) {
	p := model()
	_, got := write(t, p, dhat.Options{})
	if text := fmt.Sprintf("%+v", *got); text != wantModel {
		t.Errorf("got\n%s\nwant\n%s", text, wantModel)
	}
}

const wantModel = `{Version:2 Mode:heap Verb:Allocated Bklt:true Bkacc:false Tu:µs Mtu:s Tuth:10000 Cmd:etl.py "x" PID:77 ` +
	`Tg:1500000 Te:4000000 Pps:[` +
	`{Tb:5 Tbk:1 Tl:0 Mb:5 Mbk:1 Gb:0 Gbk:0 Eb:5 Ebk:1 Fs:[1]} ` +
	`{Tb:730 Tbk:9 Tl:12000 Mb:600 Mbk:3 Gb:300 Gbk:2 Eb:100 Ebk:1 Fs:[3 2]} ` +
	`{Tb:18446744073709551615 Tbk:1 Tl:18446744073709551000 Mb:0 Mbk:0 Gb:0 Gbk:0 Eb:0 Ebk:0 Fs:[4 3 2]}] ` +
	`Ftbl:[[root] 0x1: <stack trace unavailable> 0x2: a.<module> (/srv/a.py:1) ` +
	`0x3: etl.run.load\x1b (/lib/python3.12/site-packages/etl/run.py:7) 0x4: eval]}`

// model has a stack on two threads, and an allocation without one.
func model() *heap.Profile {
	return &heap.Profile{
		Header: codec.Header{Version: 13, StartTime: 1_700_000_000_000, EndTime: 1_700_000_004_000, CommandLine: `etl.py "x"`, PID: 77},
		Status: codec.Status{State: codec.StateComplete, LastTime: 1_700_000_003_990},
		Frames: []heap.Frame{
			{Function: "<module>", File: "/srv/a.py", Line: 1},
			{Function: "load\x1b", File: "/lib/python3.12/site-packages/etl/run.py", Line: 7},
			{Function: "eval"},
		},
		Stacks:  []heap.Stack{{}, {Depth: 1}, {Parent: 1, Frame: 1, Depth: 2}, {Parent: 2, Frame: 2, Depth: 3}},
		Threads: []heap.Thread{{ID: 1}, {ID: 2}},
		Samples: []heap.Sample{
			{Stack: 2, Values: [heap.Views]heap.Value{heap.Total: {Count: 4, Bytes: 400}, heap.Peak: {Count: 1, Bytes: 100}}},
			{Stack: 2, Thread: 1, Values: [heap.Views]heap.Value{heap.Total: {Count: 5, Bytes: 330}, heap.Peak: {Count: 1, Bytes: 200}, heap.Live: {Count: 1, Bytes: 100}}},
			{Stack: 0, Values: [heap.Views]heap.Value{heap.Total: {Count: 1, Bytes: 5}, heap.Live: {Count: 1, Bytes: 5}}},
			{Stack: 3, Values: [heap.Views]heap.Value{heap.Total: {Count: 1, Bytes: 1<<64 - 1}}},
		},
		Maxima:    []heap.Maximum{{Value: heap.Value{Count: 3, Bytes: 600}, Lifetime: 12}, {Value: heap.Value{Count: 1, Bytes: 5}}, {Lifetime: 1<<64 - 1}},
		MaximumOf: []uint32{0, 0, 1, 2},
		PeakTime:  1_700_000_001_500,
	}
}

// The points of all captures are of distinct stacks, add up to the views, and never held more than
// all that was allocated nor less than at the peak.
func TestCaptures(t *testing.T) {
	for _, c := range converttest.Captures(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := c.Read(t, heap.Options{Maxima: true})
			if p.Aggregated {
				if err := dhat.Write(&bytes.Buffer{}, p, dhat.Options{}); err == nil {
					t.Error("aggregated: got no error")
				}
				return
			}
			_, doc := write(t, p, dhat.Options{})
			seen := map[string]bool{}
			var sum point
			for _, x := range doc.Pps {
				if k := fmt.Sprint(x.Fs); seen[k] {
					t.Errorf("two points of stack %s", k)
				} else {
					seen[k] = true
				}
				if x.Tb < x.Mb || x.Mb < x.Gb || x.Mb < x.Eb || x.Tbk == 0 {
					t.Errorf("%+v", x)
				}
				sum.Tb, sum.Tbk, sum.Gb, sum.Eb = sum.Tb+x.Tb, sum.Tbk+x.Tbk, sum.Gb+x.Gb, sum.Eb+x.Eb
			}
			var want point
			for i := range p.Samples {
				v := &p.Samples[i].Values
				want.Tb, want.Tbk = want.Tb+v[heap.Total].Bytes, want.Tbk+v[heap.Total].Count
				want.Gb, want.Eb = want.Gb+v[heap.Peak].Bytes, want.Eb+v[heap.Live].Bytes
			}
			if fmt.Sprint(sum) != fmt.Sprint(want) {
				t.Errorf("sums: got %+v, want %+v", sum, want)
			}
			if doc.Tg < 0 || doc.Te < doc.Tg {
				t.Errorf("times: peak at %d, end at %d", doc.Tg, doc.Te)
			}
		})
	}
}

// The Firefox Profiler takes function, file and line out of all frames that have them
// (src/profile-logic/import/dhat.ts).
func TestFramesForFirefox(t *testing.T) {
	firefox := regexp.MustCompile(`(?i)^0x([0-9a-f]+): (.+) \((?:in )?(.+?)(?::(\d+))?(?::(\d+))?\)$`)
	p := converttest.Find(t, "memray-1.20.0-py3.12/mixed.bin").Read(t, heap.Options{Maxima: true})
	_, doc := write(t, p, dhat.Options{BareNames: true})
	want := map[string]bool{}
	for _, f := range p.Frames {
		want[fmt.Sprintf("%s %s %d", f.Function, f.File, f.Line)] = true
	}
	got := 0
	for _, text := range doc.Ftbl[1:] {
		if strings.HasSuffix(text, " <stack trace unavailable>") {
			continue // it is shown as it is
		}
		m := firefox.FindStringSubmatch(text)
		if m == nil {
			t.Errorf("not understood: %s", text)
			continue
		}
		if got++; !want[strings.Join(m[2:5], " ")] {
			t.Errorf("%s: understood as %q", text, m[1:])
		}
	}
	if got < 100 {
		t.Errorf("got %d frames, want 100", got)
	}
}

func TestRefusals(t *testing.T) {
	p := model()
	p.Maxima = nil
	if err := dhat.Write(&bytes.Buffer{}, p, dhat.Options{}); err == nil {
		t.Error("without maxima: got no error")
	}
}

// Valgrind's own viewer shows it.
func TestViewer(t *testing.T) {
	viewer := ""
	for _, dir := range []string{"/usr/libexec/valgrind", "/usr/lib/valgrind", "/usr/lib/x86_64-linux-gnu/valgrind"} {
		if _, err := os.Stat(filepath.Join(dir, "dh_view.html")); err == nil {
			viewer = filepath.Join(dir, "dh_view.html")
		}
	}
	if viewer == "" {
		t.Skip("no dh_view.html of Valgrind; .ci/tools installs it")
	}
	p := converttest.Find(t, "memray-1.20.0-py3.12/mixed.bin").Read(t, heap.Options{Maxima: true})
	data, doc := write(t, p, dhat.Options{})
	file := filepath.Join(t.TempDir(), "mixed.dhat.json")
	if err := os.WriteFile(file, data, 0o666); err != nil {
		t.Fatal(err)
	}
	page := browser.Start(t)
	page.Open(viewer)
	page.Upload(file)
	page.Wait(`document.body.innerText.includes("Invocation {")`)
	text := page.Text()
	total := uint64(0)
	for _, x := range doc.Pps {
		total += x.Tb
	}
	for _, want := range []string{"Command: " + doc.Cmd, "mixed.peak_then_drop (mixed.py:", group(p.PeakBytes) + " bytes (100%)", group(total) + " bytes (100%"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page shows no %q:\n%.3000s", want, text)
		}
	}
	if errs := page.Errors(); len(errs) > 0 {
		t.Errorf("errors: %q", errs)
	}
	page.Screenshot("dh_view")
}

// group puts commas between groups of three digits.
func group(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
