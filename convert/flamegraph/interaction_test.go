package flamegraph_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// The stacks of small, as the page shows them: rows below row 0, which is all.
func TestTooltips(t *testing.T) {
	tb := show(t, small())
	tb.wantTip(0.5, 0, "All", "Bytes\n10.000 MB, 100.0 %", "Allocations\n100,004, 100.0 %")
	tb.wantTip(0.5, 1, "<module>", "serve · elsewhere", "/srv/app/serve.py:9", "9.000 MB, 90.0 %", "90,002, 90.0 %", "In its own code\n0 B, 0 allocations")
	tb.wantTip(0.1, 3, "query", "orm.query · site-packages", "6.000 MB, 60.0 %", "In its own code\n6.000 MB, 60,001 allocations")
	tb.wantTip(0.995, 1, "<stack trace unavailable>", "100.000 kB, 1.0 %")
	if got := tb.tip(0.5, 6); got != "" {
		t.Errorf("tooltip where no frame is: %q", got)
	}
	tb.want("#about", "10.000 MB in 100,004 allocations, alive at the high-water mark, 40 s after the start.")
	tb.want("#legend", "site-packages 60.0 %")
}

func TestViewsAndThreads(t *testing.T) {
	tb := show(t, small())
	for _, tt := range []struct{ keys, want string }{
		{"2", "5.000 MB in 50,004 allocations, alive at the end"},
		{"3", "1.000 MB in 10,004 allocations, freed again with at most 1 other allocation of its thread between"},
		{"4", "20.000 MB in 200,004 allocations, all that was allocated"},
		{"1", "10.000 MB in 100,004 allocations, alive at the high-water mark"},
	} {
		tb.keys(tt.keys)
		tb.want("#about", tt.want)
	}
	tb.keys("a")
	tb.wantTip(0.5, 0, "All")
	tb.want("#views", "Peak")
	tb.wantChecked("count")

	tb.want("#thread", "MainThread (0x1), 90.0 %")
	tb.Eval(`{ const s = document.getElementById("thread"); s.value = "1"; s.dispatchEvent(new Event("change", {bubbles: true})); }`, nil)
	tb.drawn()
	tb.want("#about", "900.000 kB in 9,001 allocations")
	tb.wantTip(0.5, 1, "run", "threading · standard library", "100.0 %")

	// The address holds all of it.
	var hash string
	tb.Eval("location.hash", &hash)
	if want := "#measure=count&thread=0x2"; hash != want {
		t.Errorf("address: got %q, want %q", hash, want)
	}
	tb.load("#view=leaks&measure=count&thread=0x2&search=json")
	tb.want("#about", "450.000 kB in 4,501 allocations, alive at the end")
	tb.want("#matched", "100.0 % 4,501 allocations")
}

func (tb *tab) wantChecked(value string) {
	tb.t.Helper()
	var got string
	tb.Eval(`document.querySelector("#metrics input:checked").value`, &got)
	if got != value {
		tb.t.Errorf("measure: got %q, want %q", got, value)
	}
}

func TestSearch(t *testing.T) {
	tb := show(t, small())
	tb.keys("/")
	tb.Eval(`document.activeElement.value = ""`, nil) // keys of this browser type also what was handled
	tb.keys("LOAD")
	tb.want("#matched", "39.0 % 3.900 MB")
	tb.Do(chromedp.KeyEvent(kb.Enter))
	tb.drawn()
	tb.want("#status", "load") // the larger of the two, then the other
	tb.want("#status", "3.000 MB")
	tb.Do(chromedp.KeyEvent(kb.Enter))
	tb.drawn()
	tb.want("#status", "900.000 kB")
	tb.keys(kb.Escape) // clears the search
	tb.want("#matched", "")
	for _, tt := range []struct{ query, want string }{
		{"orm.query.query", "60.0 % 6.000 MB"},
		{"/site-packages/orm", "60.0 % 6.000 MB"},
		{"serve", "99.0 % 9.900 MB"},
		{"/^(json|threading)\\./", "39.0 % 3.900 MB"},
		{"/(/", "not a regular expression"},
		{"nowhere", "no match"},
		{"  ", ""},
	} {
		tb.Eval(fmt.Sprintf(`{ const s = document.getElementById("search"); s.value = %q; s.dispatchEvent(new Event("input")); }`, tt.query), nil)
		tb.drawn()
		if got := tb.text("#matched"); got != tt.want {
			t.Errorf("search for %q: got %q, want %q", tt.query, got, tt.want)
		}
	}
}

