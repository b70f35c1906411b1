package pprof_test

import (
	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// entry is a sample as the tests write it down.
type entry struct {
	stack     []heap.Frame // root first
	native    []uint64     // outermost first
	images    uint32
	thread    uint32
	allocator codec.Allocator // malloc if 0
	values    [heap.Views]heap.Value
}

// model makes a Profile of samples. Each stack gets nodes and frames of its own.
func model(h codec.Header, entries ...entry) *heap.Profile {
	p := &heap.Profile{
		Header:  h,
		Status:  codec.Status{State: codec.StateComplete},
		Threads: []heap.Thread{{ID: 1, Main: true}, {ID: 2, Name: "worker"}, {ID: 3, Name: "worker"}},
		Stacks:  make([]heap.Stack, 1),
		Natives: make([]heap.Native, 1),
		Images:  [][]heap.Image{nil, images},
	}
	for _, e := range entries {
		s := heap.Sample{Images: e.images, Thread: e.thread, Allocator: e.allocator, Values: e.values}
		if s.Allocator == 0 {
			s.Allocator = codec.Malloc
		}
		for i, f := range e.stack {
			p.Stacks = append(p.Stacks, heap.Stack{Parent: s.Stack, Frame: uint32(len(p.Frames)), Depth: uint32(i + 1)})
			p.Frames = append(p.Frames, f)
			s.Stack = uint32(len(p.Stacks) - 1)
		}
		for _, ip := range e.native {
			p.Natives = append(p.Natives, heap.Native{IP: ip, Parent: s.Native})
			s.Native = uint32(len(p.Natives) - 1)
		}
		p.PeakBytes += e.values[heap.Peak].Bytes
		p.Samples = append(p.Samples, s)
	}
	return p
}

// all gives the four views one value each: n, 2n, 3n, 4n allocations of ten bytes.
func all(n uint64) (v [heap.Views]heap.Value) {
	for i := range v {
		count := n * uint64(i+1)
		v[i] = heap.Value{Count: count, Bytes: 10 * count}
	}
	return v
}

func only(view heap.View, count, bytes uint64) (v [heap.Views]heap.Value) {
	v[view] = heap.Value{Count: count, Bytes: bytes}
	return v
}

var header = codec.Header{
	Version:         13,
	PythonVersion:   0x030c01f0,
	StartTime:       1_800_000_000_000,
	EndTime:         1_800_000_001_500,
	CommandLine:     "airflow scheduler",
	PID:             4711,
	MainThread:      1,
	SkippedFrames:   1,
	PythonAllocator: 1,
	LibDest:         "/opt/python/lib/python3.12",
	SitePackages:    []string{"/srv/venv/lib/python3.12/site-packages"},
	SysPath:         []string{"/srv/app"},
}

// The image listing 1. The library's segments have a hole, which the program's lies in.
var images = []heap.Image{
	{File: "/opt/python/bin/python3.12", Bias: 0x5000_0000, Segments: []heap.Segment{{Address: 0, Size: 0x1000}, {Address: 0x2000, Size: 0x800}}},
	{File: "/lib/libwork.so", Bias: 0x5000_1000, Segments: []heap.Segment{{Address: 0, Size: 0x1000}, {Address: 0x8000, Size: 0x1000}}},
}

const site = "/srv/venv/lib/python3.12/site-packages/"

var (
	tracker = heap.Frame{Function: "run", File: site + "memray/commands/run.py", Line: 123, FirstLine: 100}
	script  = heap.Frame{Function: "<module>", File: "/srv/app/dags/etl.py", Line: 3, FirstLine: 1}
	module  = heap.Frame{Function: "<module>", File: site + "airflow/models/dag.py", Line: 7, FirstLine: 1}
	method  = heap.Frame{Function: "__init__", File: site + "airflow/models/dag.py", Line: 40, FirstLine: 33}
	loads   = heap.Frame{Function: "loads", File: "/opt/python/lib/python3.12/json/__init__.py", Line: 346, FirstLine: 299}
	boot    = heap.Frame{Function: "_load", File: "<frozen importlib._bootstrap>", Line: 700, FirstLine: 690}
	nowhere = heap.Frame{}
)

// usual has what converters must tell apart, and what they must not.
func usual() *heap.Profile {
	again := method
	again.Entry = true
	later := method
	later.Line = 41
	return model(header,
		entry{stack: []heap.Frame{tracker, script, boot, module, method}, values: all(1)},
		entry{stack: []heap.Frame{tracker, script, boot, module, again}, values: all(1)}, // equal as text
		entry{stack: []heap.Frame{tracker, script, boot, module, later}, values: only(heap.Peak, 1, 100)},
		entry{stack: []heap.Frame{script, loads}, thread: 1, values: all(2)},
		entry{stack: []heap.Frame{script, loads}, thread: 1, allocator: codec.Mmap, values: all(3)},
		entry{stack: []heap.Frame{script, loads}, thread: 2, values: all(4)},
		entry{stack: []heap.Frame{script, loads}, thread: 2, values: all(0)}, // nothing
		entry{stack: []heap.Frame{tracker}, values: only(heap.Total, 1, 1000)},
		entry{thread: 1, values: only(heap.Live, 2, 64)},
		entry{stack: []heap.Frame{nowhere}, thread: 1, values: only(heap.Temporary, 1, 0)},
		entry{stack: []heap.Frame{script, method, method, method}, thread: 1, values: all(5)},
	)
}

func aggregated() *heap.Profile {
	p := model(header,
		entry{stack: []heap.Frame{script}, thread: 1, values: [heap.Views]heap.Value{heap.Live: {Count: 5, Bytes: 50}}},
		entry{stack: []heap.Frame{script}, thread: 1, allocator: codec.Calloc, values: [heap.Views]heap.Value{heap.Live: {Count: 7, Bytes: 70}, heap.Peak: {Count: 8, Bytes: 80}}},
	)
	p.Aggregated, p.Header.Format = true, codec.AggregatedAllocations
	return p
}

// natives has native stacks: through images, a hole, no image; with and without Python.
func natives() *heap.Profile {
	return model(header,
		entry{stack: []heap.Frame{script, loads}, thread: 1, images: 1, native: []uint64{0x5000_0100, 0x5000_1100, 0x5000_2100}, values: all(1)},
		entry{stack: []heap.Frame{script, loads}, thread: 1, images: 1, native: []uint64{0x5000_0100, 0x5000_9100}, values: all(2)},
		entry{stack: []heap.Frame{script, loads}, thread: 1, images: 1, native: []uint64{0x5000_0100, 0x5000_4100}, values: all(3)},
		entry{stack: []heap.Frame{script, loads}, thread: 1, images: 0, native: []uint64{0x5000_0100, 0x5000_1100}, values: all(4)},
		entry{stack: []heap.Frame{script, loads}, thread: 1, values: all(5)},
		entry{thread: 1, images: 1, native: []uint64{0x5000_0100}, values: all(6)},
		entry{thread: 1, images: 1, native: []uint64{0}, values: all(7)},
	)
}
