package codectest

import (
	"github.com/memvault/memvault/codec"
)

// Header returns the header of a small capture of a version, format and word size (4 or
// 8 bytes), with native traces and all other fields set that the version has.
func Header(version int, format codec.Format, word int) codec.Header {
	h := codec.Header{
		Version: version, Format: format, Word: word, NativeTraces: true,
		StartTime: 1_700_000_000_000, EndTime: 1_700_000_001_000,
		CommandLine: "app.py --name 'a b'", PID: 4711, PythonAllocator: 1,
	}
	if version >= 9 {
		h.MainThread, h.SkippedFrames = 1, 1
	}
	if version >= 11 {
		h.TracesPython = true
	}
	if version >= 12 {
		h.PythonVersion, h.TracksObjects = 0x030d03f0, true
	}
	if version >= 13 {
		h.LibDest = "/usr/lib/python3.13"
		h.SitePackages = []string{"/opt/site packages", "/opt/a, b]", `/opt/"c"`}
		h.SysPath = []string{"/app"}
	}
	return h
}

// Sample returns records of every kind that captures with header h have: with deltas up
// and down, the largest numbers of the writer's word, strings that text has to quote,
// and at last the trailer, where there is one. Each record names its thread.
func Sample(h codec.Header) []codec.Record {
	s := sampler{h: h, top: 1<<(8*uint(h.Word)-1)<<1 - 1}
	s.images()
	switch {
	case h.Format == codec.AggregatedAllocations:
		s.rows()
	case h.Version >= 12:
		s.codes()
		s.events(s.push)
		s.objects()
	default:
		s.frames(0)
		s.events(s.pushFrame)
	}
	if h.Version >= 8 {
		s.add(codec.Record{Kind: codec.KindTrailer})
	}
	for i := range s.recs {
		// From header 12 on only native captures have room for the number.
		if rec := &s.recs[i]; h.Version >= 12 && !h.NativeTraces && rec.Kind != codec.KindAggregated {
			rec.Native = 0
		}
	}
	return s.recs
}

// A sampler collects the records of Sample.
type sampler struct {
	h    codec.Header
	top  uint64 // the largest size_t
	recs []codec.Record
}

func (s *sampler) add(recs ...codec.Record) { s.recs = append(s.recs, recs...) }

// oddNames are names that were seen, or that a hostile process could choose.
var oddNames = []string{
	"f", "", "<listcomp>", "größe", "two words", "new\nline", "cr\r", `"quoted"`, " blank ",
	"a filename=b", "b lineno=3", "c firstlineno=4", "d num_segments=5", "cut\xc3", "\x1b[31m", "=",
}

func (s *sampler) images() {
	s.add(
		codec.Record{Kind: codec.KindMapStart},
		codec.Record{Kind: codec.KindImage, File: []byte("/lib/libx.so"), Count: 2, Address: 0x7f000000},
		codec.Record{Kind: codec.KindSegment, Address: 0, Size: 0x1234},
		codec.Record{Kind: codec.KindSegment, Address: 0x2000, Size: s.top},
		codec.Record{Kind: codec.KindImage, File: []byte("none num_segments=1 \xff"), Count: 0, Address: s.top},
		codec.Record{Kind: codec.KindMapStart},
		codec.Record{Kind: codec.KindNativeTrace, IP: 0x7f001000},
		codec.Record{Kind: codec.KindNativeTrace, IP: 0x10, Parent: 1},
		codec.Record{Kind: codec.KindNativeTrace, IP: s.top, Parent: 2},
	)
}

// frames defines frames by name and line.
func (s *sampler) frames(step uint64) {
	for i, name := range oddNames {
		line := int32(100 - 40*i)
		if i == 3 {
			line = 1<<31 - 1
		}
		s.add(codec.Record{
			Kind: codec.KindFrame, Frame: uint64(i) * max(step, 1), Function: []byte(name),
			File: []byte("/app/" + name + ".py"), Line: line, Entry: s.h.Version < 8 || i%3 > 0,
		})
	}
}

// codes defines code objects.
func (s *sampler) codes() {
	for i, name := range oddNames {
		s.add(codec.Record{
			Kind: codec.KindCode, Code: uint64(i + 1), Function: []byte(name), File: []byte("/app/" + name),
			Line: int32(10 - 3*i), LineTable: []byte("\x80\x00\xd8\x04\x05\x80\x49")[:i%8],
		})
	}
}

