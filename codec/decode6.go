package codec

import "encoding/binary"

// The record types of header 6, in a tag of four bytes (facts: section 5.1).
const (
	tagAllocation6 = 1
	tagFrame6      = 2
	tagPush6       = 3
	tagNative6     = 4
	tagMapStart6   = 5
	tagImage6      = 6
	tagSegment6    = 7
	tagPop6        = 8
	tagThread6     = 9
	tagMemory6     = 10
)

// next6 decodes a record of header 6: memory images of C structs, padding and all.
func (d *Reader) next6() result {
	b, p, rec := d.buf, d.pos, &d.rec
	tag := binary.LittleEndian.Uint32(b[p:])
	p += 4
	if d.segments > 0 && tag != tagSegment6 && tag != 0 {
		return d.fail(0, "tag %#x, want %d more SEGMENT records", tag, d.segments)
	}
	w := d.head.Word
	switch tag {
	case 0:
		return d.filler6(p)
	case tagAllocation6:
		return d.allocation6(p)
	case tagFrame6:
		return d.frame6(p)
	case tagPush6:
		rec.Kind = KindFramePush
		rec.Frame, p = d.word(b, p)
		rec.Thread, p = d.word(b, p)
	case tagPop6:
		rec.Kind = KindFramePop
		rec.Thread, p = d.word(b, p)
		rec.Count = uint64(b[p])
		p += w
	case tagNative6:
		rec.Kind = KindNativeTrace
		rec.IP, p = d.word(b, p)
		rec.Parent = uint64(binary.LittleEndian.Uint32(b[p:]))
		p += w
	case tagMapStart6:
		rec.Kind = KindMapStart
	case tagImage6:
		return d.image6(p)
	case tagSegment6:
		rec.Kind = KindSegment
		rec.Address, p = d.word(b, p)
		rec.Size, p = d.word(b, p)
		if d.segments > 0 {
			d.segments--
		}
	case tagThread6:
		return d.thread6(p)
	case tagMemory6:
		rec.Kind = KindMemory
		var ms uint64
		ms, p = d.word(b, p)
		rec.Time = d.absolute(ms)
		rec.RSS, p = d.word(b, p)
		d.setTime(rec.Time)
	default:
		return d.fail(0, "tag %#x, want 1 to 10", tag)
	}
	d.pos = p
	if (tag == tagPush6 || tag == tagPop6) && rec.Thread == 0 || tag == tagPop6 && rec.Count == 0 {
		return d.ghost6()
	}
	return resultRecord
}

// filler6 skips a tag of zeros. Up to three bytes at the end are no tag at all.
func (d *Reader) filler6(p int) result {
	if p > d.end {
		p = d.end
	}
	d.pos = p
	return resultFiller
}

// ghost6 is a record whose fields read as zeros since the process was killed before they
// were written: the end of the data, unless the header says that the capture was finished.
func (d *Reader) ghost6() result {
	if d.pos > d.end {
		return resultRecord // cut, which says the same
	}
	if d.head.Allocations > 0 {
		return d.fail(d.rec.Kind, "fields of zero")
	}
	return resultGhost
}

func (d *Reader) allocation6(p int) result {
	b, rec := d.buf, &d.rec
	rec.Kind = KindAllocation
	rec.Thread, p = d.word(b, p)
	rec.Address, p = d.word(b, p)
	rec.Size, p = d.word(b, p)
	a := binary.LittleEndian.Uint32(b[p:])
	p += d.head.Word // an int and, on 64 bit, its padding
	rec.Native, p = d.word(b, p)
	rec.HasNative = d.head.NativeTraces
	if p > d.end {
		return resultMore
	}
	d.pos = p
	if a == 0 || rec.Thread == 0 {
		return d.ghost6()
	}
	if a >= uint32(len(allocators6)) || allocators6[a] == 0 {
		return d.fail(KindAllocation, "allocator %d, want 1 to 10", a)
	}
	rec.Allocator = allocators6[a]
	d.status.Allocations++
	return resultRecord
}

func (d *Reader) frame6(p int) result {
	rec := &d.rec
	rec.Kind = KindFrame
	id, p := d.word(d.buf, p)
	function, file, p, ok := d.names(p)
	if !ok {
		return d.short(p)
	}
	line := int32(binary.LittleEndian.Uint32(d.buf[p:]))
	p += 4
	if p > d.end {
		return d.short(p)
	}
	rec.Frame, rec.Function, rec.File, rec.Line, rec.Entry = id, function, file, line, true
	d.pos = p
	return resultRecord
}

func (d *Reader) image6(p int) result {
	rec := &d.rec
	rec.Kind = KindImage
	file, p, ok := d.cstring(p)
	if !ok {
		return d.short(p)
	}
	rec.Count, p = d.word(d.buf, p)
	rec.Address, p = d.word(d.buf, p)
	if p > d.end {
		return d.short(p)
	}
	rec.File = file
	d.segments = rec.Count
	d.pos = p
	return resultRecord
}

func (d *Reader) thread6(p int) result {
	rec := &d.rec
	rec.Kind = KindThreadName
	rec.Thread, p = d.word(d.buf, p)
	name, p, ok := d.cstring(p)
	if !ok {
		return d.short(p)
	}
	rec.Name = name
	d.pos = p
	if rec.Thread == 0 {
		return d.ghost6()
	}
	return resultRecord
}

// absolute makes a time since 1970 of what a record holds. 32-bit processes wrote only
// the lower half: it is the first such moment that is not before the start.
func (d *Reader) absolute(ms uint64) int64 {
	if d.head.Word == 8 || d.head.Version >= 12 {
		return int64(ms)
	}
	return d.head.StartTime + int64(uint32(ms)-uint32(d.head.StartTime))
}
