package airflowtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/airflow"
	"github.com/memvault/memvault/internal/s3test"
	"github.com/memvault/memvault/internal/soak"
	"github.com/memvault/memvault/upload"
)

func TestAirflowSoak(t *testing.T) {
	if soak.N(t, 0, 1) == 0 {
		t.Skip("a real Airflow is only run with MEMVAULT_SOAK=1")
	}
	w := newWorld(t)
	w.traced()
	w.killed()
	w.refused()
	w.rotated()
	w.archived()
}

// traced starts all four components, and wants each to be traced and at work.
func (w *world) traced() {
	for name := range commands {
		w.component(name)
	}
	w.until("all four components are traced and at work", func() bool {
		d := w.doctor()
		for _, name := range commands {
			if c := captureOf(d, name); c == nil || c.State != "live" || c.Memray != "1.20.0" {
				return false
			}
		}
		return w.works() == len(commands)
	})
	d := w.doctor()
	if d.Airflow != release || d.Memray == "" || len(d.Findings) != 0 {
		w.t.Fatalf("doctor: got Airflow %q, Memray %q, findings %+v, want %s and none", d.Airflow, d.Memray, d.Findings, release)
	}
	// What is live stays, whoever asks.
	w.must(w.memvault, "rotate", "--strict")
	if got := w.captures("*_memory.bin"); len(got) != len(commands) {
		w.t.Fatalf("rotate beside running components left %q, want all four", got)
	}
}

// works counts the components whose captures show the work itself.
func (w *world) works() int {
	signs := map[string]string{
		"scheduler": "function_name=run_job ", "api": "/uvicorn/server.py ", "dag_processor": "function_name=run_job ", "triggerer": "function_name=run_job ",
	}
	for name, sign := range signs {
		if w.atWork[name] {
			continue
		}
		out, _, _ := w.run(w.memvault, "dump", "-q", filepath.Join(w.home, name+"_memory.bin"))
		w.atWork[name] = strings.Contains(out, sign)
	}
	n := 0
	for _, works := range w.atWork {
		if works {
			n++
		}
	}
	return n
}

// killed kills the scheduler, and wants its children to hold its capture.
func (w *world) killed() {
	pid := w.running["scheduler"].cmd.Process.Pid
	w.stop("scheduler", syscall.SIGKILL)
	d := w.doctor()
	c := captureOf(d, "scheduler")
	if c == nil || c.State != "crashed" || c.PID != int32(pid) {
		w.t.Fatalf("after kill -9: got %+v, want the crashed capture of pid %d", c, pid)
	}
	if len(c.Holders) < 2 || slices.Contains(c.Holders, pid) {
		w.t.Fatalf("after kill -9: got holders %d, want the scheduler's children and not pid %d", c.Holders, pid)
	}
	w.t.Logf("%d children hold the capture", len(c.Holders))
	for _, kind := range []string{airflow.InTheWay, airflow.HeldByOrphans} {
		if !finds(d, "scheduler", kind) {
			w.t.Errorf("after kill -9: got findings %+v, want %s", d.Findings, kind)
		}
	}
}

// refused wants the scheduler not to start.
func (w *world) refused() {
	p := w.component("scheduler")
	delete(w.running, "scheduler")
	w.until("the scheduler ends again", p.over)
	if text := p.text(); !strings.Contains(text, "scheduler_memory.bin already exists") || p.state.ExitCode() != 1 {
		w.t.Fatalf("want the scheduler to refuse the left-over capture, it said: %s", text)
	}
}

// rotated rotates, in the way of a container's command, and wants the scheduler to start.
func (w *world) rotated() {
	p := w.start("scheduler", w.memvault, "rotate", w.home, "--", w.airflow, "scheduler")
	w.until("the scheduler is traced again", func() bool {
		c := captureOf(w.doctor(), "scheduler")
		return c != nil && c.State == "live" && int(c.PID) == p.cmd.Process.Pid
	})
	if got := w.captures("scheduler_memory.2*.bin"); len(got) != 1 {
		w.t.Fatalf("got rotated captures %q, want one", got)
	}
}

// archived starts watch, ends Airflow, and wants every capture to be in the bucket, whole, and none at home.
func (w *world) archived() {
	store := s3test.Named(w.t, s3test.Versity)
	place := "s3://" + store.NewBucket(w.t) + "/airflow"
	w.env = append(w.env, store.Env()...)
	w.start("watch", w.memvault, "watch", "--yes", "--archive", place, "--max-age", "0s", "--undo", "0s",
		"--schedule", "* * * * *", "--drain", "5m", "--listen", "127.0.0.1:"+freePort(w.t), w.home)
	w.until("the crashed capture is archived, and gone", func() bool {
		return len(w.captures("scheduler_memory.2*.bin")) == 0
	})
	for name := range commands {
		w.stop(name, syscall.SIGTERM)
	}
	// watch itself is told to end while captures may still wait for it.
	p := w.stop("watch", syscall.SIGTERM)
	if left := w.captures("*.bin*"); p.state.ExitCode() != 0 || len(left) != 0 {
		w.t.Fatalf("after watch: got %v and captures %q, want exit code 0 and none; it said:\n%s", p.state, left, p.text())
	}
	seen := map[string]int{}
	for line := range strings.Lines(w.must(w.memvault, "s3", "ls", "--json", place)) {
		var e upload.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Summary == nil {
			w.t.Fatalf("s3 ls: %v: %s", err, line)
		}
		w.t.Logf("%s", line)
		seen[e.Summary.Component]++
		w.converts("s3://" + e.Bucket + "/" + e.Key)
	}
	if seen["scheduler"] != 2 || seen["api"] != 1 || seen["dag_processor"] != 1 || seen["triggerer"] != 1 {
		w.t.Errorf("got captures of %v in the bucket, want two of the scheduler and one of each other", seen)
	}
}

// converts wants a capture in the bucket to become a profile that others read.
func (w *world) converts(url string) {
	w.t.Helper()
	out := filepath.Join(w.t.TempDir(), "capture.pb.gz")
	_, said, code := w.run(w.memvault, "convert", "--to", "pprof", "-o", out, url)
	if code != 0 {
		w.t.Fatalf("convert %s: exit code %d: %s", url, code, said)
	}
	f, err := os.Open(out)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil || len(p.Sample) == 0 {
		w.t.Fatalf("convert %s: got %v, %v, want a profile with samples", url, p, err)
	}
}