func (s *sampler) push(thread, i uint64) codec.Record {
	return codec.Record{
		Kind: codec.KindFramePush, Thread: thread, Frame: i%uint64(len(oddNames)) + 1,
		Instruction: int64(i)*2 - 1, Entry: i%2 == 0,
	}
}

func (s *sampler) pushFrame(thread, i uint64) codec.Record {
	return codec.Record{Kind: codec.KindFramePush, Thread: thread, Frame: i * 7 % uint64(len(oddNames))}
}

// events are pushes, pops and allocations by every allocator, on three threads.
func (s *sampler) events(push func(thread, i uint64) codec.Record) {
	for i, a := range s.allocators() {
		thread := []uint64{1, 2, s.top}[i/4%3]
		n := uint64(i)
		rec := codec.Record{
			Kind: codec.KindAllocation, Thread: thread, Allocator: a, Address: s.address(n), Size: 1 << n,
		}
		if a.Frees() {
			rec.Address = s.address(n / 2) // of an earlier one, which may be in the pointer cache
		}
		if i == 5 {
			rec.Size = s.top
		}
		free := a == codec.Free || a == codec.PymallocFree
		rec.HasNative = s.h.Version < 12 && s.h.Version > 6 && n%2 == 0
		if free && !rec.HasNative && s.h.Version > 6 {
			rec.Size = 0
		}
		if rec.HasNative || s.h.Version == 6 || s.h.Version >= 12 && !free {
			rec.Native = n % 4
		}
		s.add(push(thread, n), push(thread, n+1), rec)
		s.add(codec.Record{Kind: codec.KindFramePop, Thread: thread, Count: n%2 + 1})
	}
	for i, name := range oddNames {
		s.add(codec.Record{Kind: codec.KindThreadName, Thread: uint64(i + 1), Name: []byte(name)})
	}
	s.add(codec.Record{Kind: codec.KindMemory, Time: s.h.StartTime + 10, RSS: 1 << 20})
	s.add(codec.Record{Kind: codec.KindMemory, Time: s.h.StartTime + 1<<31, RSS: s.top})
}

// allocators are those that the header version can name, frees after what they may free.
func (s *sampler) allocators() []codec.Allocator {
	var list []codec.Allocator
	for a := codec.Munmap; a >= codec.PymallocFree; a-- {
		if s.h.Version > 6 || a >= codec.Free && a != codec.AlignedAlloc {
			list = append(list, a)
		}
	}
	return append(list, codec.Free, codec.Munmap)
}

// address gives the i-th address: multiples of 8, up and down, the highest ones too.
func (s *sampler) address(i uint64) uint64 {
	return (s.top/3*(i%4) + i*4096) & s.top &^ 7
}

func (s *sampler) objects() {
	for i := range uint64(20) {
		rec := codec.Record{Kind: codec.KindObject, Thread: i%2 + 1, Address: s.address(i), Created: true, Native: i % 3}
		s.add(rec)
		rec.Created, rec.Native = false, 0
		s.add(rec)
	}
}

// rows are the records of aggregated captures.
func (s *sampler) rows() {
	s.add(
		codec.Record{Kind: codec.KindHeapSnapshot, Time: s.h.StartTime, RSS: 10000},
		codec.Record{Kind: codec.KindHeapSnapshot, Time: s.h.StartTime + 1<<31, RSS: s.top, Heap: s.top},
	)
	for i, name := range oddNames {
		s.add(codec.Record{Kind: codec.KindThreadName, Thread: uint64(i + 2), Name: []byte(name)})
	}
	if s.h.Version >= 12 {
		s.codes()
		s.add(
			codec.Record{Kind: codec.KindFrame, Frame: 0, Code: 1, Instruction: -1, Entry: true},
			codec.Record{Kind: codec.KindFrame, Frame: 1, Code: 2, Instruction: 300},
			codec.Record{Kind: codec.KindSurvivor, Address: s.top &^ 7, Native: 1},
			codec.Record{Kind: codec.KindSurvivor},
		)
	} else {
		s.frames(3)
	}
	s.add(
		codec.Record{Kind: codec.KindPythonTrace},
		codec.Record{Kind: codec.KindPythonTrace, Frame: 1, Parent: 1},
	)
	for i, a := range s.allocators() {
		n := uint64(i)
		s.add(codec.Record{
			Kind: codec.KindAggregated, Thread: n%3 + 1, Allocator: a, Native: n % 4,
			Row: codec.Row{Stack: n % 3, Generation: 2, PeakCount: n, LeakedCount: 1, PeakBytes: s.top - n, LeakedBytes: n << 3},
		})
	}
}
