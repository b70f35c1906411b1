package flamegraph_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

const captures = "../../testdata/captures"

func readCapture(t testing.TB, path string, o heap.Options) *heap.Profile {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := codec.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := heap.Read(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A profiler makes Profiles from stacks.
type profiler struct {
	*heap.Profile
	stacks map[heap.Stack]uint32
	frames map[heap.Frame]uint32
}

// start and second are in milliseconds since 1970 UTC.
const start, second = 1_790_000_000_000, 1000

func newProfiler() *profiler {
	return &profiler{
		Profile: &heap.Profile{
			Header: codec.Header{
				Version: 12, PythonVersion: 0x030c01f0, CommandLine: "serve.py --port 80", PID: 42,
				StartTime: start, EndTime: start + 60*second, PythonAllocator: 1,
			},
			Status:    codec.Status{State: codec.StateComplete},
			Threshold: 1,
			Stacks:    make([]heap.Stack, 1), Natives: make([]heap.Native, 1), Images: make([][]heap.Image, 1),
			Threads: []heap.Thread{{ID: 1, Name: "MainThread", Main: true}, {ID: 2, Name: "worker"}, {ID: 3}},
		},
		stacks: map[heap.Stack]uint32{}, frames: map[heap.Frame]uint32{},
	}
}

// frame is a frame of a file.
func frame(function, file string, line int32) heap.Frame {
	return heap.Frame{Function: function, File: file, Line: line}
}

// stack gives the index of a stack, root first.
func (p *profiler) stack(frames ...heap.Frame) uint32 {
	at := uint32(0)
	for _, f := range frames {
		id, ok := p.frames[f]
		if !ok {
			id = uint32(len(p.Frames))
			p.frames[f] = id
			p.Frames = append(p.Frames, f)
		}
		s := heap.Stack{Parent: at, Frame: id, Depth: p.Stacks[at].Depth + 1}
		next, ok := p.stacks[s]
		if !ok {
			next = uint32(len(p.Stacks))
			p.stacks[s] = next
			p.Stacks = append(p.Stacks, s)
		}
		at = next
	}
	return at
}

// add adds a sample: as many bytes at the peak, half of them alive at the end, a tenth
// temporary, twice as many in total.
func (p *profiler) add(thread uint32, bytes uint64, frames ...heap.Frame) {
	v := func(b uint64) heap.Value { return heap.Value{Count: b/100 + 1, Bytes: b} }
	p.Samples = append(p.Samples, heap.Sample{
		Stack: p.stack(frames...), Thread: thread, Allocator: codec.Malloc,
		Values: [heap.Views]heap.Value{v(2 * bytes), v(bytes / 10), v(bytes / 2), v(bytes)},
	})
	p.PeakBytes += bytes
}

// series makes n points of memory records, a second apart.
func (p *profiler) series(n int) {
	p.Stride = 1
	for i := range n {
		share := min(float64(i)/float64(n)*3/2, float64(n-i)/float64(n)*3)
		heapBytes := uint64(share * float64(p.PeakBytes))
		p.Series = append(p.Series, heap.Point{
			Time: start + int64(i)*60*second/int64(n), RSS: heapBytes + 20_000_000, Heap: heapBytes,
		})
	}
	p.PeakTime = start + 40*second
}

// small is a program of few stacks with hardly a surprise.
func small() *heap.Profile {
	p := newProfiler()
	module := frame("<module>", "/srv/app/serve.py", 9)
	serve := frame("serve", "/srv/app/serve.py", 5)
	load := frame("load", "/usr/lib/python3.12/json/__init__.py", 293)
	p.add(0, 6_000_000, module, serve, frame("query", "/venv/lib/python3.12/site-packages/orm/query.py", 77))
	p.add(0, 3_000_000, module, serve, load)
	p.add(1, 900_000, frame("run", "/usr/lib/python3.12/threading.py", 982), serve, load)
	p.add(2, 100_000)
	p.series(60)
	return p.Profile
}

// large has about n nodes in the shape of a web application: deep, with narrow tops.
func large(n int) *heap.Profile {
	p := newProfiler()
	r := rand.New(rand.NewPCG(1, 2))
	places := []string{
		"/venv/lib/python3.12/site-packages/orm/m%d.py", "/venv/lib/python3.12/site-packages/http/m%d.py",
		"/usr/lib/python3.12/m%d.py", "/srv/app/m%d.py",
	}
	stacks := [][]heap.Frame{{frame("<module>", "/srv/app/serve.py", 9)}}
	for len(p.Stacks) < n {
		base := stacks[r.IntN(len(stacks))]
		base = base[:1+r.IntN(len(base))]
		stack := append([]heap.Frame(nil), base...)
		for range 1 + r.IntN(12) {
			m := r.IntN(200)
			stack = append(stack, frame(fmt.Sprintf("function_%d", r.IntN(2000)), fmt.Sprintf(places[m%len(places)], m), int32(1+r.IntN(500))))
		}
		p.add(uint32(r.IntN(3)), uint64(r.ExpFloat64()*1e5), stack...)
		if len(stack) < 60 {
			stacks = append(stacks, stack)
		}
	}
	p.series(heap.MaxSeries)
	return p.Profile
}
