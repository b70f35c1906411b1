package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/internal/s3test"
	"github.com/memvault/memvault/internal/soak"
)

// peak runs an upload, which must succeed, and returns the most memory it had, in bytes. The
// kernel's ru_maxrss would not do: it begins with that of the process that started it.
func peak(t *testing.T, cmd *exec.Cmd, want int) (most int64) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		most = max(most, highWater(t, cmd.Process.Pid))
		select {
		case err := <-ended:
			list := decoded(t, stdout.Bytes())
			if err != nil || len(list) != want {
				t.Fatalf("got %d results, %v, want %d\n%s", len(list), err, want, stderr.Bytes())
			}
			return most
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// highWater reads the most memory that the process has had, in bytes; 0 once it has ended.
func highWater(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, ok := strings.Cut(string(text), "VmHWM:")
	if !ok {
		return 0
	}
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

const mostMemory = 128 << 20

// TestSoakMemory measures the peak memory of uploads by the program as it is shipped: of a
// large file, of a large capture whose blocks all stay alive, and of two files at once.
func TestSoakMemory(t *testing.T) {
	large := int64(soak.N(t, 80, 3000)) << 20
	const records = 4_000_000 // more blocks than can be counted in little memory
	program := buildMemvault(t)
	s := s3test.Named(t, s3test.Versity)
	for _, tt := range []struct {
		name string
		make func(dir string) int // returns how many files
		args []string
	}{
		{"large file", func(dir string) int { bigFile(t, dir, "x.bin", large); return 1 }, nil},
		{"large capture", func(dir string) int { captureFile(t, dir, 1, records); return 1 }, nil},
		{"eight parts at a time", func(dir string) int { bigFile(t, dir, "x.bin", large); return 1 }, []string{"--parts", "8", "--proof", "read"}},
		{"two files at a time, as by default", func(dir string) int {
			bigFile(t, dir, "a.bin", large/2)
			captureFile(t, dir, 2, records)
			return 2
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			files := tt.make(dir)
			names, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			args := append([]string{"upload", "s3", "--json", "--state", t.TempDir(), "s3://" + s.NewBucket(t)}, names...)
			args = append(args, tt.args...)
			cmd := command(t, s, args...)
			cmd.Path = program
			cmd.Env = append(cmd.Env, "GOMAXPROCS=8") // more processors take more memory
			got := peak(t, cmd, files)
			t.Logf("peak %.1f MiB", float64(got)/(1<<20))
			if got >= mostMemory {
				t.Errorf("got a peak of %d bytes, want less than %d", got, mostMemory)
			}
		})
	}
}

// bigFile writes a file that does not compress.
func bigFile(t *testing.T, dir, name string, size int64) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{byte(len(name)), name[0]}), size); err != nil {
		t.Fatal(err)
	}
}
