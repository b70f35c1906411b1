// Package browser opens pages in a headless Chromium, for tests of what people look at
// with one. A test skips where there is no Chromium (.ci/tools installs it).
package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a test may take in the browser.
const patience = 2 * time.Minute

// names are those that Chromium goes by; $MEMVAULT_CHROMIUM is tried before.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// A Page is a tab of a browser that nobody else uses. It reaches nothing but loopback
// addresses and files. Every method fails the test when something goes wrong.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	errors   []string
	requests []string
}

// Start opens an empty page, 1400 by 900 pixels, which is closed when the test ends. It
// skips the test where Chromium is not installed.
func Start(t testing.TB) *Page {
	t.Helper()
	program := find()
	if program == "" {
		t.Skipf("no Chromium (tried $MEMVAULT_CHROMIUM and %q); .ci/tools installs it", names)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1400, 900),
		chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
	)
	ctx, stop := context.WithTimeout(context.Background(), patience)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	p := &Page{t: t, ctx: ctx}
	if err := p.start(); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	t.Cleanup(p.close) // before the cleanups above
	return p
}

// start opens the tab, and has it report what listen wants to know.
func (p *Page) start() error {
	if err := chromedp.Do(p.ctx); err != nil {
		return err
	}
	if err := chromedp.Listen(p.ctx, p.listen); err != nil {
		return err
	}
	_, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{})
	return err
}

// close waits for the browser to end, so that its files can be removed.
func (p *Page) close() {
	if err := chromedp.Cancel(p.ctx); err != nil && !errors.Is(err, context.Canceled) {
		p.t.Logf("close the browser: %v", err)
	}
}

func find() string {
	for _, name := range append([]string{os.Getenv("MEMVAULT_CHROMIUM")}, names...) {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// listen takes down what goes wrong in the page, and what it asks for.
func (p *Page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		p.errors = append(p.errors, text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			var text strings.Builder
			text.WriteString("console.error")
			for _, a := range e.Args {
				text.WriteString(fmt.Sprintf(" %s%s", a.Value, a.Description))
			}
			p.errors = append(p.errors, text.String())
		}
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	}
}

// Errors gives the exceptions that no script caught, and what was logged as an error, so far.
func (p *Page) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.errors...)
}

// Requests gives the addresses that the page asked for, so far; data: and blob: ones are among them.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// Do carries out actions of chromedp: what has no method here.
func (p *Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatalf("browser: %v; errors of the page: %q", err, p.Errors())
	}
}

// Open loads a page: http://127.0.0.1:PORT/..., or a file by its path.
func (p *Page) Open(url string) {
	p.t.Helper()
	if filepath.IsAbs(url) {
		url = "file://" + filepath.ToSlash(url)
	}
	p.Do(chromedp.Navigate(url))
}

// Upload gives a file to the page's element for files: what choosing one by hand does.
func (p *Page) Upload(file string) {
	p.t.Helper()
	p.Do(chromedp.SetUploadFiles(chromedp.CSS(`input[type="file"]`), []string{file}, chromedp.NodeReady))
}

// Text gives the text that is on the page, as a person sees it.
func (p *Page) Text() string {
	p.t.Helper()
	var text string
	p.Eval("document.body.innerText", &text)
	return text
}

// Eval evaluates an expression in the page, waiting for a promise, and stores its value by
// way of JSON, if result is not nil.
func (p *Page) Eval(expression string, result any) {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err == nil && result != nil {
		err = json.Unmarshal(value, result)
	}
	if err != nil {
		p.t.Fatalf("evaluate %s: %v; errors of the page: %q", expression, err, p.Errors())
	}
}

// Wait waits until an expression in the page is true.
func (p *Page) Wait(expression string) {
	p.t.Helper()
	poll := chromedp.Poll[chromedp.Void]("!!("+expression+")", chromedp.WithPollingInterval(50*time.Millisecond))
	if err := chromedp.Do(p.ctx, poll); err != nil {
		p.t.Fatalf("wait for %s: %v; errors of the page: %q; its text: %.2000q", expression, err, p.Errors(), p.Text())
	}
}

// Screenshot keeps a picture of the page as NAME.png in Artifacts.
func (p *Page) Screenshot(name string) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(Artifacts(p.t), name+".png")
	if err := os.WriteFile(file, png, 0o666); err != nil {
		p.t.Fatal(err)
	}
	p.t.Logf("screenshot: %s", file)
}

// Artifacts is the folder for what a test run leaves for people to look at:
// $MEMVAULT_ARTIFACTS, or dist/artifacts of this repository.
func Artifacts(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("MEMVAULT_ARTIFACTS")
	if dir == "" {
		dir = filepath.Join(root(t), "dist", "artifacts")
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// root is the folder of go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}
