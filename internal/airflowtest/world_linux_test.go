package airflowtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/memvault/memvault/airflow"
	"github.com/memvault/memvault/internal/cpython"
	"github.com/memvault/memvault/internal/memraytest"
)

// release is the Airflow that is tested: the last that does not start over a left-over capture.
const release = "3.3.2"

// commands are the components' names on the command line of Airflow, and in its configuration.
var commands = map[string]string{
	"scheduler": "scheduler", "api-server": "api", "dag-processor": "dag_processor", "triggerer": "triggerer",
}

// patience is how long anything may take on a busy machine.
const patience = 10 * time.Minute

// A world is an Airflow with a home, and memvault beside it.
type world struct {
	t          *testing.T
	home, logs string
	airflow    string
	memvault   string
	env        []string
	running    map[string]*process
	// atWork remembers which components were seen to work.
	atWork map[string]bool
}

// A process is one of Airflow's components, or memvault.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	state *os.ProcessState // once ended is closed
}

// newWorld installs Airflow, makes its database, and builds memvault. Where nothing can be installed
// the test is skipped.
func newWorld(t *testing.T) *world {
	t.Helper()
	interpreters := cpython.Find()
	at := slices.IndexFunc(interpreters, func(p cpython.Interpreter) bool { return p.Minor == 12 })
	if at < 0 {
		t.Skip("no CPython 3.12, for which the versions in testdata/constraints.txt are")
	}
	constraints, err := filepath.Abs("testdata/constraints.txt")
	if err != nil {
		t.Fatal(err)
	}
	python := memraytest.Install(t, "airflow-"+release+"-py3.12", interpreters[at],
		"apache-airflow[memray]=="+release, "--constraint", constraints)
	w := &world{t: t, home: t.TempDir(), logs: t.TempDir(), airflow: filepath.Join(filepath.Dir(python), "airflow"), running: map[string]*process{}, atWork: map[string]bool{}}
	w.env = append(os.Environ(),
		"PATH="+filepath.Dir(python)+string(filepath.ListSeparator)+os.Getenv("PATH"),
		"AIRFLOW_HOME="+w.home, "XDG_STATE_HOME="+t.TempDir(),
		"AIRFLOW__CORE__LOAD_EXAMPLES=True", "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL=5",
		"AIRFLOW__PROFILING__MEMRAY_TRACE_COMPONENTS=scheduler,api,dag_processor,triggerer",
		"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT="+freePort(t), "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT="+freePort(t),
	)
	api := freePort(t)
	w.env = append(w.env, "AIRFLOW__API__PORT="+api, "AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://localhost:"+api+"/execution/")
	w.memvault = filepath.Join(t.TempDir(), "memvault")
	w.must("go", "build", "-o", w.memvault, "../../cmd/memvault")
	t.Cleanup(w.end)
	w.must(w.airflow, "db", "migrate")
	return w
}

// freePort gives a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// run runs a program to its end.
func (w *world) run(program string, args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(w.t.Context(), program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env, &out, &said
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		w.t.Fatalf("%s: %v", program, err)
	}
	return out.String(), said.String(), cmd.ProcessState.ExitCode()
}

// must wants a program to end well, and gives its output.
func (w *world) must(program string, args ...string) string {
	w.t.Helper()
	out, said, code := w.run(program, args...)
	if code != 0 {
		w.t.Fatalf("%s %q: exit code %d\n%s%s", filepath.Base(program), args, code, out, tail(said))
	}
	return out
}

// start starts a component, or memvault, in a process group of its own.
func (w *world) start(name, program string, args ...string) *process {
	w.t.Helper()
	p := &process{log: filepath.Join(w.logs, fmt.Sprintf("%s.%d", name, time.Now().UnixNano())), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		w.t.Fatal(err)
	}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = w.env, log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = p.cmd.Start()
	_ = log.Close()
	if err != nil {
		w.t.Fatal(err)
	}
	w.running[name] = p
	go func() {
		p.state, _ = p.cmd.Process.Wait()
		close(p.ended)
	}()
	return p
}

func (w *world) component(name string) *process { return w.start(name, w.airflow, name) }

// over tells whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// text is the end of what the process said.
func (p *process) text() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return tail(string(b))
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// until waits until something is so, while what must run does.
func (w *world) until(what string, so func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(500 * time.Millisecond) {
		for name, p := range w.running {
			if p.over() {
				w.t.Fatalf("waiting for %s: %s has ended: %s", what, name, p.text())
			}
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s: not within %v", what, patience)
		}
	}
	w.t.Logf("%s", what)
}

// stop ends a process with a signal, and waits for its end.
func (w *world) stop(name string, s syscall.Signal) *process {
	w.t.Helper()
	p := w.running[name]
	delete(w.running, name)
	if err := syscall.Kill(p.cmd.Process.Pid, s); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		w.t.Fatalf("%s does not end: %s", name, p.text())
	}
	return p
}

// end kills all that this Airflow and memvault started, with the children that outlived them.
func (w *world) end() {
	if w.t.Failed() {
		for name, p := range w.running {
			w.t.Logf("%s said:\n%s", name, p.text())
		}
	}
	for range 3 { // a process that forks meanwhile is found the next time
		for _, pid := range w.left() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(200 * time.Millisecond)
	}
	if left := w.left(); len(left) > 0 {
		w.t.Errorf("processes %d are left over", left)
	}
}

// left lists the processes that write to our logs. Their environment does not tell them: some write
// their title over it.
func (w *world) left() []int {
	var list []int
	files, _ := filepath.Glob("/proc/[0-9]*/fd/[12]")
	for _, file := range files {
		log, err := os.Readlink(file)
		pid, err2 := strconv.Atoi(strings.Split(file, "/")[2])
		if err == nil && err2 == nil && strings.HasPrefix(log, w.logs+"/") && !slices.Contains(list, pid) {
			list = append(list, pid)
		}
	}
	return list
}

// doctor asks memvault doctor airflow.
func (w *world) doctor() *airflow.Diagnosis {
	w.t.Helper()
	out, said, code := w.run(w.memvault, "doctor", "airflow", "--json", "--sample", "0s")
	d := new(airflow.Diagnosis)
	if err := json.Unmarshal([]byte(out), d); err != nil || code != 0 && code != 5 {
		w.t.Fatalf("doctor: exit code %d, %v: %s%s", code, err, out, said)
	}
	return d
}

// captureOf gives what doctor says of the capture of a component; nil when there is none.
func captureOf(d *airflow.Diagnosis, name string) *airflow.Capture {
	for _, c := range d.Components {
		if c.Name == name {
			return c.Capture
		}
	}
	return nil
}

// finds reports whether doctor has a finding of a component.
func finds(d *airflow.Diagnosis, component, kind string) bool {
	return slices.ContainsFunc(d.Findings, func(f airflow.Finding) bool { return f.Component == component && f.Kind == kind })
}

// captures lists the files of a form in Airflow's home.
func (w *world) captures(form string) []string {
	list, err := filepath.Glob(filepath.Join(w.home, form))
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}
