package watch

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// stale is how long after the last Rotate the watch counts as stuck.
const stale = time.Minute

// Handler serves /metrics, /livez (and /healthz, the same): does the watch still watch;
// and /readyz: has it looked at all. A full disk or a failed upload is no reason to be restarted,
// so neither asks for them.
func (w *Watch) Handler(g prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", answer(w.Alive))
	mux.HandleFunc("GET /healthz", answer(w.Alive))
	mux.HandleFunc("GET /readyz", answer(func() error {
		if !w.ready.Load() {
			return fmt.Errorf("the first look at the folders has not ended")
		}
		return nil
	}))
	return mux
}

// Alive gives nil as long as the watch does its rounds, and otherwise says since when it does not.
func (w *Watch) Alive() error {
	at := w.ticked.Load()
	if at == 0 {
		return nil // it is about to begin
	}
	if since := time.Since(time.Unix(0, at)); since > max(stale, 3*w.o.Poll) {
		return fmt.Errorf("nothing was looked at for %s", since.Round(time.Second))
	}
	return nil
}

func answer(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := check(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, err)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}
