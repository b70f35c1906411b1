package airflow

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// in looks into an environment.
func in(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
}

func TestHome(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		want string
	}{
		{"default", map[string]string{"HOME": "/home/a"}, "/home/a/airflow"},
		{"set", map[string]string{"AIRFLOW_HOME": "/opt/airflow"}, "/opt/airflow"},
		{"expanded", map[string]string{"AIRFLOW_HOME": "$BASE/${SUB}", "BASE": "~/b", "SUB": "c", "HOME": "/home/a"}, "/home/a/b/c"},
		{"unknown variable", map[string]string{"AIRFLOW_HOME": "/x/$NONE/${NONE}/$"}, "/x/$NONE/${NONE}/$"},
		{"of another", map[string]string{"AIRFLOW_HOME": "~other/x", "HOME": "/home/a"}, "~other/x"},
		{"without an end", map[string]string{"AIRFLOW_HOME": "/x/$A", "A": "$B", "B": "$A"}, "/x/$A"},
		{"not closed", map[string]string{"AIRFLOW_HOME": "/x/${A", "A": "y"}, "/x/${A"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := HomeIn(in(tt.env)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A variable that doubles with each expansion does not fill the memory.
func TestHomeBounded(t *testing.T) {
	got := HomeIn(in(map[string]string{"AIRFLOW_HOME": "$A", "A": strings.Repeat("$A", 100)}))
	if len(got) > maxExpanded {
		t.Errorf("got %d bytes, want at most %d", len(got), maxExpanded)
	}
}

func TestParseSection(t *testing.T) {
	text := `
# memray_trace_components = commented
[core]
memray_trace_components = elsewhere
[profiling]
Memray_Trace_Components = scheduler,
    # a comment
    api
; another
memray_detailed_tracing: True
odd
percent = 50%%
[logging]
memray_detailed_tracing = False
`
	got, err := parseSection(strings.NewReader(text))
	want := map[string]string{
		keyComponents: "scheduler,\napi", keyDetailed: "True", "odd": "", "percent": "50%",
	}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestSettings(t *testing.T) {
	home := t.TempDir()
	cfg := filepath.Join(home, "airflow.cfg")
	other := filepath.Join(home, "other.cfg")
	write(t, cfg, "[profiling]\nmemray_trace_components = scheduler, triggerer\nmemray_detailed_tracing = true # yes\n")
	write(t, other, "[profiling]\nmemray_trace_components = api\n")
	env := envPrefix + "MEMRAY_TRACE_COMPONENTS"
	tests := []struct {
		name            string
		env             map[string]string
		known, unknown  []string
		source          string
		detailed, reads bool
	}{
		{"file", nil, []string{"scheduler", "triggerer"}, nil, cfg, true, true},
		{"environment", map[string]string{env: "api,Scheduler,"}, []string{"api"}, []string{"Scheduler"}, env, true, true},
		{"switched off", map[string]string{env: ""}, nil, nil, env, true, true},
		{"other file", map[string]string{"AIRFLOW_CONFIG": other}, []string{"api"}, nil, other, false, true},
		{"no file", map[string]string{"AIRFLOW_CONFIG": "/nowhere"}, nil, nil, "", false, false},
		{"command and secret are left alone", map[string]string{env + "_CMD": "touch " + home + "/ran", env + "_SECRET": "x"},
			[]string{"scheduler", "triggerer"}, nil, cfg, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := readSettings(home, in(tt.env))
			if err != nil {
				t.Fatal(err)
			}
			known, unknown := s.traced()
			if !slices.Equal(known, tt.known) || !slices.Equal(unknown, tt.unknown) || s.source != tt.source || s.detailed != tt.detailed || s.read != tt.reads {
				t.Errorf("got %q, %q of %+v\nwant %q, %q from %q, detailed %v, read %v", known, unknown, s, tt.known, tt.unknown, tt.source, tt.detailed, tt.reads)
			}
			if _, err := os.Stat(filepath.Join(home, "ran")); err == nil {
				t.Error("the command was run")
			}
		})
	}
}

func TestInstalled(t *testing.T) {
	venv, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	packages := filepath.Join(venv, "lib", "python3.12", "site-packages")
	for _, dir := range []string{"apache_airflow-3.3.2.dist-info", "apache_airflow_core-3.3.2.dist-info", "memray-1.20.0.dist-info"} {
		if err := os.MkdirAll(filepath.Join(packages, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(venv, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(bin, "airflow"), "#!/bin/false\n")
	path := t.TempDir() + string(filepath.ListSeparator) + bin
	got := findInstalled(in(map[string]string{"PATH": path}))
	if want := (installed{"3.3.2", "1.20.0", packages}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := findInstalled(in(nil)); got != (installed{}) {
		t.Errorf("without a PATH: got %+v, want none", got)
	}
}

func TestBefore(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"3.2.0", "3.2.2", true}, {"3.2.2", "3.2.2", false}, {"3.10.0", "3.2.2", false}, {"2.11.0", "3.2.0", true}, {"3.2.0rc1", "3.2.2", false},
	} {
		if got := before(tt.a, tt.b); got != tt.want {
			t.Errorf("before(%s, %s): got %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func FuzzParseSection(f *testing.F) {
	f.Add("[profiling]\na=b\n c\n[x]")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseSection(strings.NewReader(text)) })
}
