package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// mixed is a capture, and bytes of several kinds behind it: some frames and a piece.
func mixed(t testing.TB) []byte {
	b := bytes.Join([][]byte{plainCapture(t), pattern(6 << 20), make([]byte, 5<<20), bytes.Repeat(plainCapture(t), 100)}, nil)
	if n := len(b) / FrameSize; n < 3 {
		t.Fatalf("%d frames, want several", n)
	}
	return b
}

func encode(t testing.TB, data []byte, o Options) []byte {
	t.Helper()
	_, _, stored := store(t, data, o)
	return stored
}

// The stored bytes do not depend on how many workers there are, on what they did before, nor on
// what they do beside.
func TestDeterministic(t *testing.T) {
	data := mixed(t)
	for _, level := range []Level{LevelDefault, LevelBetter} {
		want := encode(t, data, Options{Level: level, Workers: newWorkers(1)})
		for _, procs := range []int{1, 8} {
			old := runtime.GOMAXPROCS(procs)
			for _, n := range []int{1, 2, maxWorkers} {
				o := Options{Level: level, Workers: newWorkers(n)}
				encode(t, pattern(FrameSize+n), o)
				if got := encode(t, data, o); !bytes.Equal(got, want) {
					t.Errorf("%s, %d workers on %d processors: %d bytes that differ from those of one worker", level, n, procs, len(got))
				}
			}
			runtime.GOMAXPROCS(old)
		}
	}
	o := Options{Workers: newWorkers(2)}
	want := encode(t, data, o)
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if got := encode(t, append(bytes.Clone(data), byte(i)), o); bytes.Equal(got, want) {
				t.Error("other data gave the same bytes")
			}
		})
		wg.Go(func() {
			if got := encode(t, data, o); !bytes.Equal(got, want) {
				t.Error("several at a time: the bytes differ")
			}
		})
	}
	wg.Wait()
}

// The frames of a beginning are those of the whole, so that a capture that grows can be archived
// while it is written.
func TestPrefix(t *testing.T) {
	data := mixed(t)
	whole := encode(t, data, Options{})
	table := frames(t, whole)
	for n := range len(data) / FrameSize {
		part := encode(t, data[:n*FrameSize+1], Options{})
		end := 0
		for i, f := range frames(t, part)[:n] {
			if f != table[i] {
				t.Errorf("frame %d of %d: got %+v, want %+v", i, n, f, table[i])
			}
			end += int(f.stored)
		}
		if !bytes.Equal(part[:end], whole[:end]) {
			t.Errorf("the first %d frames differ", n)
		}
	}
}

func frames(t *testing.T, stored []byte) []seekFrame {
	t.Helper()
	table, err := readSeekTable(bytes.NewReader(stored), int64(len(stored)), stored)
	if err != nil {
		t.Fatal(err)
	}
	return table.frames
}

// The zstd tool reads the stored form.
func TestZstdTool(t *testing.T) {
	tool, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("zstd is not installed: apt-get install zstd")
	}
	for _, data := range [][]byte{nil, plainCapture(t), mixed(t)} {
		cmd := exec.CommandContext(t.Context(), tool, "-d", "-c")
		cmd.Stdin = bytes.NewReader(encode(t, data, Options{}))
		var out, fault bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &fault
		if err := cmd.Run(); err != nil || !bytes.Equal(out.Bytes(), data) {
			t.Errorf("zstd -d: %d bytes, %v %s; want %d bytes", out.Len(), err, fault.Bytes(), len(data))
		}
	}
}

