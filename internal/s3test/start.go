package s3test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

const region = "us-east-1"

// Servers are built within buildTime and ready within startTime, or given up.
const (
	buildTime = 30 * time.Minute
	startTime = 2 * time.Minute
)

// Start returns what Servers does, without a test: versitygw and MinIO, running until this
// process ends.
func Start() ([]Server, error) { return started() }

var started = sync.OnceValues(func() ([]Server, error) {
	if runtime.GOOS == "windows" {
		return nil, errors.New("the servers need a POSIX system")
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	servers := make([]Server, len(tools))
	errs := make([]error, len(tools))
	var wg sync.WaitGroup
	for i, tool := range tools {
		wg.Go(func() { servers[i], errs[i] = tool.start(ctx) })
	}
	wg.Wait()
	return servers, errors.Join(errs...)
})

// start builds and runs the server, on another port where somebody else took the first.
func (t tool) start(ctx context.Context) (Server, error) {
	program, err := t.build(ctx)
	if err != nil {
		return Server{}, err
	}
	for range 3 {
		var s Server
		if s, err = t.run(program); err == nil {
			return s, nil
		}
	}
	return Server{}, err
}

// supervisor runs the program "$@" and, when the pipe at its file descriptor 3 closes
// because the test binary has ended in whatever way, kills it and removes the folder $0.
const supervisor = `
(trap '' INT HUP TERM; read _; kill -9 $$; sleep 0.2; rm -rf "$0" || { sleep 1; rm -rf "$0"; }) <&3 &
exec "$@" 3<&-`

// run starts the program in a new folder and waits until it answers.
func (t tool) run(program string) (_ Server, err error) {
	dir, err := os.MkdirTemp("", "memvault-s3test-")
	if err != nil {
		return Server{}, err
	}
	cert, key, err := writeCertificate(dir)
	if err != nil {
		return Server{}, err
	}
	address, err := freeAddress()
	if err != nil {
		return Server{}, err
	}
	s := Server{
		Name: t.name, Endpoint: "https://" + address, CACert: cert,
		AccessKey: "memvault-test", SecretKey: rand.Text(), Region: region,
	}
	log := filepath.Join(dir, "log")
	exited, kill, err := t.spawn(program, dir, log, key, s)
	if err != nil {
		return Server{}, err
	}
	if err := s.await(exited); err != nil {
		kill()
		text, _ := os.ReadFile(log)
		return Server{}, fmt.Errorf("start %s: %w\n%s", t.name, err, text)
	}
	return s, nil
}

// spawn starts the supervised program and returns a channel that gives its end, and a
// function that ends it.
func (t tool) spawn(program, dir, log, key string, s Server) (<-chan error, func(), error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, nil, err
	}
	defer output.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer read.Close()
	args, env := t.command(dir, key, s)
	cmd := exec.Command("sh", append([]string{"-c", supervisor, dir, program}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = output, output
	cmd.ExtraFiles = []*os.File{read}
	if err := cmd.Start(); err != nil {
		write.Close()
		return nil, nil, err
	}
	exited := make(chan error, 1)
	go func() {
		exited <- cmd.Wait()
		runtime.KeepAlive(write) // open as long as this process lives
	}()
	return exited, func() { write.Close() }, nil
}

// command returns the arguments and the environment of the server; all paths are absolute,
// because versitygw changes its working directory.
func (t tool) command(dir, key string, s Server) (args, env []string) {
	data := filepath.Join(dir, "data")
	sidecar, versions := filepath.Join(dir, "sidecar"), filepath.Join(dir, "versions")
	for _, d := range []string{data, sidecar, versions} {
		os.Mkdir(d, 0o700) // a server without it says so
	}
	address := strings.TrimPrefix(s.Endpoint, "https://")
	if t.name == Versity {
		// Not every file system has the extended attributes that it uses without sidecar.
		return []string{
			"--port", address, "--cert", s.CACert, "--key", key, "--region", region, "--quiet",
			"posix", "--sidecar", sidecar, "--versioning-dir", versions, data,
		}, []string{"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey}
	}
	var secret [32]byte
	rand.Read(secret[:])
	return []string{"server", "--quiet", "--address", address, "--certs-dir", dir, data}, []string{
		"MINIO_ROOT_USER=" + s.AccessKey, "MINIO_ROOT_PASSWORD=" + s.SecretKey, "MINIO_BROWSER=off",
		"MINIO_UPDATE=off", "MINIO_KMS_SECRET_KEY=test-key:" + base64.StdEncoding.EncodeToString(secret[:]),
	}
}

// await returns nil as soon as the server answers.
func (s Server) await(exited <-chan error) error {
	core, err := s.Dial()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		_, err := core.ListBuckets(ctx)
		if err == nil {
			return nil
		}
		select {
		case end := <-exited:
			return fmt.Errorf("ended at once: %v", end)
		case <-ctx.Done():
			return fmt.Errorf("does not answer in %s: %w", startTime, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