func TestZoomAndKeys(t *testing.T) {
	tb := show(t, small())
	tb.prefer("light", "no-preference") // with the animation
	tb.click(0.8, 3)                    // load, below serve
	tb.prefer("light", "reduce")
	tb.wantTip(0.05, 3, "load", "3.000 MB, 30.0 %")
	tb.wantTip(0.95, 2, "serve", "90.0 %")
	tb.want("#status", "load")
	tb.want("#reset", "Reset zoom")
	tb.keys(kb.Backspace) // to serve
	tb.wantTip(0.05, 3, "query")
	tb.wantTip(0.95, 3, "load", "Of the zoomed frame\n33.3 %")
	tb.keys("0")
	tb.wantTip(0.995, 1, "<stack trace unavailable>")

	tb.keys(kb.Escape) // forget the frame
	tb.want("#status", "Click a frame to zoom")
	for _, step := range []struct{ key, want string }{
		{kb.ArrowDown, "All"}, {kb.ArrowDown, "<module>"}, {kb.ArrowDown, "serve"}, {kb.ArrowDown, "query"},
		{kb.ArrowDown, "query"}, {kb.ArrowRight, "load"}, {kb.ArrowUp, "serve"}, {kb.ArrowRight, "serve\n/srv/app/serve.py:5\nBytes: 900.000 kB"},
		{kb.ArrowUp, "run"}, {kb.ArrowLeft, "<module>"}, {kb.ArrowRight, "run"}, {kb.ArrowRight, "<stack trace"}, {kb.ArrowRight, "<stack trace"},
	} {
		tb.keys(step.key)
		if got := tb.text("#status"); !strings.HasPrefix(got, step.want) {
			t.Errorf("%q: got %q, want %s", step.key, got, step.want)
		}
	}
	tb.keys(kb.Enter)
	tb.wantTip(0.05, 1, "<stack trace unavailable>")

	tb.keys("?")
	tb.want("#keys", "zoom out to the caller")
	tb.keys(kb.Escape) // closes the list, nothing else
	var open bool
	if tb.Eval(`document.getElementById("keys").open`, &open); open {
		t.Error("the list of keys is still open")
	}
	tb.wantTip(0.05, 1, "<stack trace unavailable>")
	tb.keys(kb.Escape)
	tb.wantTip(0.05, 1, "<module>")
}

func TestInvertedAndUpright(t *testing.T) {
	tb := show(t, small())
	tb.keys("i") // grows up now
	tb.wantTip(0.5, 0, "All")
	tb.wantTip(0.1, 3, "query")
	var top float64
	tb.Eval(`document.getElementById("scroller").getBoundingClientRect().y`, &top)
	if _, y := tb.at(0.5, 0); y < top+300 {
		t.Errorf("the row of all is %.0f pixels below the top, want it at the bottom", y-top)
	}
	tb.keys("i")
	tb.keys("v") // the functions that allocate first
	tb.wantTip(0.1, 1, "query", "6.000 MB, 60.0 %")
	tb.wantTip(0.1, 3, "<module>", "6.000 MB, 60.0 %")
	tb.wantTip(0.7, 1, "load", "3.900 MB, 39.0 %", "39,002")
	tb.wantTip(0.7, 2, "serve", "3.900 MB, 39.0 %")
	tb.wantTip(0.7, 3, "<module>", "3.000 MB, 30.0 %")
	tb.wantTip(0.97, 3, "run", "900.000 kB, 9.0 %")
	var pressed string
	if tb.Eval(`document.getElementById("inverted").ariaPressed`, &pressed); pressed != "true" {
		t.Errorf("inverted: aria-pressed is %q", pressed)
	}
	tb.keys("2")
	tb.wantTip(0.1, 1, "query", "3.000 MB, 60.0 %")
}

