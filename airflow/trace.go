package airflow

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/memvault/memvault/codec"
)

// maxTrace is how much of a capture is read to see whose it is, in bytes of raw stream.
// The frames that tell come within the first few million.
const maxTrace = 256 << 20

// starting is how long a component may take before it does what it is there for.
const starting = time.Minute

// A worker is a function that only the process runs which does a component's work.
type worker struct{ function, file string }

var (
	// jobs runs below the tracer in scheduler, DAG processor and triggerer.
	jobs = worker{"run_job", "airflow/jobs/job.py"}
	// server serves requests in the API server.
	server = worker{"run", "uvicorn/server.py"}
	// supervisors watch over the processes that serve requests.
	supervisors = [...]worker{{"run", "uvicorn/supervisors/multiprocess.py"}, {"run", "gunicorn/arbiter.py"}}
)

// is reports whether c defines the function.
func (w worker) is(c *codec.Record) bool {
	file := strings.ReplaceAll(string(c.File), `\`, "/")
	return string(c.Function) == w.function && strings.HasSuffix(file, "/"+w.file)
}

// A trace is what the beginning of a capture tells of the process it is of.
type trace struct {
	want worker
	// proved tells that the work was seen, supervisor that only a watch over others was.
	proved, supervisor bool
	// cut tells that not all was read.
	cut bool
	// start is that of the capture, last the time of its last allocation after it.
	start time.Time
	last  time.Duration
}

// readTrace reads records until one tells what process the capture is of.
func readTrace(r io.Reader, component string) (*trace, error) {
	t := &trace{want: jobs}
	if component == "api" {
		t.want = server
	}
	d, err := codec.NewReader(r)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	t.start = d.Header().Start()
	var now time.Duration
	for !t.proved && !t.supervisor && !t.cut {
		rec, err := d.Next()
		var damage *codec.FormatError
		switch {
		case errors.Is(err, io.EOF), errors.As(err, &damage):
			return t, nil // what came before counts
		case err != nil:
			return nil, err
		}
		switch rec.Kind {
		case codec.KindCode, codec.KindFrame:
			t.proved = t.want.is(rec)
			t.supervisor = component == "api" && (supervisors[0].is(rec) || supervisors[1].is(rec))
		case codec.KindMemory:
			now = time.UnixMilli(rec.Time).Sub(t.start)
		case codec.KindAllocation:
			t.last = now
		}
		t.cut = d.Offset() > maxTrace
	}
	return t, nil
}

// wrong tells in a sentence how it shows that the process is not the one which does the work, and is
// "" when it does not show. ended tells that nothing is written any more.
func (t *trace) wrong(ended bool, now time.Time) string {
	switch {
	case t.supervisor:
		return "it is of the process that only watches over the workers; they answer the requests and are not traced"
	case t.proved, t.cut, !ended && now.Sub(t.start) < starting:
		return ""
	}
	return fmt.Sprintf("it shows nothing of the work itself (no %s of %s), and its last allocation %.1f s after the start: "+
		"the process died while it started, or the work is done by a forked process, which is not traced",
		t.want.function, t.want.file, t.last.Seconds())
}
