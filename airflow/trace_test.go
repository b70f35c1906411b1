package airflow

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/codec/codectest"
)

// starts is a capture in which main allocates 0.5 s after the start.
const starts = `HEADER version=13 start_time=1767366245600
CODE_OBJECT code_id=1 function_name=wrapper filename=/v/airflow/utils/memray_utils.py firstlineno=1
CONTEXT_SWITCH tid=1
FRAME_PUSH code_object_id=1 instruction_offset=0 is_entry_frame=1
MEMORY_RECORD time=1767366246100 memory=4096
ALLOCATION address=0x1000 size=10 allocator=malloc
MEMORY_RECORD time=1767366249100 memory=4096
`

func TestWrongProcess(t *testing.T) {
	code := func(function, file string) string {
		return "CODE_OBJECT code_id=2 function_name=" + function + " filename=" + file + " firstlineno=1\nMEMORY_RECORD time=1767366249200 memory=4096\n"
	}
	died := "it shows nothing of the work itself (no %s), and its last allocation 0.5 s after the start: " +
		"the process died while it started, or the work is done by a forked process, which is not traced"
	jobs, server := strings.Replace(died, "%s", "run_job of airflow/jobs/job.py", 1), strings.Replace(died, "%s", "run of uvicorn/server.py", 1)
	later, soon := began.Add(time.Hour), began.Add(time.Second)
	tests := []struct {
		name, component, more string
		ended                 bool
		now                   time.Time
		want                  string
	}{
		{"works", "scheduler", code("run_job", "/v/airflow/jobs/job.py"), true, later, ""},
		{"works on Windows", "scheduler", code("run_job", `C:\v\airflow\jobs\job.py`), true, later, ""},
		{"dead", "dag_processor", "", true, soon, jobs},
		{"damaged", "dag_processor", "RAW 03 03 03\n", true, soon, jobs},
		{"another run_job", "dag_processor", code("run_job", "/v/my/job.py"), true, soon, jobs},
		{"starting", "scheduler", "", false, soon, ""},
		{"never works", "scheduler", "", false, later, jobs},
		{"serves", "api", code("run", "/v/uvicorn/server.py"), false, later, ""},
		{"serves nothing", "api", code("run_job", "/v/airflow/jobs/job.py"), true, later, server},
		{"watches workers", "api", code("run", "/v/uvicorn/supervisors/multiprocess.py"), false, soon,
			"it is of the process that only watches over the workers; they answer the requests and are not traced"},
		{"watches gunicorn's", "api", code("run", "/v/gunicorn/arbiter.py"), false, soon,
			"it is of the process that only watches over the workers; they answer the requests and are not traced"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr, err := readTrace(bytes.NewReader(codectest.Capture(t, starts+tt.more)), tt.component)
			if err != nil {
				t.Fatal(err)
			}
			if got := tr.wrong(tt.ended, tt.now); got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}
