package watch

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/memvault/memvault/retention"
)

// scrape gives what Prometheus would read.
func scrape(t *testing.T, w *Watch, r *prometheus.Registry, path string) (int, string) {
	t.Helper()
	server := httptest.NewServer(w.Handler(r))
	defer server.Close()
	response, err := http.Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestMetrics(t *testing.T) {
	r := prometheus.NewRegistry()
	m := NewMetrics(r, "1.2.3", "go1.26")
	w := New(Options{Metrics: m})
	scheduler := Kind{"scheduler", retention.Live}
	m.see(Folder{Path: "/a", Captures: map[Kind]int{{"triggerer", retention.Crashed}: 3}, Blocking: []string{"triggerer"}}, 0)
	m.see(Folder{
		Path: "/a", Captures: map[Kind]int{scheduler: 1}, Allocated: 500, Live: 100, Budget: 1000, Trash: 65,
		Disk: retention.Disk{Total: 1 << 20, Free: 1 << 19}, Level: retention.High,
	}, 2)
	for _, e := range []Event{
		{What: Rotated}, {What: Rotated, Would: true}, {What: RotateFailed}, {What: UploadFailed},
		{What: Uploaded, Bytes: 77}, {What: Deleted, Bytes: 88},
	} {
		m.count(e)
	}
	m.failed("save")
	m.ran()
	_, got := scrape(t, w, r, "/metrics")
	for _, want := range []string{
		`memvault_captures{component="scheduler",path="/a",state="live"} 1`,
		`memvault_captures_allocated_bytes{path="/a"} 500`,
		`memvault_capture_blocking_start{component="scheduler",path="/a"} 0`,
		`memvault_time_to_full_seconds{path="/a"} 200`, // (1000 - 500 - 65 - 35) / 2
		`memvault_compression_reserve_bytes{path="/a"} 35`,
		`memvault_filesystem_avail_bytes{path="/a"} 524288`,
		`memvault_level{path="/a"} 2`,
		`memvault_rotations_total 1`, `memvault_rotation_failures_total 1`,
		`memvault_uploads_total 1`, `memvault_uploaded_bytes_total 77`, `memvault_upload_failures_total 1`,
		`memvault_deletions_total 1`, `memvault_deleted_bytes_total 88`,
		`memvault_step_failures_total{step="save"} 1`,
		`memvault_build_info{goversion="go1.26",version="1.2.3"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("metrics have no line %s", want)
		}
	}
	if strings.Contains(got, "triggerer") {
		t.Error("metrics still name a component whose captures are gone")
	}
	problems, err := promlint.New(strings.NewReader(got)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v; want nothing", problems, err)
	}
}

func TestHandler(t *testing.T) {
	w := New(Options{})
	r := prometheus.NewRegistry()
	check := func(when, path string, want int) {
		t.Helper()
		if got, body := scrape(t, w, r, path); got != want {
			t.Errorf("%s: GET %s: got %d %s, want %d", when, path, got, body, want)
		}
	}
	check("before the first look", "/readyz", 503)
	check("before the first look", "/livez", 200)
	w.ready.Store(true)
	w.ticked.Store(time.Now().UnixNano())
	check("in its rounds", "/readyz", 200)
	check("in its rounds", "/healthz", 200)
	w.ticked.Store(time.Now().Add(-2 * stale).UnixNano())
	check("stuck", "/livez", 503)
	check("stuck", "/healthz", 503)
	check("always", "/", 404)
}

func TestWebhook(t *testing.T) {
	var got []Event
	failures := 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failures > 0 {
			failures--
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		var e Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		got = append(got, e)
	}))
	defer server.Close()
	send, err := Webhook(server.URL + "/hook?token=secret")
	if err != nil {
		t.Fatal(err)
	}
	want := Event{Time: time.Unix(1, 0).UTC(), What: Rotated, Path: "/a/x.bin", Text: "moved"}
	if err := send(t.Context(), want); err != nil {
		t.Fatalf("after one failure: %v", err)
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %v, want %v", got, want)
	}
	failures = 2
	err = send(t.Context(), want)
	if err == nil || !strings.Contains(err.Error(), "502") || strings.Contains(err.Error(), "secret") {
		t.Errorf("two failures: got %v, want the status and not the secret", err)
	}
	server.Close()
	err = send(t.Context(), want)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("no server: got %v, want an error without the secret", err)
	}
}

func TestWebhookAddress(t *testing.T) {
	for _, address := range []string{"", "hooks.example", "ftp://x/y", "http://", "https://a b/secret", "file:///etc/passwd"} {
		if _, err := Webhook(address); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Webhook(%q): got %v, want an error that does not repeat it", address, err)
		}
	}
}

func TestOnPressure(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a Unix shell")
	}
	out := filepath.Join(t.TempDir(), "out")
	run := OnPressure([]string{"sh", "-c", `cat >"$0"; echo "$MEMVAULT_LEVEL $MEMVAULT_PATH" >>"$0"`, out})
	if err := run(t.Context(), Event{What: Rotated}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a rotation ran the command, want changes of the level alone")
	}
	if err := run(t.Context(), Event{What: LevelChanged, Path: "/a", Level: "high"}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil || !strings.HasPrefix(string(got), `{"time":`) || !strings.HasSuffix(string(got), "high /a\n") {
		t.Errorf("command got %q (%v), want the event and its environment", got, err)
	}
	for _, command := range [][]string{{"sh", "-c", "echo oh no; exit 3"}, {"/no/such/command"}} {
		if err := OnPressure(command)(context.Background(), Event{What: NoRoom}); err == nil {
			t.Errorf("%q: got no error", command)
		}
	}
}
