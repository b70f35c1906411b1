package memraytest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
)

// madeCaptures writes captures in which few threads, frames, addresses and sizes make everything
// that is odd happen often: blocks allocated twice, freed by others or never allocated,
// partial unmaps, calls that failed, frames that are hidden on the main thread only.
func madeCaptures(t *testing.T, dir string) (paths []string) {
	t.Helper()
	for seed := range uint64(60) {
		m := &maker{r: rand.New(rand.NewPCG(seed, 11)), time: 1_700_000_000_000}
		path := filepath.Join(dir, fmt.Sprintf("made-%d.bin", seed))
		if err := os.WriteFile(path, m.capture(t, 20+int(seed)*20), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	path := filepath.Join(dir, "made-deep.bin")
	if err := os.WriteFile(path, deepCapture(t), 0o644); err != nil {
		t.Fatal(err)
	}
	return append(paths, path)
}

// deepCapture has calls as deep as Memray cuts them and deeper, on the main thread, of which it hides
// frames, and on another; and names that end lines, mark up and steer terminals. These allocate
// little, for the text of the statistics prints them otherwise than Memray does.
func deepCapture(t *testing.T) []byte {
	t.Helper()
	w := codectest.NewWriter(codec.Header{
		Version: 13, Word: 8, StartTime: 1_700_000_000_000, EndTime: 1_700_000_001_000, PID: 42, CommandLine: "deep.py",
		PythonVersion: 0x030c0100, PythonAllocator: 1, MainThread: 1, SkippedFrames: 2,
	})
	names := []string{"f0", "f1", "f2", "f3", "f4", "f5", "a;b|c,\"d\"\n7", "</script><img src=x>&amp;", "\x1b]0;x\x07\u202e'\\"}
	for thread := uint64(1); thread <= 2; thread++ {
		for i, name := range names { // each thread has its own, as in maker.capture
			w.Record(&codec.Record{
				Kind: codec.KindCode, Code: 100*thread + uint64(i), Function: fmt.Appendf(nil, "%s of %d", name, thread),
				File: []byte("/srv/" + name + ".py"), Line: int32(i),
			})
		}
		for i := range 1000 {
			frame := i % len(names)
			w.Record(&codec.Record{Kind: codec.KindFramePush, Thread: thread, Frame: 100*thread + uint64(frame), Entry: true})
			size := uint64(1000 + i)
			switch odd := frame > 5; {
			case odd && i > 400 && i < 410:
				size = 1
			case odd, i > 20 && (i < 395 || i > 410) && i != 999:
				continue
			}
			w.Record(&codec.Record{Kind: codec.KindAllocation, Thread: thread, Allocator: codec.Malloc, Address: 1<<20*thread + 16*uint64(i), Size: size})
		}
	}
	w.Finish()
	b, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type maker struct {
	r     *rand.Rand
	w     *codectest.Writer
	time  int64
	depth [4]int // by thread
	files []string
}

func (m *maker) capture(t *testing.T, steps int) []byte {
	t.Helper()
	h := codec.Header{
		Version: 13, Word: 8, StartTime: m.time, EndTime: m.time + int64(steps), PID: 42, CommandLine: "made.py",
		PythonVersion: 0x030c0100, PythonAllocator: 1, MainThread: 1, SkippedFrames: uint64(m.r.IntN(3)),
		LibDest: "/usr/lib/python3.12", SitePackages: []string{"/srv/site-packages"}, SysPath: []string{"/srv", "/usr/lib/python3.12"},
	}
	m.w = codectest.NewWriter(h)
	m.files = []string{
		"/srv/app.py", "/srv/site-packages/pkg/__init__.py", "/usr/lib/python3.12/json/decoder.py",
		"<frozen importlib._bootstrap>", "<frozen runpy>", "/elsewhere/lib/x.py", "", "<string>", "/srv/site-packages/memray/run.py",
	}
	// The main thread has functions of its own: of rows that threads share, Memray hides outer
	// frames or not by whichever thread comes first.
	for thread, name := range []string{"f", "main"} {
		for i, file := range m.files {
			m.w.Record(&codec.Record{
				Kind: codec.KindCode, Code: uint64(thread*len(m.files) + i), Function: fmt.Appendf(nil, "%s%d", name, i%5),
				File: []byte(file), Line: int32(10 * i),
			})
		}
	}
	// Memray gives a thread that is renamed the name it had when the report's last event was read.
	m.w.Record(&codec.Record{Kind: codec.KindThreadName, Thread: 2, Name: []byte("worker <2>")})
	for range steps {
		m.step()
	}
	m.w.Finish()
	b, err := m.w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (m *maker) step() {
	thread := uint64(1 + m.r.IntN(3))
	switch k := m.r.IntN(24); {
	case k < 4 && m.depth[thread] < 30:
		m.depth[thread]++
		frame := m.r.IntN(len(m.files))
		if thread == 1 {
			frame += len(m.files)
		}
		m.w.Record(&codec.Record{Kind: codec.KindFramePush, Thread: thread, Frame: uint64(frame), Entry: m.r.IntN(2) == 0})
	case k < 7 && m.depth[thread] > 0:
		n := 1 + m.r.IntN(min(m.depth[thread], 3))
		m.depth[thread] -= n
		m.w.Record(&codec.Record{Kind: codec.KindFramePop, Thread: thread, Count: uint64(n)})
	case k == 7:
		m.time += int64(m.r.IntN(20))
		m.w.Record(&codec.Record{Kind: codec.KindMemory, Time: m.time, RSS: uint64(m.r.IntN(1 << 30))})
	case k < 19:
		m.block(thread)
	default:
		m.mapping(thread)
	}
}

func (m *maker) block(thread uint64) {
	all := []codec.Allocator{
		codec.Malloc, codec.Free, codec.Realloc, codec.Free, codec.Calloc, codec.PymallocMalloc, codec.PymallocFree, codec.Free,
	}
	r := codec.Record{
		Kind: codec.KindAllocation, Thread: thread, Allocator: all[m.r.IntN(len(all))],
		Address: 16 * uint64(m.r.IntN(12)), Size: []uint64{0, 1, 8, 8, 16, 1 << 12, 1 << 20, 100_003}[m.r.IntN(8)],
	}
	if r.Allocator.Frees() {
		r.Size = 0
	}
	m.w.Record(&r)
}

func (m *maker) mapping(thread uint64) {
	r := codec.Record{
		Kind: codec.KindAllocation, Thread: thread, Allocator: codec.Mmap,
		Address: 1<<40 + 4096*uint64(m.r.IntN(8)), Size: 4096 * uint64(1+m.r.IntN(4)),
	}
	if m.r.IntN(2) == 0 {
		r.Allocator = codec.Munmap
	}
	m.w.Record(&r)
}
