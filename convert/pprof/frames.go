package pprof

import (
	"fmt"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// Frames that stand for what a capture does not tell.
const (
	noStack     = "<stack trace unavailable>"
	nativeStack = "<native stack>"
)

// locationKey tells locations apart: a line of a function, or an address.
type locationKey struct {
	mapping, function uint64 // ids; 0 is none
	line              int64
	address           uint64
}

// frames turns the stacks of one heap.Profile into locations, which all inputs share.
type frames struct {
	m        *Merger
	python   *profile.Mapping
	modules  *heap.Modules
	byFrame  []*profile.Location // beside heap.Profile.Frames; nil until used
	native   *addresses          // nil when native stacks are not wanted
	indexes  []uint32            // reused
	list     []*profile.Location // reused
	unknown  *profile.Location
	boundary *profile.Location
}

func (m *Merger) newFrames(p *heap.Profile) *frames {
	f := &frames{
		m:       m,
		python:  m.mapping(pythonMapping(&p.Header)),
		modules: heap.NewModules(&p.Header),
		byFrame: make([]*profile.Location, len(p.Frames)),
	}
	if m.o.Native {
		f.native = newAddresses(m, p)
	}
	return f
}

// stack gives the locations of s, leaf first, valid until the next call.
func (f *frames) stack(p *heap.Profile, s *heap.Sample) []*profile.Location {
	f.list = f.list[:0]
	if f.native != nil && s.Native != 0 {
		f.list = f.native.appendTo(f.list, p, s)
		f.list = append(f.list, f.made(&f.boundary, nativeStack))
	}
	f.indexes = p.AppendStack(f.indexes[:0], s)
	if len(f.indexes) == 0 {
		return append(f.list, f.made(&f.unknown, noStack))
	}
	for _, i := range f.indexes {
		l := f.byFrame[i]
		if l == nil {
			l = f.location(&p.Frames[i])
			f.byFrame[i] = l
		}
		f.list = append(f.list, l)
	}
	return f.list
}

// made gives the location of a frame that is no function.
func (f *frames) made(l **profile.Location, name string) *profile.Location {
	if *l == nil {
		*l = f.m.location(f.python, f.m.function(profile.Function{Name: name}), 0, 0)
	}
	return *l
}

func (f *frames) location(frame *heap.Frame) *profile.Location {
	fn := profile.Function{
		Name:      frame.Function,
		Filename:  frame.File,
		StartLine: int64(max(frame.FirstLine, 0)),
	}
	if !f.m.o.BareNames {
		fn.Name = f.modules.Of(frame.File).Qualified(frame.Function)
		fn.SystemName = frame.Function
	}
	// pprof takes a function whose names are equal for mangled C++ and would strip <module>.
	if fn.Name == fn.SystemName {
		fn.SystemName = ""
	}
	if fn.Name == "" {
		fn.Name = "<unknown>"
	}
	return f.m.location(f.python, f.m.function(fn), int64(max(frame.Line, 0)), 0)
}

// function gives the one that equals fn, a new one if need be.
func (m *Merger) function(fn profile.Function) *profile.Function {
	f, ok := m.functions[fn]
	if !ok {
		f = new(fn)
		f.ID = uint64(len(m.prof.Function) + 1)
		m.functions[fn] = f
		m.prof.Function = append(m.prof.Function, f)
	}
	return f
}

func (m *Merger) location(mp *profile.Mapping, fn *profile.Function, line int64, address uint64) *profile.Location {
	k := locationKey{line: line, address: address}
	if mp != nil {
		k.mapping = mp.ID
	}
	if fn != nil {
		k.function = fn.ID
	}
	l, ok := m.locations[k]
	if !ok {
		l = &profile.Location{ID: uint64(len(m.prof.Location) + 1), Mapping: mp, Address: address}
		if fn != nil {
			l.Line = []profile.Line{{Function: fn, Line: line}}
		}
		m.locations[k] = l
		m.prof.Location = append(m.prof.Location, l)
	}
	return l
}

// mapping gives the one that equals mp, a new one if need be.
func (m *Merger) mapping(mp profile.Mapping) *profile.Mapping {
	out, ok := m.mappings[mp]
	if !ok {
		out = new(mp)
		out.ID = uint64(len(m.prof.Mapping) + 1)
		m.mappings[mp] = out
		m.prof.Mapping = append(m.prof.Mapping, out)
	}
	return out
}

// pythonMapping stands for the interpreter, the home of all Python frames. Without a
// mapping pprof misses the main binary, and without the flags it looks for symbols.
func pythonMapping(h *codec.Header) profile.Mapping {
	file := "python"
	if v := h.PythonVersion; v != 0 {
		file = fmt.Sprintf("python%d.%d", v>>24, v>>16&0xff)
	}
	return profile.Mapping{
		File: file, HasFunctions: true, HasFilenames: true, HasLineNumbers: true, HasInlineFrames: true,
	}
}
