package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/memvault/memvault/internal/browser"
)

// view runs memvault view, and gives what it serves; it is interrupted when the test ends,
// and must end with exit code 0 then.
func view(t *testing.T, args ...string) (url string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot send Ctrl-C to one process")
	}
	cmd := exec.Command("memvault", append([]string{"view", "--no-browser"}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Errorf("interrupt: %v", err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("memvault view, interrupted: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("read the address: %v", err)
	}
	return strings.TrimSpace(line)
}

// The interface shows a capture: its flame graph, the views, and a list with the file's names.
func TestView(t *testing.T) {
	url := view(t, "../../testdata/captures/memray-1.20.0-py3.12/mixed.bin")
	p := browser.Start(t)
	p.Open(url)
	p.Wait(`location.pathname.endsWith("/flamegraph") && document.body.innerText.includes("mixed.peak_then_drop")`)
	p.Screenshot("view-flamegraph")
	text := p.Text()
	for _, want := range []string{"peak_space", "22.05MB"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s on the page: %.2000q", want, text)
		}
	}
	p.Open(url + "top?si=inuse_space")
	p.Wait(`document.body.innerText.includes("inuse_space") && document.querySelectorAll("tr").length > 3`)
	if errs := p.Errors(); len(errs) > 0 {
		t.Errorf("errors of the pages: %q", errs)
	}
	for _, asked := range p.Requests() {
		if !strings.HasPrefix(asked, url) && !strings.HasPrefix(asked, "data:") {
			t.Errorf("the page asked for %s", asked)
		}
	}
}

// get FILE PATH REGEXP waits for an address in FILE, and asks for the PATH below it: the status
// and the text must match.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: get FILE PATH REGEXP")
	}
	var url []byte
	for end := time.Now().Add(10 * time.Second); len(url) == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		url, _ = os.ReadFile(ts.MkAbs(args[0]))
	}
	r, err := http.Get(strings.TrimSpace(string(url)) + args[1])
	ts.Check(err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	ts.Check(err)
	if text := r.Status + "\n" + string(body); !regexp.MustCompile(args[2]).MatchString(text) {
		ts.Fatalf("no match for %s in %.1000s", args[2], text)
	}
}
