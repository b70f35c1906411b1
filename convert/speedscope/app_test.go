package speedscope_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/memvault/memvault/convert/internal/converttest"
	"github.com/memvault/memvault/convert/speedscope"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/browser"
)

// speedscope itself loads a gzipped file, lists its profiles with their totals, and shows them.
func TestApp(t *testing.T) {
	p := converttest.Find(t, "memray-1.20.0-py3.12/mixed.bin").Read(t, heap.Options{Slices: 3})
	page := open(t, p, speedscope.Options{})
	var profiles [][]string
	page.Eval(`[...document.querySelectorAll("tr[title]")].map(r => [r.title, r.lastChild.textContent])`, &profiles)
	doc := write(t, p, speedscope.Options{})
	if len(profiles) != len(doc.Profiles) {
		t.Errorf("the page lists %q", profiles)
	}
	for i, x := range doc.Profiles[:min(len(profiles), len(doc.Profiles))] {
		if want := shown(x.EndValue, x.Unit); profiles[i][0] != x.Name || profiles[i][1] != want {
			t.Errorf("profile %d: the page lists %q, want %s of %s", i+1, profiles[i], x.Name, want)
		}
	}
	page.Screenshot("speedscope")

	sandwich(page)
	text := page.Text()
	for _, want := range []string{"Peak bytes (1/", "16.00 MB (73%)", "mixed.peak_then_drop"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table shows no %q:\n%.1000s", want, text)
		}
	}
	page.Screenshot("speedscope-sandwich")
	if errs := page.Errors(); len(errs) > 0 {
		t.Errorf("errors: %q", errs)
	}
}

// shown is a number in speedscope's words, whose units are binary.
func shown(n uint64, unit string) string {
	value, units := float64(n), []string{" KB", " MB", " GB"}
	switch {
	case unit == "none" && n >= 1000:
		return fmt.Sprintf("%d,%03d", n/1000, n%1000)
	case unit == "none":
		return fmt.Sprint(n)
	case n < 1024:
		return fmt.Sprintf("%d B", n)
	}
	i := -1
	for ; value >= 1024 && i < len(units)-1; i++ {
		value /= 1024
	}
	return fmt.Sprintf("%.2f%s", value, units[i])
}

// sandwich switches to the table of frames.
func sandwich(page *browser.Page) {
	page.Do(chromedp.KeyEvent("3"))
	page.Wait(`document.body.innerText.includes("Symbol Name")`)
}

// The deepest stacks that are written do not crash it, in any of its views, nor do profiles in
// which there is nothing. (Of 1.25.0 in Chromium, some 3000 frames do.)
func TestAppDeep(t *testing.T) {
	p := &heap.Profile{Frames: []heap.Frame{{Function: "f"}, {Function: "g"}}, Stacks: make([]heap.Stack, 1), Threads: make([]heap.Thread, 1)}
	for i := range uint32(20_000) {
		p.Stacks = append(p.Stacks, heap.Stack{Parent: i, Depth: i + 1, Frame: i % 2})
	}
	s := heap.Sample{Stack: 20_000}
	s.Values[heap.Peak] = heap.Value{Count: 1, Bytes: 1 << 20}
	p.Samples = append(p.Samples, s)
	page := open(t, p, speedscope.Options{})
	page.Do(chromedp.KeyEvent("2"))
	sandwich(page)
	if text := page.Text(); !strings.Contains(text, "(stack too deep)") {
		t.Errorf("the table shows no cut:\n%.1000s", text)
	}
	for _, key := range []string{"1", "n", "2", "n", "3", "n"} { // n: the next profile
		page.Do(chromedp.KeyEvent(key))
	}
	page.Wait(`document.body.innerText.includes("Leaked allocations (4/8)")`)
	if errs := page.Errors(); len(errs) > 0 {
		t.Errorf("errors: %q", errs)
	}
}

// open drops a gzipped file into speedscope, and waits until it shows.
func open(t *testing.T, p *heap.Profile, o speedscope.Options) *browser.Page {
	t.Helper()
	url := serve(t)
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := speedscope.Write(z, p, o); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.speedscope.json.gz")
	if err := os.WriteFile(file, buf.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	page := browser.Start(t)
	page.Open(url)
	page.Upload(file)
	page.Wait(`document.querySelector("canvas") && document.body.innerText.includes("Time Order")`)
	return page
}

// serve gives the address of speedscope itself, as npm installs it.
func serve(t *testing.T) string {
	t.Helper()
	cli, err := exec.LookPath("speedscope")
	if err == nil {
		cli, err = filepath.EvalSymlinks(cli)
	}
	release := filepath.Join(filepath.Dir(cli), "..", "dist", "release")
	if _, statErr := os.Stat(filepath.Join(release, "index.html")); err != nil || statErr != nil {
		t.Skip("no speedscope of npm; .ci/tools installs it")
	}
	server := httptest.NewServer(http.FileServer(http.Dir(release)))
	t.Cleanup(server.Close)
	return server.URL
}
