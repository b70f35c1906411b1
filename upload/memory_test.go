package upload

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/s3test"
	"github.com/memvault/memvault/internal/soak"
)

// maxResident is what an upload of up to 256 GiB may take, in bytes.
const maxResident = 128 << 20

// TestResident uploads with the parts that an object of 256 GiB has, in a process of its own,
// and asks the kernel how much memory that took at most.
func TestResident(t *testing.T) {
	if os.Getenv("UPLOAD_RESIDENT") != "" {
		uploadResident(t)
		return
	}
	if raced {
		t.Skip("the race detector takes memory of its own")
	}
	server := s3test.Named(t, s3test.Versity)
	f := patterned(t, int64(soak.N(t, 200, 1500))<<20)
	cmd := exec.Command(os.Args[0], "-test.run=^TestResident$", "-test.v")
	cmd.Env = append(os.Environ(), append(server.Env(), "UPLOAD_RESIDENT="+server.NewBucket(t)+" "+f)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, after, _ := strings.Cut(string(out), "resident ")
	kilobytes, err := strconv.Atoi(strings.Fields(after + " ?")[0])
	if err != nil {
		t.Skipf("the kernel does not tell the peak: %s", out)
	}
	t.Logf("%d MB at most", kilobytes>>10)
	if kilobytes<<10 > maxResident {
		t.Errorf("resident: got %d MB, want %d or less", kilobytes>>10, maxResident>>20)
	}
}

// patterned writes a file that compresses to about half.
func patterned(t *testing.T, size int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "large.bin")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	block := make([]byte, 4096)
	for range size / int64(len(block)) {
		_, _ = random.Read(block[:len(block)/2])
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// uploadResident is what the child process does, with the garbage collector set as main does.
func uploadResident(t *testing.T) {
	debug.SetGCPercent(5)
	bucket, name, _ := strings.Cut(os.Getenv("UPLOAD_RESIDENT"), " ")
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := Dial(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Place: Place{Bucket: bucket}, PartSize: partSize(archive.MaxStored(256<<30), 0), Archive: archive.Options{Workers: archive.NewWorkers()}}
	r, err := s.Upload(t.Context(), f, o)
	if err != nil || r.State != Uploaded || r.PartsSent < 3 {
		t.Fatalf("Upload: got %+v, %v", r, err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Println("resident ?")
		return
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Println("resident", strings.Fields(peak)[0])
}

func TestPartSize(t *testing.T) {
	for _, tt := range []struct{ stored, least, want int64 }{
		{0, 0, DefaultPartSize},
		{1 << 30, 0, DefaultPartSize},
		{1 << 30, 1, minPartSize},
		{maxParts * DefaultPartSize, 0, DefaultPartSize},
		{maxParts*DefaultPartSize + 1, 0, DefaultPartSize + 1<<20},
		{256 << 30, 0, 27 << 20},
		{5 << 40, 0, 525 << 20},
	} {
		got := partSize(tt.stored, tt.least)
		if got != tt.want || got*maxParts < tt.stored {
			t.Errorf("partSize(%d, %d): got %d, want %d", tt.stored, tt.least, got, tt.want)
		}
	}
}

// TestMemoryLimit hands out buffers of several sizes to many, who never have more than the limit.
func TestMemoryLimit(t *testing.T) {
	const limit = 100
	m := newMemory(limit)
	var out atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			size := 10 * (1 + i%5)
			for range 200 {
				b, err := m.take(t.Context(), size)
				if err != nil || len(b) != size {
					t.Errorf("take(%d): got %d bytes, %v", size, len(b), err)
					return
				}
				if n := out.Add(int64(size)); n > limit {
					t.Errorf("out: got %d bytes, want %d or fewer", n, limit)
				}
				out.Add(-int64(size))
				m.give(b[:size/2])
			}
		})
	}
	wg.Wait()
	b, err := m.take(t.Context(), 10*limit)
	if err != nil || len(b) != 10*limit {
		t.Fatalf("take of more than the limit: got %d bytes, %v, want all, when nobody has any", len(b), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := m.take(ctx, 1); err == nil {
		t.Error("take while the limit is out: got a buffer, want to wait")
	}
}
