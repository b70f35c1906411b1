package pprofui_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/internal/browser"
	"github.com/memvault/memvault/internal/pprofui"
)

// testProfile has one function in a file that holds a secret.
func testProfile(t testing.TB) *profile.Profile {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret.py")
	if err := os.WriteFile(file, []byte("the secret line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	python := &profile.Mapping{ID: 1, File: "python3.12", HasFunctions: true, HasFilenames: true, HasLineNumbers: true}
	fn := &profile.Function{ID: 1, Name: "app.</script><script>ran()</script>", Filename: file}
	load := &profile.Function{ID: 2, Name: "app.load", Filename: file}
	locations := []*profile.Location{
		{ID: 1, Mapping: python, Line: []profile.Line{{Function: fn, Line: 1}}},
		{ID: 2, Mapping: python, Line: []profile.Line{{Function: load, Line: 1}}},
	}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{
			{Type: "inuse_space", Unit: "bytes"}, {Type: "peak_space", Unit: "bytes"},
		},
		DefaultSampleType: "peak_space",
		Mapping:           []*profile.Mapping{python},
		Function:          []*profile.Function{fn, load},
		Location:          locations,
		Sample:            []*profile.Sample{{Location: locations, Value: []int64{1 << 10, 3 << 20}}},
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return p
}

// serve serves until the test ends.
func serve(t testing.TB, o pprofui.Options) *pprofui.Server {
	t.Helper()
	t.Setenv("HOME", t.TempDir()) // pprof keeps settings there
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	s, err := pprofui.Listen(testProfile(t), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

func get(t testing.TB, url string) (status int, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestPages(t *testing.T) {
	s := serve(t, pprofui.Options{})
	root := strings.TrimSuffix(s.URL(), s.URL()[strings.LastIndex(strings.TrimSuffix(s.URL(), "/"), "/"):])
	tests := []struct {
		name, url string
		status    int
		want      string
	}{
		{"flame graph", s.URL(), 200, "app.load"},
		{"top", s.URL() + "top", 200, "peak_space"},
		{"peek", s.URL() + "peek?f=load", 200, "app.load"},
		{"download", s.URL() + "download", 200, "\x1f\x8b"},
		{"source", s.URL() + "source?f=load", 404, "opens none of the files"},
		{"disassembly", s.URL() + "disasm?f=load", 404, "opens none of the files"},
		{"unknown page", s.URL() + "etc/passwd", 404, "not found"},
		{"no token", root + "/", 404, "not found"},
		{"page without token", root + "/top", 404, "not found"},
		{"wrong token", root + "/ABCDEFGHIJKLMNOPQRSTUVWXYZ/top", 404, "not found"},
		{"token alone", strings.TrimSuffix(s.URL(), "/"), 404, "not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body := get(t, tt.url)
			if status != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("got %d, %.300q; want %d with %q", status, body, tt.status, tt.want)
			}
			if strings.Contains(body, "the secret line") {
				t.Error("the page holds a line of a file that the profile names")
			}
		})
	}
}

func TestHost(t *testing.T) {
	s := serve(t, pprofui.Options{})
	for host, want := range map[string]int{
		"127.0.0.1:80": 200, "localhost:9000": 200, "LOCALHOST": 200, "[::1]:80": 200, "10.1.2.3": 200,
		"evil.example": 403, "evil.example:80": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example:1": 403, "": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, s.URL()+"top", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: got %d, want %d", host, w.Code, want)
		}
	}
}

func TestAddress(t *testing.T) {
	tests := []struct {
		name, address string
		loopback      bool
		err           string
	}{
		{"default", "", true, ""},
		{"port alone", ":0", true, ""},
		{"all addresses", "0.0.0.0:0", false, ""},
		{"no port", "127.0.0.1", false, "missing port"},
		{"not a port", "127.0.0.1:http!", false, "port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := pprofui.Listen(testProfile(t), pprofui.Options{Address: tt.address})
			if err != nil || tt.err != "" {
				if err == nil || tt.err == "" || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want %q", err, tt.err)
				}
				return
			}
			if got := s.Loopback(); got != tt.loopback {
				t.Errorf("%s: loopback is %v, want %v", s.URL(), got, tt.loopback)
			}
			ctx, stop := context.WithCancel(t.Context())
			stop()
			if err := s.Serve(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSampleType(t *testing.T) {
	s := serve(t, pprofui.Options{SampleType: "inuse_space"})
	if _, body := get(t, s.URL()+"top"); !strings.Contains(body, "1kB") {
		t.Errorf("no 1kB in %.2000q", body)
	}
	if _, err := pprofui.Listen(testProfile(t), pprofui.Options{SampleType: "none"}); err == nil {
		t.Error("a sample type that is not there: got no error")
	}
}

// A request that takes long does not keep the server.
func TestStop(t *testing.T) {
	s, err := pprofui.Listen(testProfile(t), pprofui.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := s.Serve(ctx); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(s.URL()); err == nil {
		t.Error("it still answers")
	}
}

// pprof's pages work under our policy, and a hostile name is text.
func TestBrowser(t *testing.T) {
	s := serve(t, pprofui.Options{})
	p := browser.Start(t)
	p.Open(s.URL())
	p.Wait(`document.body.innerText.includes("app.load")`)
	p.Wait(`document.body.innerText.includes("ran()")`)
	p.Screenshot("pprof-flamegraph")
	p.Open(s.URL() + "top")
	p.Wait(`document.querySelectorAll("#rows tr, tbody tr").length >= 2`)
	if text := p.Text(); !strings.Contains(text, "3MB") {
		t.Errorf("no 3MB in %.1000q", text)
	}
	var ran string
	p.Eval(`typeof ran`, &ran)
	if errs := p.Errors(); ran != "undefined" || len(errs) > 0 {
		t.Errorf("ran is %s; errors of the page: %q", ran, errs)
	}
	for _, url := range p.Requests() {
		if !strings.HasPrefix(url, s.URL()) && !strings.HasPrefix(url, "data:") {
			t.Errorf("the page asked for %s", url)
		}
	}
}
