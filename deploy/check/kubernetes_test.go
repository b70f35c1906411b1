// Package check holds no code but tests of the files in deploy: with the decoders of Kubernetes and of compose, and
// for what those let pass. It is a module of its own, so that the product's go.mod needs none of them;
// the test of package deploy runs it.
package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

// decode reads one manifest as the API server does: no unknown field, none twice, none in the wrong case.
func decode(text []byte) (runtime.Object, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	o, _, err := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer().Decode(text, nil, nil)
	return o, err
}

func TestManifests(t *testing.T) {
	files, err := filepath.Glob("../kubernetes/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("got %q, %v, want the manifests", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for part := range bytes.SplitSeq(text, []byte("\n---\n")) {
				o, err := decode(part)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range problems(o) {
					t.Error(p)
				}
			}
		})
	}
}

// problems looks for what strict decoding lets pass.
func problems(o runtime.Object) []string {
	switch o := o.(type) {
	case *appsv1.Deployment:
		list := pod(&o.Spec.Template.Spec, corev1.RestartPolicyAlways)
		for k, v := range o.Spec.Selector.MatchLabels {
			if o.Spec.Template.Labels[k] != v {
				list = append(list, fmt.Sprintf("selector %s=%s, pods are labelled %q", k, v, o.Spec.Template.Labels[k]))
			}
		}
		return list
	case *batchv1.CronJob:
		return cronJob(o)
	case *networkingv1.NetworkPolicy:
		return nil
	}
	return []string{fmt.Sprintf("no checks for a %T", o)}
}

func cronJob(o *batchv1.CronJob) []string {
	var list []string
	if n := len(strings.Fields(o.Spec.Schedule)); n != 5 {
		list = append(list, fmt.Sprintf("schedule %q has %d fields", o.Spec.Schedule, n))
	}
	if o.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
		list = append(list, fmt.Sprintf("concurrencyPolicy is %q", o.Spec.ConcurrencyPolicy))
	}
	if o.Spec.TimeZone == nil {
		list = append(list, "no timeZone")
	} else if _, err := time.LoadLocation(*o.Spec.TimeZone); err != nil {
		list = append(list, err.Error())
	}
	return append(list, pod(&o.Spec.JobTemplate.Spec.Template.Spec, corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure)...)
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// pod checks a pod, which may be restarted in one of these ways.
func pod(p *corev1.PodSpec, restarts ...corev1.RestartPolicy) []string {
	var list []string
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if p.RestartPolicy != "" && !slices.Contains(restarts, p.RestartPolicy) {
		say("restartPolicy is %q", p.RestartPolicy)
	}
	volumes := map[string]bool{}
	for _, v := range p.Volumes {
		if volumes[v.Name] {
			say("two volumes %s", v.Name)
		}
		volumes[v.Name] = true
	}
	names := map[string]bool{}
	ports := map[int32]bool{}
	for _, c := range slices.Concat(p.InitContainers, p.Containers) {
		if !nameForm.MatchString(c.Name) || names[c.Name] {
			say("container name %q", c.Name)
		}
		names[c.Name] = true
		for _, port := range c.Ports {
			if ports[port.ContainerPort] {
				say("port %d twice", port.ContainerPort)
			}
			ports[port.ContainerPort] = true
		}
		list = append(list, container(&c, volumes)...)
	}
	for _, c := range p.InitContainers {
		list = append(list, sidecar(&c, p)...)
	}
	return list
}

