// Package deploy holds no code but tests of the files beside them.
package deploy

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// folder holds the program that build made.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "memvault-deploy"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// build makes the program, as the Dockerfile does but for this machine.
func build(t *testing.T) string {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

var built = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile("docker/Dockerfile")
	if err != nil {
		return "", err
	}
	_, command, ok := strings.Cut(string(text), "go build ")
	command, _, ok2 := strings.Cut(command, " -o /out/memvault ./cmd/memvault")
	if !ok || !ok2 {
		return "", errors.New("docker/Dockerfile: want a line: go build ... -o /out/memvault ./cmd/memvault")
	}
	program := filepath.Join(folder, "memvault")
	args := append([]string{"build"}, strings.Fields(strings.ReplaceAll(command, `-ldflags="-s -w"`, "-ldflags=-s"))...)
	cmd := exec.Command("go", append(args, "-o", program, "../cmd/memvault")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%q: %w\n%s", cmd.Args, err, out)
	}
	return program, nil
})

// The manifests are checked in a module of their own, whose dependencies are none of the product's.
func TestManifests(t *testing.T) {
	program := build(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	fetch := exec.CommandContext(ctx, "go", "mod", "download")
	fetch.Dir = "check"
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Skipf("the modules of deploy/check cannot be had: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "./...")
	cmd.Dir = "check"
	cmd.Env = append(os.Environ(), "MEMVAULT="+program)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("deploy/check: %v\n%s", err, out)
	}
}

// The program runs in an empty image.
func TestStatic(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the image is one for Linux")
	}
	f, err := elf.Open(build(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program wants a dynamic linker")
		}
	}
}

func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("docker/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(string(text), "FROM scratch\n")
	for _, want := range []string{
		"USER 50000:0\n", `ENTRYPOINT ["/usr/bin/memvault"]`, "/etc/ssl/certs/ca-certificates.crt",
		"COPY --from=build /out/memvault /usr/bin/memvault\n", "--chown=50000:0",
	} {
		if !strings.Contains(last, want) {
			t.Errorf("docker/Dockerfile: the image has no %q", want)
		}
	}
}

// systemd reads the units and the drop-ins without a complaint: of a key that it does not know it
// only warns.
func TestSystemd(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	dir := units(t, "")
	for _, unit := range []string{"memvault-watch.service", "memvault-gc.service", "memvault-gc.timer", "airflow-scheduler.service",
		"airflow-dag-processor.service", "airflow-api.service", "airflow-triggerer.service"} {
		if out := verify(t, dir, unit); out != "" {
			t.Errorf("%s: %s", unit, out)
		}
	}
	if out := verify(t, units(t, "ProtectHone=read-only\n"), "memvault-watch.service"); !strings.Contains(out, "ProtectHone") {
		t.Errorf("a key that systemd does not know: got %q, want it named", out)
	}
}

// units copies the units, with our program in place of the installed one, beside units of Airflow's shape.
func units(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "memvault")
	if err := os.WriteFile(program, []byte("#!/bin/true\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	copied := 0
	for _, pattern := range []string{"systemd/*.service", "systemd/*.timer", "systemd/*.d/*.conf"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			unit := strings.ReplaceAll(string(text), "/usr/bin/memvault", program)
			unit = strings.Replace(unit, "[Service]\n", "[Service]\n"+more, 1)
			put(t, filepath.Join(dir, strings.TrimPrefix(file, "systemd/")), unit)
			copied++
		}
	}
	if copied != 7 {
		t.Errorf("got %d units and drop-ins, want 7", copied)
	}
	for _, c := range []string{"scheduler", "dag-processor", "api", "triggerer"} {
		put(t, filepath.Join(dir, "airflow-"+c+".service"),
			"[Unit]\nDescription=Airflow\n[Service]\nUser=root\nExecStart=/bin/bash -c 'airflow "+c+"'\nRestart=always\nRestartSec=5s\n")
	}
	return dir
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// verify gives what systemd says of a unit, but for what is missing on this machine.
func verify(t *testing.T, dir, unit string) string {
	t.Helper()
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", unit)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	out, err := cmd.CombinedOutput()
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(line string) bool {
		return line == "" || !strings.Contains(line, "memvault") && !strings.Contains(line, "airflow")
	})
	if err != nil {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// Every command line of memvault in the units and in the README is one that it takes.
func TestCommands(t *testing.T) {
	program := build(t)
	seen := 0
	for _, pattern := range []string{"systemd/*.service", "systemd/*.d/*.conf", "README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for _, args := range commands(t, file) {
				seen++
				if out, err := exec.Command(program, append(args, "--help")...).CombinedOutput(); err != nil {
					t.Errorf("%s: memvault %q: %v: %s", file, args, err, out)
				}
			}
		}
	}
	if seen < 14 {
		t.Errorf("got %d command lines, want 14 at least", seen)
	}
}

// commands gives the arguments of memvault in the lines of a file that begin with it.
func commands(t *testing.T, file string) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]string
	for line := range strings.Lines(string(text)) {
		before, command, ok := strings.Cut(line, "memvault ")
		switch before {
		case "    ", "ExecStart=/usr/bin/", "ExecStartPre=-/usr/bin/":
		default:
			ok = false
		}
		if ok {
			command, _, _ = strings.Cut(command, " #")
			list = append(list, strings.Fields(strings.ReplaceAll(command, "%%", "%")))
		}
	}
	return list
}