func TestHideImports(t *testing.T) {
	p := newProfiler()
	find := frame("_find_and_load", "<frozen importlib._bootstrap>", 1360)
	exec := frame("exec_module", "<frozen importlib._bootstrap_external>", 995)
	main, a, b := frame("<module>", "main.py", 1), frame("<module>", "a.py", 1), frame("<module>", "b.py", 1)
	p.add(0, 100_000, main, find, exec, a, find, exec, b)
	p.add(0, 50_000, main, find, a, find)
	tb := show(t, p.Profile)
	tb.wantTip(0.1, 3, "exec_module", "frozen modules")
	tb.keys("m")
	tb.wantTip(0.1, 2, "<module>", "a.py:1", "150.000 kB, 100.0 %", "In its own code\n50.000 kB")
	tb.wantTip(0.1, 3, "<module>", "b.py:1", "100.000 kB, 66.7 %")
	tb.keys("m")
	tb.wantTip(0.1, 2, "_find_and_load")
}

// Dark or light: as the user's system has it, until told otherwise on the page.
func TestTheme(t *testing.T) {
	tb := show(t, small())
	dark := func(when string, want bool) {
		t.Helper()
		var colors struct{ Page, Canvas []float64 }
		tb.Eval(`(() => { const c = document.querySelector("#rows canvas");
			return {page: getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).map(Number),
				canvas: [...c.getContext("2d").getImageData(c.width / 2, c.height - 9, 1, 1).data]}; })()`, &colors)
		for what, c := range map[string][]float64{"page": colors.Page, "canvas": colors.Canvas} {
			if got := c[0]+c[1]+c[2] < 3*128; got != want {
				t.Errorf("%s: the %s is dark: %v (%v), want %v", when, what, got, c, want)
			}
		}
	}
	tb.drawn()
	dark("light preferred", false)
	tb.prefer("dark", "reduce")
	tb.drawn()
	dark("dark preferred", true)
	tb.Screenshot("flamegraph-dark")
	tb.keys("d")
	dark("light chosen", false)
	tb.load("")
	dark("light chosen before", false)
	tb.keys("d")
	dark("dark chosen", true)
}

// Nothing of a hostile capture runs, and all of it shows as text.
func TestHostile(t *testing.T) {
	tb := show(t, hostileProfile())
	var state struct {
		Ran, Elements int
		Title, Head   string
	}
	ask := func() {
		t.Helper()
		tb.Eval(`({ran: window.ran ? 1 : 0, elements: document.querySelectorAll("img, svg, script, iframe, a").length,
			title: document.title, head: document.querySelector("header").innerText})`, &state)
	}
	// What is injected would call ran; without it that would be an error of the page, which check reports.
	ask()
	if state.Ran != 0 || state.Elements != 2 {
		t.Errorf("ran: %d, elements: %d; want 0 and the 2 scripts of the page", state.Ran, state.Elements)
	}
	for _, want := range []string{hostile[0], `\x1b[31mred\a`, `\u202egnp.exe\u2066`, `nul\x00 and line\nbreak\u2028`, "שלום"} {
		if !strings.Contains(state.Head, want) {
			t.Errorf("no %q in the head: %q", want, state.Head)
		}
	}
	if !strings.Contains(state.Title, hostile[0]) {
		t.Errorf("title: got %q", state.Title)
	}
	var shown []string
	for range hostile {
		tb.keys(kb.ArrowRight) // the first gives all, which has no neighbour
		if len(shown) == 0 {
			tb.keys(kb.ArrowDown)
		}
		shown = append(shown, tb.text("#status")+"\n"+tb.text("#thread"))
	}
	for i, text := range []string{hostile[0], hostile[1], hostile[2], hostile[3], hostile[4], `\x1b[31mred\a`, hostile[8]} {
		if all := strings.Join(shown, "\n"); strings.Count(all, text) < 2 {
			t.Errorf("text %d is not shown as it is: %q in %.3000q", i, text, all)
		}
	}
	tb.wantTip(0.02, 1, hostile[len(hostile)-1], "/</STYLE></title></textarea></noscript>:1"[1:])
	tb.Screenshot("flamegraph-hostile")
	ask()
	if state.Ran != 0 || state.Elements != 2 {
		t.Errorf("afterwards: ran: %d, elements: %d; want 0 and the 2 scripts of the page", state.Ran, state.Elements)
	}
}

