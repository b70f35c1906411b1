package s3test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// A tool is a server's program, built from a module that tools/go.mod requires.
type tool struct{ name, module, pkg string }

var tools = []tool{
	{Versity, "github.com/versity/versitygw", "github.com/versity/versitygw/cmd/versitygw"},
	{MinIO, "github.com/minio/minio", "github.com/minio/minio"},
}

// build returns the path of the program, which it builds unless that has been done for
// the version in tools/go.mod. Test binaries that run at once wait for each other.
func (t tool) build(ctx context.Context) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	modfile := filepath.Join(root, "tools", "go.mod")
	version, err := requiredVersion(modfile, t.module)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "memvault-tools", version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	program := filepath.Join(dir, t.name)
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	lock := flock.New(program + ".lock")
	if _, err := lock.TryLockContext(ctx, time.Second); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	defer lock.Unlock()
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	return program, t.compile(ctx, root, modfile, program)
}

func (t tool) compile(ctx context.Context, root, modfile, program string) error {
	part := program + ".part"
	cmd := exec.CommandContext(ctx, "go", "build", "-modfile="+modfile, "-o", part, t.pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", t.name, err, out)
	}
	return os.Rename(part, program)
}

// moduleRoot returns the folder of go.mod above the working directory, which go test makes
// that of the package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}

// requiredVersion returns the version of the module that the go.mod file requires.
func requiredVersion(modfile, module string) (string, error) {
	text, err := os.ReadFile(modfile)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) >= 2 && fields[0] == module && strings.HasPrefix(fields[1], "v") {
			return fields[1], nil
		}
	}
	return "", fmt.Errorf("%s: no version of %s", modfile, module)
}
