package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
)

// takes checks that memvault takes a command line. With --help at its end all flags are read, and nothing done.
func takes(t *testing.T, args ...string) {
	t.Helper()
	memvault := os.Getenv("MEMVAULT")
	if memvault == "" {
		t.Skip("MEMVAULT does not name the program, as the test of package deploy does")
	}
	if out, err := exec.Command(memvault, append(slices.Clone(args), "--help")...).CombinedOutput(); err != nil {
		t.Errorf("memvault %q: %v: %s", args, err, out)
	}
}

// Every command line of memvault in the manifests is one that it takes.
func TestCommands(t *testing.T) {
	files, err := filepath.Glob("../kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list []corev1.Container
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		switch o, _ := decode(text); o := o.(type) {
		case *appsv1.Deployment:
			list = slices.Concat(list, o.Spec.Template.Spec.InitContainers, o.Spec.Template.Spec.Containers)
		case *batchv1.CronJob:
			list = append(list, o.Spec.JobTemplate.Spec.Template.Spec.Containers...)
		}
	}
	seen := 0
	for _, c := range list {
		if c.Name == "memvault" {
			seen++
			takes(t, c.Args...)
		}
	}
	if seen != 2 {
		t.Errorf("got %d containers of memvault, want 2", seen)
	}
	takes(t, "rotate", "/captures")
}

func TestCommandsOfHelm(t *testing.T) {
	text, err := os.ReadFile("../helm/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Scheduler struct {
			InitContainers []corev1.Container `json:"extraInitContainers"`
		} `json:"scheduler"`
	}
	if err := yaml.Unmarshal(text, &v); err != nil || len(v.Scheduler.InitContainers) != 1 {
		t.Fatalf("got %+v, %v, want a sidecar", v, err)
	}
	takes(t, v.Scheduler.InitContainers[0].Args...)
}

func TestCommandsOfCompose(t *testing.T) {
	p, err := load(t, "testdata/docker-compose.yaml", "../compose/docker-compose.memvault.yaml")
	if err != nil {
		t.Fatal(err)
	}
	takes(t, p.Services["memvault"].Command...)
	takes(t, p.Services["memvault"].HealthCheck.Test[2:]...)
}
