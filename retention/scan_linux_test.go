package retention

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/internal/soak"
	"github.com/memvault/memvault/internal/testfs"
)

// A tree makes files for tests.
type tree struct {
	testing.TB
	dir string
}

func newTree(t testing.TB) *tree { return &tree{t, t.TempDir()} }

func (t *tree) path(name string) string { return filepath.Join(t.dir, name) }

// write makes a file that was changed last at testNow.
func (t *tree) write(name string, data []byte) string {
	t.Helper()
	path := t.path(name)
	t.must(os.MkdirAll(filepath.Dir(path), 0o755))
	t.must(os.WriteFile(path, data, 0o644))
	t.must(os.Chtimes(path, testNow, testNow))
	return path
}

func (t *tree) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// killed gives a raw capture with a zero tail, whose process was killed.
func killed(tb testing.TB, start time.Time) []byte {
	return codectest.Capture(tb, fmt.Sprintf(`HEADER version=12 start_time=%[1]d end_time=%[1]d pid=42 command_line=run.py
CONTEXT_SWITCH tid=1
ALLOCATION address=0x1000 size=64 allocator=malloc
ZEROS 4096
`, start.UnixMilli()))
}

func packed(tb testing.TB, data []byte) []byte {
	tb.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return z.EncodeAll(data, nil)
}

// listing gives a line for each capture: what the policy sees of it.
func listing(captures []Capture, dir string) string {
	var b strings.Builder
	for _, c := range captures {
		at, err := filepath.Rel(dir, c.Path())
		if err != nil {
			at = err.Error()
		}
		var line strings.Builder
		line.WriteString(fmt.Sprintf("%q %s %v ended %s", at, c.Component, c.State, c.End.UTC().Format(time.RFC3339)))
		for flag, on := range map[string]bool{" kept": c.Kept, " leftover": c.Leftover, " pinned": c.Pinned != "", " held": c.Held} {
			if on {
				line.WriteString(flag)
			}
		}
		b.WriteString(line.String() + "\n")
	}
	return b.String()
}