func container(c *corev1.Container, volumes map[string]bool) []string {
	var list []string
	say := func(format string, args ...any) {
		list = append(list, c.Name+": "+fmt.Sprintf(format, args...))
	}
	if c.Image == "" {
		say("no image")
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] || m.MountPath == "" {
			say("mounts %q of no volume, or nowhere", m.Name)
		}
	}
	env := map[string]bool{}
	for _, e := range c.Env {
		if env[e.Name] {
			say("%s twice", e.Name)
		}
		env[e.Name] = true
		if e.Name == "AIRFLOW_HOME" {
			say("AIRFLOW_HOME: the chart has it already")
		}
	}
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if probe != nil && probe.HTTPGet != nil && !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return p.Name == probe.HTTPGet.Port.StrVal
		}) {
			say("probes port %s, which it does not name", probe.HTTPGet.Port.String())
		}
	}
	if len(c.Args) > 0 && c.Args[0] == "bash" && !(strings.Contains(c.Args[2], "memvault rotate /captures;") && strings.Contains(c.Args[2], " AIRFLOW_HOME=/captures exec airflow ")) {
		say("starts %q, without rotate or with another AIRFLOW_HOME", c.Args)
	}
	return list
}

// sidecar checks memvault beside Airflow: each of these has bitten.
func sidecar(c *corev1.Container, p *corev1.PodSpec) []string {
	var list []string
	say := func(format string, args ...any) { list = append(list, c.Name+": "+fmt.Sprintf(format, args...)) }
	if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		say("restartPolicy is not Always: an init container that does not end keeps Airflow down")
	}
	if s := c.SecurityContext; s == nil || s.RunAsUser != nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot {
		say("has a user of its own, or may be root: leases need the writer's")
	}
	if c.StartupProbe == nil || c.StartupProbe.HTTPGet == nil || c.StartupProbe.HTTPGet.Path != "/readyz" {
		say("no startup probe on /readyz")
	}
	if listen := flag(c.Args, "listen"); !strings.HasPrefix(listen, ":") {
		say("--listen %q: probes come from outside", listen)
	}
	if _, ok := c.Resources.Limits[corev1.ResourceEphemeralStorage]; ok {
		say("a limit of ephemeral storage, which would hold for the whole pod")
	}
	drain, err := time.ParseDuration(flag(c.Args, "drain"))
	if grace := p.TerminationGracePeriodSeconds; err != nil || grace != nil && time.Duration(*grace)*time.Second < drain+2*time.Minute {
		say("--drain %s leaves too little of the grace period, %v", drain, err)
	}
	return append(list, budget(c, p)...)
}

// budget wants --budget at most three quarters of the volume, which lies in no memory.
func budget(c *corev1.Container, p *corev1.PodSpec) []string {
	limit, err := resource.ParseQuantity(strings.TrimSuffix(flag(c.Args, "budget"), "B"))
	if err != nil {
		return []string{c.Name + ": --budget: " + err.Error()}
	}
	for _, v := range p.Volumes {
		if v.Name != "captures" {
			continue
		}
		if v.EmptyDir == nil || v.EmptyDir.SizeLimit == nil || v.EmptyDir.Medium != "" {
			return []string{"captures: want an emptyDir on disk, with a limit"}
		}
		if limit.Value()*4 > v.EmptyDir.SizeLimit.Value()*3 {
			return []string{fmt.Sprintf("--budget %s of a volume of %s: too near", limit.String(), v.EmptyDir.SizeLimit)}
		}
		return nil
	}
	return []string{"no volume captures"}
}

// flag gives the value of --name=value.
func flag(args []string, name string) string {
	for _, a := range args {
		if v, ok := strings.CutPrefix(a, "--"+name+"="); ok {
			return v
		}
	}
	return ""
}

// component is what the chart takes for each of the four, as far as values.yaml sets it. The chart's schema
// refuses keys that it does not know.
type component struct {
	Grace          *int64            `json:"terminationGracePeriodSeconds"`
	Args           []string          `json:"args"`
	Env            []json.RawMessage `json:"env"`
	Volumes        []json.RawMessage `json:"extraVolumes"`
	Mounts         []json.RawMessage `json:"extraVolumeMounts"`
	InitContainers []json.RawMessage `json:"extraInitContainers"`
	StartupProbe   map[string]int    `json:"startupProbe"`
	LivenessProbe  map[string]int    `json:"livenessProbe"`
}

