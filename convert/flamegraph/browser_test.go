package flamegraph_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/memvault/memvault/convert/flamegraph"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/browser"
)

// A tab shows a page of ours.
type tab struct {
	*browser.Page
	t     testing.TB
	file  string
	loads int
	// tried is the beginning of an address that the test itself has the page ask for.
	tried string
}

// show opens the page of p in a new browser, at 1280 by 860 pixels.
func show(t testing.TB, p *heap.Profile) *tab {
	t.Helper()
	tb := &tab{Page: browser.Start(t), t: t}
	tb.Do(chromedp.EmulateViewport(1280, 860))
	tb.prefer("light", "reduce")
	tb.show(p)
	t.Cleanup(tb.check)
	return tb
}

func (tb *tab) show(p *heap.Profile) {
	tb.t.Helper()
	tb.file = filepath.Join(tb.t.TempDir(), "page.html")
	if err := os.WriteFile(tb.file, write(tb.t, p, flamegraph.Options{}), 0o666); err != nil {
		tb.t.Fatal(err)
	}
	tb.load("")
}

// load opens the page anew, with a part of its address behind the #.
func (tb *tab) load(hash string) {
	tb.t.Helper()
	tb.loads++ // another address, for the browser loads nothing when only the hash is new
	tb.Open(fmt.Sprintf("file://%s?%d%s", filepath.ToSlash(tb.file), tb.loads, hash))
	tb.drawn()
}

// drawn waits until what was last asked for is on the canvas.
func (tb *tab) drawn() {
	tb.t.Helper()
	tb.Wait(`performance.getEntriesByName("drawn").length > 0`)
	tb.Eval(`new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)),
		matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 250))`, nil)
}

// check wants a page that ran without errors and asked for nothing but itself.
func (tb *tab) check() {
	if errs := tb.Errors(); len(errs) > 0 {
		tb.t.Errorf("errors of the page: %q", errs)
	}
	for _, url := range tb.Requests() {
		if strings.HasPrefix(url, "data:") || tb.tried != "" && strings.HasPrefix(url, tb.tried) {
			continue // the browser's own page of an error has pictures within it
		}
		if !strings.HasPrefix(url, "file:///") || !strings.Contains(url, "/page.html?") {
			tb.t.Errorf("the page asked for %s", url)
		}
	}
}

func (tb *tab) keys(keys string) {
	tb.t.Helper()
	tb.Do(chromedp.KeyEvent(keys))
	tb.drawn()
}

// text is what an element shows, without the narrow spaces before units.
func (tb *tab) text(selector string) string {
	tb.t.Helper()
	var s string
	tb.Eval(fmt.Sprintf(`(e => e.checkVisibility() ? e.innerText : "")(document.querySelector(%q))`, selector), &s)
	return strings.ReplaceAll(s, "\u202f", " ")
}

func (tb *tab) want(selector, want string) {
	tb.t.Helper()
	if got := tb.text(selector); !strings.Contains(got, want) {
		tb.t.Errorf("%s: got %q, want %q in it", selector, got, want)
	}
}

// at gives the middle of the row of a depth, at a share of the graph's width.
func (tb *tab) at(share float64, depth int) (x, y float64) {
	tb.t.Helper()
	var box struct{ X, Y, Width, Height, Below float64 }
	tb.Eval(`(() => { const s = document.getElementById("scroller"), r = s.getBoundingClientRect();
		return {x: r.x, y: r.y - s.scrollTop, width: s.clientWidth, height: s.scrollHeight,
			below: document.getElementById("upright").ariaPressed === "true" ? 1 : 0}; })()`, &box)
	y = 20*float64(depth) + 10
	if box.Below == 1 {
		y = box.Height - y
	}
	return box.X + share*box.Width, box.Y + y
}

// tip gives the tooltip there, or an empty string.
func (tb *tab) tip(share float64, depth int) string {
	tb.t.Helper()
	x, y := tb.at(share, depth)
	tb.Do(chromedp.MouseEvent("mouseMoved", x, y))
	tb.drawn()
	return tb.text("#tip")
}

func (tb *tab) click(share float64, depth int) {
	tb.t.Helper()
	x, y := tb.at(share, depth)
	tb.Do(chromedp.MouseClickXY(x, y))
	tb.drawn()
}

func (tb *tab) wantTip(share float64, depth int, wants ...string) {
	tb.t.Helper()
	got := tb.tip(share, depth)
	for _, want := range wants {
		if !strings.Contains(got, want) {
			tb.t.Errorf("tooltip at %.2f of row %d: got %q, want %q in it", share, depth, got, want)
		}
	}
}

// prefer has the browser say what its user likes: colours that are "dark" or "light", and
// motion that is "reduce" or "no-preference".
func (tb *tab) prefer(scheme, motion string) {
	tb.t.Helper()
	tb.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
			},
		})
		return err
	}))
}