func TestScan(t *testing.T) {
	f := newTree(t)
	end := testNow.Add(-10 * day)
	done, dead := finished(t, end), killed(t, end)
	f.write("raw_memory.bin", append(done, make([]byte, 4000)...))
	f.write("scheduler_memory.20260102T150405Z.77.bin", codectest.LZ4(done))
	f.write("x.bin.zst", packed(t, done))
	f.write("y.bin.zst", packed(t, dead))
	f.write("y.bin.keep", nil)
	f.write("dead_memory.bin", dead)
	f.write("dead_memory.bin.keep", nil)
	f.write("dead_memory.bin.4711", dead)
	f.write("cut.bin", codectest.LZ4NoEnd(done))
	f.write("api_memory.bin.lz4.tmp", codectest.LZ4NoEnd(done))
	f.write("early_memory.bin.lz4.tmp", codectest.LZ4NoEnd(done)[:20])
	f.write("api_memory.bin", nil)
	f.write("memray-run.py.77.bin", nil)
	f.write("a\nb_memory.bin", dead)
	// What is no capture, by name or by content.
	f.write("empty.bin", nil)
	f.write("firmware.bin", []byte("memray is a word in here"))
	f.write("notes.txt", done)
	f.write("memray.bin", []byte("memray"))
	f.write("archive.bin.lz4.tmp", []byte("text"))
	f.write("sub/inner_memory.bin", done)
	f.write(TrashDir+"/trashed_memory.bin", done)

	want := `"a\nb_memory.bin" a
b crashed ended 2026-11-18T12:00:00Z
"api_memory.bin" api crashed ended 2026-11-18T12:00:00Z
"api_memory.bin.lz4.tmp" api crashed ended 2026-11-18T12:00:00Z leftover
"cut.bin" cut crashed ended 2026-11-18T12:00:00Z
"dead_memory.bin" dead crashed ended 2026-11-18T12:00:00Z kept
"dead_memory.bin.4711" dead crashed ended 2026-11-18T12:00:00Z
"early_memory.bin.lz4.tmp" early crashed ended 2026-11-18T12:00:00Z leftover
"memray-run.py.77.bin" memray-run.py crashed ended 2026-11-18T12:00:00Z
"raw_memory.bin" raw finished ended 2026-11-08T12:00:00Z
"scheduler_memory.20260102T150405Z.77.bin" scheduler finished ended 2026-11-08T12:00:00Z
"x.bin.zst" x finished ended 2026-11-08T12:00:00Z
"y.bin.zst" y crashed ended 2026-11-18T12:00:00Z kept
`
	captures, err := Scan(t.Context(), f.dir, ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := listing(captures, f.dir); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	inner := "\"sub/inner_memory.bin\" inner finished ended 2026-11-08T12:00:00Z\n"
	captures, err = Scan(t.Context(), f.dir, ScanOptions{Recursive: true})
	if got := listing(captures, f.dir); err != nil || got != want+inner {
		t.Errorf("recursively, got %v and:\n%s\nwant:\n%s", err, got, want+inner)
	}
	c := captures[len(captures)-1]
	if c.Bytes != 4096 || c.File.Ino == 0 || !c.Start.Equal(end.Add(-time.Second)) {
		t.Errorf("got %d bytes in inode %d, started %v, want 4096 in one, %v", c.Bytes, c.File.Ino, c.Start, end.Add(-time.Second))
	}
}

// TestScanHostile: nothing hangs, and nothing but regular files of one name, in the folder, is taken.
func TestScanHostile(t *testing.T) {
	f := newTree(t)
	outside := newTree(t)
	done := finished(t, testNow)
	real := outside.write("real_memory.bin", done)
	outside.write("twin_memory.bin", done)
	f.must(unix.Mkfifo(f.path("fifo_memory.bin"), 0o600))
	f.must(os.Symlink("/etc/passwd", f.path("passwd_memory.bin")))
	f.must(os.Symlink(real, f.path("link_memory.bin")))
	f.must(os.Symlink(outside.dir, f.path("linked")))
	f.must(os.Symlink("loop_memory.bin", f.path("loop_memory.bin")))
	f.must(os.Mkdir(f.path("dir_memory.bin"), 0o755))
	f.must(os.Mkdir(f.path("dir_memory.bin/in_memory.bin"), 0o755))
	f.must(os.Link(f.write("one_memory.bin", done), f.path("two_memory.bin")))
	f.write("lies_memory.bin", append([]byte("memray\x00\x0d\x00\x00\x00"), bytes.Repeat([]byte{0xff}, 1<<16)...))
	if err := unix.Mknod(f.path("null_memory.bin"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
		t.Logf("without a device: %v", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	f.must(err)
	defer unix.Close(fd)
	f.must(unix.Bind(fd, &unix.SockaddrUnix{Name: f.path("s_memory.bin")}))

	for _, recursive := range []bool{false, true} {
		captures, err := Scan(t.Context(), f.dir, ScanOptions{Recursive: recursive})
		want := "\"one_memory.bin\" one finished ended 2026-11-18T12:00:00Z pinned\n\"two_memory.bin\" two finished ended 2026-11-18T12:00:00Z pinned\n"
		if got := listing(captures, f.dir); err != nil || got != want {
			t.Errorf("recursive %v: got %v and:\n%s\nwant:\n%s", recursive, err, got, want)
		}
	}
	if _, err := Scan(t.Context(), real, ScanOptions{}); err == nil {
		t.Error("Scan of a file gives no error")
	}
	if _, err := Scan(t.Context(), f.path("none"), ScanOptions{}); err == nil {
		t.Error("Scan of what is not there gives no error")
	}
}

// TestScanLive: what this process has open for writing is live, whatever its content.
func TestScanLive(t *testing.T) {
	f := newTree(t)
	for name, data := range map[string][]byte{"dead_memory.bin": killed(t, testNow), "done_memory.bin": finished(t, testNow), "api_memory.bin": nil} {
		w, err := os.OpenFile(f.write(name, data), os.O_RDWR, 0)
		f.must(err)
		defer w.Close()
	}
	captures, err := Scan(t.Context(), f.dir, ScanOptions{})
	if err != nil || len(captures) != 3 {
		t.Fatalf("got %d captures, %v, want 3", len(captures), err)
	}
	for _, c := range captures {
		if c.State != Live || c.Note == "" {
			t.Errorf("%s: got %v (%s), want live, and why", c.Name, c.State, c.Note)
		}
	}
}

// TestScanOtherDisk: a file system that is mounted within the folder is not entered.
func TestScanOtherDisk(t *testing.T) {
	mounted := testfs.New(t, testfs.Tmpfs, 1<<20)
	inner := &tree{t, mounted}
	inner.write("inner_memory.bin", finished(t, testNow))
	captures, err := Scan(t.Context(), filepath.Dir(mounted), ScanOptions{Recursive: true})
	if err != nil || len(captures) != 0 {
		t.Errorf("got %s, %v, want nothing of the other disk", listing(captures, mounted), err)
	}
	captures, err = Scan(t.Context(), mounted, ScanOptions{Recursive: true})
	if err != nil || len(captures) != 1 {
		t.Errorf("got %s, %v, want the capture of the disk itself", listing(captures, mounted), err)
	}
}

// TestScanMany scans 100,000 files, some of which are no captures.
func TestScanMany(t *testing.T) {
	f, n := newTree(t), soak.N(t, 3000, 100_000)
	done := finished(t, testNow)
	for i := range n {
		data := done
		if i%10 == 0 {
			data = []byte("no capture")
		}
		f.must(os.WriteFile(f.path(fmt.Sprintf("c%d_memory.bin", i)), data, 0o644))
	}
	captures, err := Scan(t.Context(), f.dir, ScanOptions{})
	if want := n - (n+9)/10; err != nil || len(captures) != want {
		t.Errorf("got %d captures, %v, want %d", len(captures), err, want)
	}
}

func TestReadDisk(t *testing.T) {
	dir := testfs.New(t, testfs.Tmpfs, 64<<20)
	f := &tree{t, dir}
	f.write(TrashDir+"/a-x.bin", make([]byte, 10<<20))
	f.write(TrashDir+"/journal", make([]byte, 1<<20))
	d, err := ReadDisk(dir)
	if err != nil || d.Total != 64<<20 || d.Trash != 10<<20 || d.TrashFiles != 1 || d.Free > 53<<20 || d.Free < 52<<20 || d.Inodes == 0 {
		t.Errorf("got %+v, %v, want 64 MiB, 53 free, one file of 10 MiB in the trash", d, err)
	}
}
