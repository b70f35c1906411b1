package check

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// load merges files as docker compose does.
func load(t *testing.T, files ...string) (*types.Project, error) {
	t.Helper()
	details := types.ConfigDetails{WorkingDir: t.TempDir(), Environment: types.Mapping{"AIRFLOW_UID": "1000"}}
	for _, f := range files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: f})
	}
	return loader.LoadWithContext(t.Context(), details, func(o *loader.Options) { o.SetProjectName("airflow", true) })
}

func TestCompose(t *testing.T) {
	p, err := load(t, "testdata/docker-compose.yaml", "../compose/docker-compose.memvault.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, command := range map[string]string{
		"airflow-scheduler": "scheduler", "airflow-dag-processor": "dag-processor", "airflow-triggerer": "triggerer", "airflow-apiserver": "api-server",
	} {
		s := p.Services[name]
		want := "bash -c memvault rotate /opt/airflow/captures; AIRFLOW_HOME=/opt/airflow/captures exec airflow " + command
		if got := strings.Join(s.Command, " "); !strings.HasPrefix(got, want) || s.Restart != "always" {
			t.Errorf("%s: got command %q, restart %q, want %q, always", name, got, s.Restart, want)
		}
		if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < time.Minute {
			t.Errorf("%s: got a grace period of %v, want a minute at least", name, s.StopGracePeriod)
		}
		if !mounts(s, "captures", "/opt/airflow/captures") || len(s.Volumes) != 3 {
			t.Errorf("%s: got volumes %v, want captures beside those that were there", name, s.Volumes)
		}
		if _, ok := s.Environment["AIRFLOW_HOME"]; ok {
			t.Errorf("%s: AIRFLOW_HOME is moved for all of the container", name)
		}
		if s.Environment["AIRFLOW__CORE__EXECUTOR"] == nil || s.Environment["AIRFLOW__PROFILING__MEMRAY_TRACE_COMPONENTS"] == nil {
			t.Errorf("%s: got environment %v, want it to be merged", name, s.Environment)
		}
	}
	if s := p.Services["airflow-init"]; !mounts(s, "captures", "/opt/airflow/captures") || s.User != "0:0" {
		t.Errorf("airflow-init: got %v, want it to give captures to Airflow's user", s.Volumes)
	}
	checkMemvault(t, p.Services["memvault"], p.Services["airflow-scheduler"].User)
}

func checkMemvault(t *testing.T, s types.ServiceConfig, user string) {
	t.Helper()
	if s.User != user {
		t.Errorf("memvault: got user %q, want Airflow's %q", s.User, user)
	}
	if !mounts(s, "captures", "/captures") || !slices.Contains(s.Command, "/captures") {
		t.Errorf("memvault: got volumes %v, command %q, want it to watch captures", s.Volumes, s.Command)
	}
	drain, err := time.ParseDuration(flag(s.Command, "drain"))
	if err != nil || s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < drain+time.Minute {
		t.Errorf("memvault: got --drain %v (%v), grace period %v, want a minute more", drain, err, s.StopGracePeriod)
	}
	if h := s.HealthCheck; h == nil || !slices.Equal(h.Test, []string{"CMD", "/usr/bin/memvault", "health"}) {
		t.Errorf("memvault: got health check %+v, want one without a shell", h)
	}
}

func mounts(s types.ServiceConfig, volume, target string) bool {
	return slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == "volume" && v.Source == volume && v.Target == target
	})
}

// A key that compose does not know is refused, not passed over.
func TestComposeStrict(t *testing.T) {
	if _, err := load(t, "testdata/misspelt.yaml"); err == nil || !strings.Contains(err.Error(), "comand") {
		t.Errorf("got %v, want comand to be refused", err)
	}
}
