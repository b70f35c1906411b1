package browser_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/internal/browser"
)

const page = `<!doctype html><title>t</title><h1>Heading</h1>
<script>
setTimeout(() => { document.querySelector("h1").textContent = "Changed " + (40 + 2) }, 50)
console.error("said", 7)
setTimeout(() => { throw new Error("thrown on purpose") }, 0)
</script>`

func TestPage(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	}))
	defer server.Close()
	t.Setenv("MEMVAULT_ARTIFACTS", t.TempDir())

	p := browser.Start(t)
	p.Open(server.URL + "/x")
	p.Wait(`document.querySelector("h1").textContent == "Changed 42"`)
	if got := p.Text(); got != "Changed 42" {
		t.Errorf("text: got %q", got)
	}
	var sum int
	if p.Eval("20 + 3", &sum); sum != 23 {
		t.Errorf("Eval: got %d, want 23", sum)
	}
	errs := strings.Join(p.Errors(), "\n")
	for _, want := range []string{"said", "7", "thrown on purpose"} {
		if !strings.Contains(errs, want) {
			t.Errorf("errors: got %q, want %q among them", errs, want)
		}
	}
	if !slices.Contains(p.Requests(), server.URL+"/x") {
		t.Errorf("requests: got %q", p.Requests())
	}
	p.Screenshot("self")
	png, err := os.ReadFile(filepath.Join(browser.Artifacts(t), "self.png"))
	if err != nil || !strings.HasPrefix(string(png), "\x89PNG") {
		t.Errorf("screenshot: got %.8q, %v", png, err)
	}
}

// A page cannot leave the machine.
func TestOffline(t *testing.T) {
	p := browser.Start(t)
	p.Open("about:blank")
	var got string
	p.Eval(`fetch("http://example.com/", {mode: "no-cors"}).then(() => "reached", e => String(e))`, &got)
	if got != "TypeError: Failed to fetch" {
		t.Errorf("example.com: got %q", got)
	}
}

func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a page.html")
	if err := os.WriteFile(file, []byte("<p>from a file"), 0o666); err != nil {
		t.Fatal(err)
	}
	p := browser.Start(t)
	p.Open(file)
	if got := p.Text(); got != "from a file" {
		t.Errorf("got %q", got)
	}
}