type values struct {
	Repository   string    `json:"defaultAirflowRepository"`
	Tag          string    `json:"defaultAirflowTag"`
	Version      string    `json:"airflowVersion"`
	Scheduler    component `json:"scheduler"`
	DagProcessor component `json:"dagProcessor"`
	Triggerer    component `json:"triggerer"`
	APIServer    component `json:"apiServer"`
}

func TestHelmValues(t *testing.T) {
	text, err := os.ReadFile("../helm/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var v values
	if err := yaml.UnmarshalStrict(text, &v); err != nil {
		t.Fatal(err)
	}
	if v.Version != v.Tag {
		t.Errorf("airflowVersion %q, defaultAirflowTag %q: want the same", v.Version, v.Tag)
	}
	if v.APIServer.Grace != nil {
		t.Error("apiServer.terminationGracePeriodSeconds: the chart's schema has no such key")
	}
	v.APIServer.Grace = new(int64(300)) // so that the checks below look at the rest
	for name, c := range map[string]component{
		"scheduler": v.Scheduler, "dag-processor": v.DagProcessor, "triggerer": v.Triggerer, "api-server": v.APIServer,
	} {
		t.Run(name, func(t *testing.T) {
			o, err := decode(c.pod(t, v.Repository+":"+v.Tag))
			if err != nil {
				t.Fatal(err)
			}
			p := o.(*corev1.Pod)
			for _, problem := range pod(&p.Spec, corev1.RestartPolicyAlways) {
				t.Error(problem)
			}
			if !strings.Contains(strings.Join(c.Args, " "), "exec airflow "+name) {
				t.Errorf("starts %q, want airflow %s", c.Args, name)
			}
		})
	}
}

// pod makes of the values what the chart does.
func (c *component) pod(t *testing.T, image string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "pod"},
		"spec": map[string]any{
			"terminationGracePeriodSeconds": c.Grace, "volumes": c.Volumes, "initContainers": c.InitContainers,
			"containers": []any{map[string]any{"name": "airflow", "image": image, "args": c.Args, "env": c.Env, "volumeMounts": c.Mounts}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The checks find what they are there for.
func TestChecks(t *testing.T) {
	text, err := os.ReadFile("../kubernetes/scheduler-with-sidecar.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"unknown field", "replicas:", "replikas:", "unknown field"},
		{"wrong case", "restartPolicy: Always", "restartpolicy: Always", "unknown field"},
		{"bad quantity", "sizeLimit: 20Gi", "sizeLimit: 20GiB", "quantities"},
		{"no sidecar", "          restartPolicy: Always\n", "", "restartPolicy is not Always"},
		{"bad enum", "restartPolicy: Always", "restartPolicy: Alwayz", "restartPolicy is not Always"},
		{"loopback", "--listen=:9560", "--listen=127.0.0.1:9560", "probes come from outside"},
		{"budget", "--budget=12GiB", "--budget=19GiB", "too near"},
		{"memory", "emptyDir: {sizeLimit: 20Gi}", "emptyDir: {sizeLimit: 20Gi, medium: Memory}", "on disk"},
		{"no volume", "name: memvault-state, mountPath", "name: memvault-stat, mountPath", "of no volume"},
		{"user", "runAsNonRoot: true", "runAsNonRoot: true\n            runAsUser: 65532", "leases need"},
		{"grace", "terminationGracePeriodSeconds: 300", "terminationGracePeriodSeconds: 30", "too little"},
		{"home", "- {name: AIRFLOW_CONFIG,", "- {name: AIRFLOW_HOME,", "the chart has it"},
		{"no rotate", "memvault rotate /captures;", "", "without rotate"},
		{"port", "{name: memvault, containerPort", "{name: metrics, containerPort", "does not name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			broken := bytes.Replace(text, []byte(tt.old), []byte(tt.new), 1)
			if bytes.Equal(broken, text) {
				t.Fatalf("%q is not there", tt.old)
			}
			o, err := decode(broken)
			found := fmt.Sprint(err)
			if err == nil {
				found = strings.Join(problems(o), "\n")
			}
			if !strings.Contains(found, tt.want) {
				t.Errorf("got %q, want %q", found, tt.want)
			}
		})
	}
}
