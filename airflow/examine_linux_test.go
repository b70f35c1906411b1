package airflow

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/codec/codectest"
)

// examine looks at a folder in an environment that traces everything.
func examine(t *testing.T, home string, o ExamineOptions) *Diagnosis {
	t.Helper()
	o.InUse = quick
	if o.Lookup == nil {
		o.Lookup = in(map[string]string{envPrefix + "MEMRAY_TRACE_COMPONENTS": strings.Join(Components, ",")})
	}
	d, err := Examine(t.Context(), home, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// kinds lists findings as "component kind".
func kinds(d *Diagnosis) []string {
	var list []string
	for _, f := range d.Findings {
		list = append(list, strings.TrimSpace(f.Component+" "+f.Kind))
	}
	return list
}

func TestExamine(t *testing.T) {
	works := codectest.Capture(t, starts+"CODE_OBJECT code_id=2 function_name=run_job filename=/v/airflow/jobs/job.py firstlineno=1\nMEMORY_RECORD time=1767366249200 memory=4096\n")
	tests := []struct {
		name string
		prep func(home string)
		o    ExamineOptions
		want []string
	}{
		{"nothing there", func(string) {}, ExamineOptions{}, nil},
		{"in the way", func(home string) { put(t, home, "scheduler_memory.bin", works) }, ExamineOptions{}, []string{"scheduler in-the-way"}},
		{"empty and in the way", func(home string) { put(t, home, "api_memory.bin", nil) }, ExamineOptions{}, []string{"api in-the-way"}},
		{"a link in the way", func(home string) {
			if err := os.Symlink("/etc/passwd", filepath.Join(home, "api_memory.bin")); err != nil {
				t.Fatal(err)
			}
		}, ExamineOptions{}, []string{"api in-the-way"}},
		{"not traced, so in nobody's way", func(home string) { put(t, home, "scheduler_memory.bin", works) },
			ExamineOptions{Lookup: in(nil)}, nil},
		{"wrong process", func(home string) { put(t, home, "dag_processor_memory.bin", codectest.Capture(t, starts)) },
			ExamineOptions{}, []string{"dag_processor in-the-way", "dag_processor wrong-process"}},
		{"unfinished copy", func(home string) { put(t, home, "api_memory.bin.lz4.tmp", []byte("x")) }, ExamineOptions{}, []string{"unfinished-copy"}},
		{"misspelt", func(string) {}, ExamineOptions{Lookup: in(map[string]string{envPrefix + "MEMRAY_TRACE_COMPONENTS": "web"})},
			[]string{"unknown-component"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := t.TempDir()
			tt.prep(home)
			before := names(t, home)
			if got := kinds(examine(t, home, tt.o)); !slices.Equal(got, tt.want) {
				t.Errorf("got findings %q, want %q", got, tt.want)
			}
			if after := names(t, home); !slices.Equal(after, before) {
				t.Errorf("the folder holds %q, want %q as before", after, before)
			}
		})
	}
}

// What is installed beside the airflow command is judged.
func TestExamineVersions(t *testing.T) {
	tests := []struct {
		airflow, memray string
		want            []string
	}{
		{"3.3.2", "1.20.0", nil},
		{"3.3.2", "", []string{"no-memray"}},
		{"3.2.0", "1.19.0", []string{"triggerer not-traceable"}},
		{"2.11.0", "1.19.0", []string{"triggerer not-traceable", "not-traceable"}},
	}
	for _, tt := range tests {
		x := &examiner{d: &Diagnosis{Airflow: tt.airflow, Memray: tt.memray, Components: []Component{{Name: "triggerer", Enabled: true}}}}
		x.findings(nil)
		if got := kinds(x.d); !slices.Equal(got, tt.want) {
			t.Errorf("Airflow %s, Memray %q: got findings %q, want %q", tt.airflow, tt.memray, got, tt.want)
		}
	}
}

// A live capture is nobody's fault; its growth decides whether the disk has room for an hour.
func TestExamineLive(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "scheduler_memory.bin")
	put(t, home, "scheduler_memory.bin", nil)
	pid, end := holder(t, path)
	defer end()
	capture := raw(t, pid, false)
	put(t, home, "scheduler_memory.bin", capture)
	for _, tt := range []struct {
		available int64
		want      []string
	}{{1 << 40, nil}, {100, []string{"disk-fills"}}} {
		d := examine(t, home, ExamineOptions{
			Sample: time.Millisecond,
			Room:   func(string) (int64, int64, error) { return tt.available, 1 << 40, nil },
			Now:    func() time.Time { return began.Add(time.Second) },
		})
		c := d.Components[0].Capture
		if c == nil || c.State != "live" || c.PID != int32(pid) || c.Average <= 0 || c.Data >= c.Size || c.Memray != "1.20.0" {
			t.Fatalf("got %+v, want a live one of pid %d with zeros at its end", c, pid)
		}
		if got := kinds(d); !slices.Equal(got, tt.want) {
			t.Errorf("with %d bytes available: got findings %q, want %q", tt.available, got, tt.want)
		}
	}
}

// The processes that hold the capture of a dead one are named.
func TestExamineOrphans(t *testing.T) {
	home := t.TempDir()
	put(t, home, "scheduler_memory.bin", raw(t, noSuchPID, false))
	pid, end := holder(t, filepath.Join(home, "scheduler_memory.bin"))
	defer end()
	d := examine(t, home, ExamineOptions{})
	if got, want := kinds(d), []string{"scheduler in-the-way", "scheduler held-by-orphans", "scheduler wrong-process"}; !slices.Equal(got, want) {
		t.Errorf("got findings %q, want %q", got, want)
	}
	if got := d.Components[0].Capture.Holders; !slices.Equal(got, []int{pid}) {
		t.Errorf("got holders %d, want %d", got, pid)
	}
}