// What is injected into the page neither runs nor reaches a server.
func TestPolicy(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	tb := show(t, small())
	tb.tried = server.URL
	for _, inject := range []string{
		`document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = 1'>")`,
		`document.body.append(Object.assign(document.createElement("script"), {textContent: "window.ran = 1"}))`,
		`document.body.setAttribute("onclick", "window.ran = 1"), document.body.click()`,
		`setTimeout("window.ran = 1")`,
		`new Image().src = url`,
		`document.head.append(Object.assign(document.createElement("link"), {rel: "stylesheet", href: url}))`,
		`document.body.append(Object.assign(document.createElement("iframe"), {src: url}))`,
		`navigator.sendBeacon(url, "x")`,
		`new WebSocket(url.replace("http", "ws"))`,
	} {
		tb.Eval(fmt.Sprintf(`(() => { const url = %q; try { %s } catch {} })()`, server.URL+"/x", inject), nil)
	}
	var answer string
	tb.Eval(fmt.Sprintf(`fetch(%q, {mode: "no-cors"}).then(() => "sent", () => "refused")`, server.URL+"/x"), &answer)
	tb.drawn()
	var ran bool
	tb.Eval(`!!window.ran`, &ran)
	if ran || answer != "refused" || asked.Load() != 0 {
		t.Errorf("an injected script ran: %v; fetch was %s; the server was asked %d times", ran, answer, asked.Load())
	}
}

func TestEmpty(t *testing.T) {
	p := small()
	for i := range p.Samples {
		p.Samples[i].Values[heap.Live] = heap.Value{}
		p.Samples[i].Values[heap.Temporary] = heap.Value{Count: 1}
	}
	tb := show(t, p)
	tb.keys("2")
	tb.want("#empty", "Nothing was alive at the end: all that was allocated was freed.")
	tb.keys(kb.ArrowDown)
	tb.want("#status", "Click a frame to zoom")
	tb.keys("3")
	tb.want("#empty", "There are 4 allocations of 0 bytes: choose Allocations.")
	tb.keys("a")
	tb.want("#empty", "")
	tb.wantTip(0.5, 0, "All")
	tb.Screenshot("flamegraph-empty")

	none := newProfiler()
	tb.show(none.Profile)
	tb.want("#empty", "The capture has no allocations.")
	tb.want("header", "no memory records")
	tb.want("#memory", "")
	tb.Screenshot("flamegraph-nothing")
}

// The chart tells memory over time, also by the keyboard.
func TestChart(t *testing.T) {
	p := small()
	p.Stride = 8
	tb := show(t, p)
	tb.want("#memory", "each point is the maximum of 8 memory records")
	var x, y float64
	tb.Eval(`document.getElementById("chart").getBoundingClientRect().x + 66 + (1280 - 34 - 66 - 14) / 60 * 30`, &x)
	tb.Eval(`document.getElementById("chart").getBoundingClientRect().y + 40`, &y)
	tb.Do(chromedp.MouseEvent("mouseMoved", x, y))
	tb.drawn()
	tb.want("#memory", "30 s after the start: resident 27.500 MB, heap 7.500 MB")
	tb.Eval(`document.getElementById("chart").focus()`, nil)
	tb.keys(kb.ArrowRight)
	tb.want("#memory", "31 s after the start")

	p.Window = &heap.Window{From: start + 10*second, Until: start + 40*second}
	p.Series = p.Series[10:41]
	tb.show(p)
	tb.want("#memory", "Window")
	tb.want("header", "Only a window of the capture: from 10 s to 40 s after its start.")
	tb.Screenshot("flamegraph-window")
}

