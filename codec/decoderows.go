package codec

import "encoding/binary"

// The record types of aggregated captures that event streams do not have (facts: sections 5.4 and 5.5).
const (
	tagSnapshot    = 1
	tagRow         = 2
	tagTrace       = 3
	tagFrameRows   = 4
	tagSurvivor    = 13
	tagTrailerRows = 15
)

// nextRows decodes a record of an aggregated capture.
func (d *Reader) nextRows() result {
	tag := d.buf[d.pos]
	p := d.pos + 1
	old := d.head.Version < 12
	if d.segments > 0 && tag != tagSegment && tag != 0 {
		return d.fail(0, "tag %#x, want %d more SEGMENT records", tag, d.segments)
	}
	switch {
	case tag == 0:
		return resultZero
	case tag == tagSnapshot:
		return d.snapshot(p)
	case tag == tagRow:
		return d.row(p)
	case tag == tagTrace:
		return d.trace(p)
	case tag == tagFrameRows && old:
		return d.frameRows(p)
	case tag == tagFrameRows:
		return d.codeFrame(p)
	case tag == tagSurvivor && !old:
		return d.survivor(p)
	case tag == tagCode && !old:
		return d.code(p)
	case tag == tagTrailerRows:
		d.rec.Kind = KindTrailer
		d.pos = p
		return resultTrailer
	}
	return d.common(tag, p)
}

func (d *Reader) snapshot(p int) result {
	b, rec := d.buf, &d.rec
	rec.Kind = KindHeapSnapshot
	if d.head.Word == 4 && d.head.Version < 12 {
		ms := uint64(binary.LittleEndian.Uint32(b[p:]))
		rec.Time = d.absolute(ms)
		p += 4
	} else {
		rec.Time = int64(binary.LittleEndian.Uint64(b[p:]))
		p += 8
	}
	rec.RSS, p = d.word(b, p)
	rec.Heap, p = d.word(b, p)
	d.setTime(rec.Time)
	d.pos = p
	return resultRecord
}

func (d *Reader) row(p int) result {
	b, rec := d.buf, &d.rec
	rec.Kind = KindAggregated
	rec.Thread, p = d.word(b, p)
	a := b[p]
	p += d.head.Word // and its padding
	rec.Native, p = d.word(b, p)
	r := &rec.Row
	r.Stack, p = d.word(b, p)
	r.Generation, p = d.word(b, p)
	r.PeakCount, p = d.word(b, p)
	r.LeakedCount, p = d.word(b, p)
	r.PeakBytes, p = d.word(b, p)
	r.LeakedBytes, p = d.word(b, p)
	table := &allocators12
	if d.head.Version < 12 {
		table = &allocators7
	}
	d.pos = p
	if p > d.end {
		return resultRecord // cut
	}
	if int(a) >= len(table) || table[a] == 0 {
		return d.fail(KindAggregated, "allocator %d, want 1 to 15", a)
	}
	rec.Allocator = table[a]
	return resultRecord
}

func (d *Reader) trace(p int) result {
	b, rec := d.buf, &d.rec
	rec.Kind = KindPythonTrace
	if d.head.Version >= 12 {
		rec.Frame, p = d.uvarint(b, p)
		rec.Parent, p = d.uvarint(b, p)
	} else {
		rec.Frame, p = d.word(b, p)
		rec.Parent = uint64(binary.LittleEndian.Uint32(b[p:])) // of four bytes, also on 64 bit
		p += 4
	}
	d.pos = p
	return resultRecord
}

// frameRows decodes a PYTHON_FRAME_INDEX of headers 10 and 11.
func (d *Reader) frameRows(p int) result {
	rec := &d.rec
	rec.Kind = KindFrame
	id, p := d.word(d.buf, p)
	function, file, p, ok := d.names(p)
	if !ok {
		return d.short(p)
	}
	line := int32(binary.LittleEndian.Uint32(d.buf[p:]))
	entry := d.buf[p+4] != 0
	p += 5
	if p > d.end {
		return d.short(p)
	}
	rec.Frame, rec.Function, rec.File, rec.Line, rec.Entry = id, function, file, line, entry
	d.pos = p
	return resultRecord
}

// codeFrame decodes a PYTHON_FRAME_INDEX of headers 12 and 13.
func (d *Reader) codeFrame(p int) result {
	b, rec := d.buf, &d.rec
	rec.Kind = KindFrame
	rec.Function, rec.File = nil, nil // those of its code object
	var v uint64
	rec.Frame, p = d.uvarint(b, p)
	rec.Code, p = d.uvarint(b, p)
	v, p = d.uvarint(b, p)
	rec.Instruction = int64(zigzag(v))
	rec.Entry = b[p] != 0
	d.pos = p + 1
	return resultRecord
}

func (d *Reader) survivor(p int) result {
	b, rec := d.buf, &d.rec
	rec.Kind = KindSurvivor
	var v uint64
	v, p = d.uvarint(b, p)
	rec.Address = v << 3 & d.mask
	rec.Native = 0
	if d.head.NativeTraces {
		rec.Native, p = d.uvarint(b, p)
	}
	d.pos = p
	return resultRecord
}
