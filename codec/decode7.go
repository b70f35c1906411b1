package codec

import "fmt"

// The types of headers 7 to 11 that headers 12 and 13 do not have, in the low nibble of the tag (facts: section 5.2).
const (
	tagOther7      = 0
	tagAllocation7 = 1
	tagAllocNative = 2
	tagFrame7      = 3
	tagPush7       = 4
	tagPop7        = 9
	tagMemory7     = 11
)

const trailer7 = 0x10 // type OTHER with flags TRAILER

// next7 decodes a record of an event stream of headers 7 to 11: the low nibble of the
// tag is the type, the high one flags.
func (d *Reader) next7() result {
	b, p, rec := d.buf, d.pos, &d.rec
	tag := b[p]
	flags := tag >> 4
	p++
	switch tag & 15 {
	case tagAllocation7, tagAllocNative:
		rec.Kind = KindAllocation
		a := allocators7[flags]
		rec.Allocator = a
		if a == 0 {
			return d.fail(KindAllocation, "allocator %d, want 1 to 15", flags)
		}
		var v uint64
		v, p = d.uvarint(b, p)
		d.ptr = (d.ptr + zigzag(v)) & d.mask
		rec.Address = d.ptr
		rec.HasNative = tag&15 == tagAllocNative
		rec.Size, rec.Native = 0, 0
		if rec.HasNative || !a.simpleFree() {
			rec.Size, p = d.uvarint(b, p)
		}
		if rec.HasNative {
			v, p = d.uvarint(b, p)
			d.nid = (d.nid + zigzag(v)) & d.mask
			rec.Native = d.nid
		}
		d.status.Allocations++
	case tagPush7:
		rec.Kind = KindFramePush
		var v uint64
		v, p = d.uvarint(b, p)
		d.fid = (d.fid + zigzag(v)) & d.mask
		rec.Frame = d.fid
		if flags != 0 {
			return d.badFlags(flags)
		}
	case tagPop7:
		rec.Kind = KindFramePop
		rec.Count = uint64(flags) + 1
	default:
		return d.plain7(tag, p)
	}
	d.pos = p
	if rec.Thread == 0 || d.segments > 0 {
		return d.misplaced()
	}
	return resultRecord
}

func (d *Reader) badFlags(flags byte) result {
	d.uncount()
	return d.fail(d.rec.Kind, "flags %#x, want none", flags)
}

// plain7 decodes the records that belong to no thread.
func (d *Reader) plain7(tag byte, p int) result {
	flags := tag >> 4
	kind := tag & 15
	if kind == tagOther7 {
		return d.other7(tag, p)
	}
	if d.segments > 0 && kind != tagSegment {
		return d.fail(0, "tag %#x, want %d more SEGMENT records", tag, d.segments)
	}
	if kind == tagFrame7 {
		return d.frame7(flags, p)
	}
	switch kind {
	case tagMemory7:
		kind = tagMemory
	case tagNative12, tagMapStart, tagImage, tagSegment, tagThread, tagSwitch:
	default:
		return d.fail(0, "tag %#x, want one of header %d", tag, d.head.Version)
	}
	res := d.common(kind, p)
	if flags != 0 && res == resultRecord {
		return d.badFlags(flags)
	}
	return res
}

// other7 decodes a tag of type 0: filler in header 7, the trailer from 8 on.
func (d *Reader) other7(tag byte, p int) result {
	switch {
	case tag == 0 && !d.fillers:
		return resultZero
	case d.head.Version == 7:
		d.pos = p
		return resultFiller
	case tag != trailer7:
		return d.fail(0, "tag %#x, want one of header %d", tag, d.head.Version)
	}
	d.rec.Kind = KindTrailer
	d.pos = p
	if d.segments > 0 {
		return d.misplaced()
	}
	return resultTrailer
}

// frame7 decodes a FRAME_INDEX. Until 1.3.0 the flag was always 0, which rightly reads as an entry frame.
func (d *Reader) frame7(flags byte, p int) result {
	rec := &d.rec
	rec.Kind = KindFrame
	id, p := d.uvarint(d.buf, p)
	function, file, p, ok := d.names(p)
	if !ok {
		return d.short(p)
	}
	line, p := d.uvarint(d.buf, p)
	if p > d.end {
		return d.short(p)
	}
	d.pos = p
	if flags > 1 {
		d.fault = fmt.Errorf("flags %#x, want 0 or 1", flags)
		return resultFault
	}
	d.fid = (d.fid + zigzag(id)) & d.mask
	d.line += int32(zigzag(line))
	rec.Frame, rec.Function, rec.File, rec.Line, rec.Entry = d.fid, function, file, d.line, flags&1 == 0
	return resultRecord
}