func TestChanged(t *testing.T) {
	data := bytes.Join([][]byte{plainCapture(t), pattern(3 * FrameSize)}, nil)
	write := func(off int64, b string) func(*testing.T, string) {
		return func(t *testing.T, name string) {
			f, err := os.OpenFile(name, os.O_RDWR, 0)
			if err == nil {
				_, err = f.WriteAt([]byte(b), off)
			}
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		linux  bool // only its identity tells
		change func(t *testing.T, name string)
	}{
		{"grown", false, write(int64(len(data)), "more")},
		{"shrunk", false, func(t *testing.T, name string) {
			if err := os.Truncate(name, 1000); err != nil {
				t.Fatal(err)
			}
		}},
		{"written to", false, write(100, "other")},
		{"written to at the end", false, write(int64(len(data)-1), "\x00")},
		{"written to, times put back", false, func(t *testing.T, name string) {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			write(200, "other")(t, name)
			if err := os.Chtimes(name, time.Time{}, info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}},
		{"touched", true, func(t *testing.T, name string) {
			info, err := os.Stat(name)
			if err == nil {
				err = os.Chtimes(name, time.Time{}, info.ModTime())
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		if tt.linux && runtime.GOOS != "linux" {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			for _, o := range []Options{{}, {Codec: CodecNone}} {
				f := file(t, "x.bin", data)
				s, err := Examine(t.Context(), f, o)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond) // longer than the clock of the file system stands still
				tt.change(t, f.Name())
				if _, err := Encode(t.Context(), io.Discard, f, s, o); !errors.Is(err, ErrChanged) {
					t.Errorf("changed before Encode: got %v, want ErrChanged", err)
				}
				f = file(t, "x.bin", data)
				if s, err = Examine(t.Context(), f, o); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond)
				w := &changing{change: func() { tt.change(t, f.Name()) }}
				if _, err := Encode(t.Context(), w, f, s, o); !errors.Is(err, ErrChanged) {
					t.Errorf("changed within Encode: got %v, want ErrChanged", err)
				}
			}
		})
	}
}

// changing calls change at the first write.
type changing struct{ change func() }

func (c *changing) Write(b []byte) (int, error) {
	if c.change != nil {
		c.change()
		c.change = nil
	}
	return len(b), nil
}

// What is packed is examined by what it unpacks to: other bytes that unpack to the same are
// another file all the same.
func TestChangedPacking(t *testing.T) {
	data := lz4(plainCapture(t))
	f := file(t, "x.bin", data)
	s, err := Examine(t.Context(), f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(){func() { s.File.SHA256[0]++ }, func() { s.Raw.SHA256[0]++ }, func() { s.Raw.Size++ }} {
		old := *s
		change()
		if _, err := Encode(t.Context(), io.Discard, f, s, Options{}); !errors.Is(err, ErrChanged) {
			t.Errorf("got %v, want ErrChanged", err)
		}
		*s = old
	}
}

var errFull = errors.New("full")

// full fails after so many bytes.
type full struct{ left int }

func (w *full) Write(b []byte) (int, error) {
	if len(b) > w.left {
		return w.left, errFull
	}
	w.left -= len(b)
	return len(b), nil
}

func TestEncodeErrors(t *testing.T) {
	data := mixed(t)
	f := file(t, "x.bin", data)
	s, err := Examine(t.Context(), f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	size := len(encode(t, data, Options{}))
	for _, n := range []int{0, 1, size / 2, size - 1} {
		for _, codec := range []Codec{CodecZstd, CodecNone} {
			if _, err := Encode(t.Context(), &full{n}, f, s, Options{Codec: codec}); !errors.Is(err, errFull) {
				t.Errorf("%s, room for %d bytes: got %v, want %v", codec, n, err, errFull)
			}
		}
	}
	for n := range 4 {
		ctx, cancel := context.WithCancelCause(t.Context())
		w := &changing{change: func() { cancel(errFull) }}
		if n == 0 {
			cancel(errFull)
		}
		if _, err := Encode(ctx, w, f, s, Options{Workers: newWorkers(max(n, 1))}); !errors.Is(err, errFull) {
			t.Errorf("canceled: got %v, want the cause", err)
		}
		cancel(nil)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errFull)
	if _, err := Examine(ctx, f, Options{}); !errors.Is(err, errFull) {
		t.Errorf("Examine, canceled: got %v, want the cause", err)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		}
		time.Sleep(time.Millisecond)
	}
	for _, o := range []Options{{Codec: "brotli"}, {Level: "best"}} {
		if _, err := Encode(t.Context(), io.Discard, f, s, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestExamineRefuses(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if _, err := Examine(t.Context(), dir, Options{}); err == nil {
		t.Error("a folder: no error")
	}
	f := file(t, "x.bin", plainCapture(t))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Examine(t.Context(), f, Options{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed file: got %v", err)
	}
}

// MaxStored holds for what cannot be compressed, too.
func TestMaxStored(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	for _, n := range []int{0, 1, 1023, 1 << 17, 1<<17 + 1, FrameSize - 1, FrameSize, FrameSize + 1, 2*FrameSize + 3} {
		b := make([]byte, n)
		_, _ = r.Read(b)
		if got, most := int64(len(encode(t, b, Options{}))), MaxStored(int64(n)); got > most || most > got+1024 {
			t.Errorf("%d random bytes: %d stored, MaxStored gives %d", n, got, most)
		}
	}
}

// Progress tells of every byte, in both passes.
func TestProgress(t *testing.T) {
	data := lz4(mixed(t))
	var n int64
	store(t, data, Options{Progress: func(k int64) { n += k }})
	if want := 2 * int64(len(data)); n != want {
		t.Errorf("got %d bytes, want %d", n, want)
	}
}

// The file may stand anywhere, and stays there.
func TestPosition(t *testing.T) {
	f := file(t, "x.bin", plainCapture(t))
	if _, err := f.Seek(77, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	s, err := Examine(t.Context(), f, Options{})
	if err != nil || s.File != digestOf(plainCapture(t)) {
		t.Errorf("got %+v, %v", s, err)
	}
	if at, err := f.Seek(0, io.SeekCurrent); at != 77 || err != nil {
		t.Errorf("the file stands at %d, %v", at, err)
	}
	if s.Name != filepath.Base(f.Name()) {
		t.Errorf("name %q", s.Name)
	}
}
