package heap

import (
	"bytes"
	"math"
	"strings"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/linetable"
)

// definitions is what frame keys stand for. They are resolved at the end: captures up to
// 1.5.0 may push a frame before they define it.
type definitions struct {
	frames  map[uint64]frameDef         // by frame id: headers 6 to 11, and aggregated captures
	codes   map[uint64]codeDef          // by code object id: headers 12 and 13
	tables  map[uint64]*linetable.Table // of long tables
	wide    map[wideKey]uint64          // keys that do not fit into 64 bits; no release writes such
	widest  []wideKey
	strings map[string]string // so that equal names are stored once
}

type frameDef struct {
	function, file string
	line           int32
	entry          bool
	code           uint64 // in aggregated captures from header 12 on
	instruction    int64
}

type codeDef struct {
	function, file string
	first          int32
	table          []byte
}

type wideKey struct {
	id          uint64
	instruction int64
	entry       bool
}

func newDefinitions() definitions {
	return definitions{
		frames: map[uint64]frameDef{}, codes: map[uint64]codeDef{}, tables: map[uint64]*linetable.Table{},
		wide: map[wideKey]uint64{}, strings: map[string]string{},
	}
}

const wideFlag = 1 << 63

// key packs what identifies the frame that r pushes: the frame id up to header 11, else
// 30 bits of code object, 32 of instruction and the entry flag.
func (d *definitions) key(h *codec.Header, r *codec.Record) uint64 {
	if h.Version < 12 {
		if r.Frame < wideFlag {
			return r.Frame
		}
		return d.wideKey(wideKey{id: r.Frame})
	}
	entry := uint64(0)
	if r.Entry {
		entry = 1
	}
	if r.Frame < 1<<30 && r.Instruction == int64(int32(r.Instruction)) {
		return r.Frame<<33 | uint64(uint32(r.Instruction))<<1 | entry
	}
	return d.wideKey(wideKey{id: r.Frame, instruction: r.Instruction, entry: r.Entry})
}

func (d *definitions) wideKey(w wideKey) uint64 {
	k, ok := d.wide[w]
	if !ok {
		k = wideFlag | uint64(len(d.widest))
		d.wide[w] = k
		d.widest = append(d.widest, w)
	}
	return k
}

// unpack is the reverse of key.
func (d *definitions) unpack(h *codec.Header, key uint64) wideKey {
	switch {
	case key&wideFlag != 0:
		return d.widest[key&^wideFlag]
	case h.Version < 12:
		return wideKey{id: key}
	}
	return wideKey{id: key >> 33, instruction: int64(int32(uint32(key >> 1))), entry: key&1 != 0}
}

// text gives b as a string of valid UTF-8, each different one stored once.
func (d *definitions) text(b []byte) string {
	if s, ok := d.strings[string(b)]; ok {
		return s
	}
	raw := string(b)
	s := strings.ToValidUTF8(raw, "\uFFFD")
	d.strings[raw] = s
	return s
}

// frame keeps a frame definition. Of two with one id the first stays: releases up to
// 1.4.0 could write both, by a race.
func (d *definitions) frame(r *codec.Record, coded bool) {
	if _, ok := d.frames[r.Frame]; ok {
		return
	}
	if coded {
		d.frames[r.Frame] = frameDef{code: r.Code, instruction: r.Instruction, entry: r.Entry}
		return
	}
	d.frames[r.Frame] = frameDef{function: d.text(r.Function), file: d.text(r.File), line: r.Line, entry: r.Entry}
}

func (d *definitions) code(r *codec.Record) {
	if _, ok := d.codes[r.Code]; ok {
		return
	}
	d.codes[r.Code] = codeDef{
		function: d.text(r.Function), file: d.text(r.File), first: r.Line, table: bytes.Clone(r.LineTable),
	}
}

// resolveKey gives the Frame of a key; ok tells whether it was defined.
func (d *definitions) resolveKey(h *codec.Header, key uint64, q quirk) (f Frame, ok bool) {
	w := d.unpack(h, key)
	if h.Version < 12 {
		return d.resolveFrame(w.id)
	}
	return d.resolveCode(h, w, q.has(quirkLines))
}

// resolveFrame gives the Frame of a frame id (headers 6 to 11); ok tells whether it was defined.
func (d *definitions) resolveFrame(id uint64) (f Frame, ok bool) {
	def, ok := d.frames[id]
	return Frame{Function: def.function, File: def.file, Line: def.line, Entry: def.entry}, ok
}

// resolveCode gives the Frame of an instruction of a code object (headers 12 and 13).
func (d *definitions) resolveCode(h *codec.Header, w wideKey, like bool) (f Frame, ok bool) {
	def, ok := d.codes[w.id]
	f = Frame{Function: def.function, File: def.file, FirstLine: def.first, Entry: w.entry}
	if !ok {
		return f, false
	}
	f.Line = d.line(h, w, def, like)
	return f, true
}

// longTable is the length of line tables, in bytes, from which on it pays to remember where
// their entries are. The module of a large program would else take quadratic time.
const longTable = 1 << 12

func (d *definitions) line(h *codec.Header, w wideKey, def codeDef, like bool) int32 {
	switch {
	case len(def.table) >= longTable:
		t := d.tables[w.id]
		if t == nil {
			made := linetable.NewTable(h.PythonVersion, def.table, def.first, like)
			t = &made
			d.tables[w.id] = t
		}
		return t.Line(w.instruction)
	case like:
		return linetable.LikeMemray(h.PythonVersion, def.table, def.first, w.instruction)
	}
	return linetable.Line(h.PythonVersion, def.table, def.first, w.instruction)
}

// index gives i as an index below n, or 0 and false.
func index(i uint64, n int) (uint32, bool) {
	if i >= uint64(n) || i > math.MaxUint32 {
		return 0, false
	}
	return uint32(i), true
}