// In a narrow window all is there, and nothing is wider than it.
func TestNarrow(t *testing.T) {
	tb := show(t, small())
	tb.Do(chromedp.EmulateViewport(360, 740))
	tb.drawn()
	var width float64
	if tb.Eval(`document.documentElement.scrollWidth`, &width); width > 360 {
		t.Errorf("the page is %.0f pixels wide, want at most 360", width)
	}
	tb.Eval(`document.getElementById("graph").scrollIntoView()`, nil)
	tb.drawn()
	tb.wantTip(0.5, 2, "serve")
	tb.Screenshot("flamegraph-narrow")
}

// A page of 50,000 frames is there within two seconds, and works.
func TestLarge(t *testing.T) {
	p := large(50_000)
	tb := show(t, p)
	var ms float64
	for range 3 { // other tests may keep the processor busy
		tb.Eval(`performance.getEntriesByName("drawn")[0].startTime`, &ms)
		t.Logf("%d nodes: first drawn after %.0f ms", len(p.Stacks)-1, ms)
		if ms <= 2000 {
			break
		}
		tb.load("")
	}
	if ms > 2000 {
		t.Errorf("first drawn after %.0f ms, want at most 2000", ms)
	}
	var elements int
	if tb.Eval(`document.querySelectorAll("*").length`, &elements); elements > 300 {
		t.Errorf("%d elements in the page, want no more than a few hundred", elements)
	}
	tb.Screenshot("flamegraph-large")
	for _, tt := range []struct{ what, script string }{
		{"view", `choose => document.querySelectorAll("#views input")[3].click()`},
		{"search", `() => { const s = document.getElementById("search"); s.value = "function_1"; s.dispatchEvent(new Event("input")); }`},
		{"invert", `() => document.getElementById("inverted").click()`},
	} {
		tb.Eval(`(async () => { const begun = performance.now(); (`+tt.script+`)();
			await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
			return performance.now() - begun; })()`, &ms)
		t.Logf("%s: %.0f ms", tt.what, ms)
		if ms > 2000 {
			t.Errorf("%s: took %.0f ms, want at most 2000", tt.what, ms)
		}
	}
	tb.Screenshot("flamegraph-large-inverted")
}

// Stacks of any depth can be scrolled, walked, searched and inverted.
func TestDeep(t *testing.T) {
	const n = 100_000
	p := newProfiler()
	p.Frames = []heap.Frame{frame("f", "f.py", 1), frame("g", "f.py", 2)}
	for i := range uint32(n) {
		p.Stacks = append(p.Stacks, heap.Stack{Parent: i, Frame: i % 2, Depth: i + 1})
	}
	for _, depth := range []uint32{n, n / 2, 3} {
		s := heap.Sample{Stack: depth, Allocator: codec.Malloc}
		s.Values[heap.Peak] = heap.Value{Count: 1, Bytes: 1000}
		p.Samples = append(p.Samples, s)
	}
	tb := show(t, p.Profile)
	tb.wantTip(0.5, 2, "g", "3.000 kB, 100.0 %")
	tb.Eval(`document.getElementById("scroller").scrollTop = 1e9`, nil)
	tb.drawn()
	tb.wantTip(0.2, n, "g", "f.py:2", "1.000 kB, 33.3 %")
	tb.click(0.2, n)
	tb.keys("i")
	tb.wantTip(0.5, n, "g", "1.000 kB, 33.3 %")
	tb.keys("v")
	tb.want("#about", "3.000 kB in 3 allocations")
	tb.wantTip(0.1, 1, "2.000 kB, 66.7 %")
	tb.Eval(`{ const s = document.getElementById("search"); s.value = "f.g"; s.dispatchEvent(new Event("input")); }`, nil)
	tb.drawn()
	tb.want("#matched", "100.0 % 3.000 kB")
}
