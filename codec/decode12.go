package codec

import (
	"errors"
	"fmt"
)

var errNoThread = errors.New("no CONTEXT_SWITCH before it")

// The plain types of headers 12 and 13: the low nibble of a tag whose high one is 0 (facts: section 5.3).
const (
	tagTrailer12 = 1
	tagMemory    = 2
	tagNative12  = 5
	tagMapStart  = 6
	tagImage     = 7
	tagSegment   = 8
	tagThread    = 10
	tagSwitch    = 12
	tagCode      = 14
)

// next12 decodes a record of an event stream of header 12 or 13. The tag is a prefix code.
// Varints of one byte are decoded in place: the compiler does not inline uvarint.
func (d *Reader) next12() result {
	b, p, rec := d.buf, d.pos, &d.rec
	tag := b[p]
	p++
	switch {
	case tag&0x80 != 0:
		rec.Kind = KindAllocation
		var v uint64
		if slot := tag >> 3 & 15; slot != 15 {
			rec.Address = d.cache[(d.first+int(slot))&15]
		} else {
			if v, p = uint64(b[p]), p+1; v >= 0x80 {
				v, p = d.longVarint(b, p-1)
			}
			rec.Address = d.miss(v)
		}
		a := tag & 7
		if a == 0 {
			a = b[p]
			p++
		}
		rec.Allocator = Allocator(a)
		rec.Native, rec.Size = 0, 0
		if !rec.Allocator.simpleFree() {
			if !rec.Allocator.Valid() {
				d.pos = p // behind the end, if the record is cut
				return d.fail(KindAllocation, "allocator %d, want 1 to 15", a)
			}
			if d.head.NativeTraces {
				v, p = d.uvarint(b, p)
				d.nid = (d.nid + zigzag(v)) & d.mask
				rec.Native = d.nid
			}
			if v, p = uint64(b[p]), p+1; v >= 0x80 {
				v, p = d.longVarint(b, p-1)
			}
			rec.Size = v
		}
		d.status.Allocations++
	case tag&0x40 != 0:
		rec.Kind = KindFramePush
		rec.Entry = tag&1 != 0
		var v uint64
		if v, p = uint64(b[p]), p+1; v >= 0x80 {
			v, p = d.longVarint(b, p-1)
		}
		rec.Frame = v
		if v, p = uint64(b[p]), p+1; v >= 0x80 {
			v, p = d.longVarint(b, p-1)
		}
		rec.Instruction = int64(zigzag(v))
	case tag&0x20 != 0:
		p = d.object(tag, p)
	case tag&0x10 != 0:
		rec.Kind = KindFramePop
		rec.Count = uint64(tag&15) + 1
	default:
		return d.plain12(tag, p)
	}
	d.pos = p
	if rec.Thread == 0 || d.segments > 0 {
		return d.misplaced()
	}
	return resultRecord
}

// misplaced fails a record that belongs to a thread when none has been named, or that
// stands where a SEGMENT was declared.
func (d *Reader) misplaced() result {
	if d.pos > d.end {
		return resultRecord // a cut record, which says more
	}
	d.uncount()
	d.fault = errNoThread
	if d.segments > 0 {
		d.fault = fmt.Errorf("want %d more SEGMENT records before it", d.segments)
	}
	return resultFault
}

// miss decodes a pointer that is not in the cache and puts it there.
func (d *Reader) miss(v uint64) uint64 {
	d.ptr = (d.ptr + zigzag(v)) & d.mask
	address := d.ptr << 3 & d.mask
	d.first = (d.first - 1) & 15
	d.cache[d.first] = address
	return address
}

// object decodes an OBJECT_RECORD.
func (d *Reader) object(tag byte, p int) int {
	b, rec := d.buf, &d.rec
	rec.Kind = KindObject
	rec.Created = tag&1 != 0
	var v uint64
	if slot := tag >> 1 & 15; slot != 15 {
		rec.Address = d.cache[(d.first+int(slot))&15]
	} else {
		v, p = d.uvarint(b, p)
		rec.Address = d.miss(v)
	}
	rec.Native = 0
	if rec.Created && d.head.NativeTraces {
		v, p = d.uvarint(b, p)
		d.nid = (d.nid + zigzag(v)) & d.mask
		rec.Native = d.nid
	}
	return p
}

// plain12 decodes the records that have no flags.
func (d *Reader) plain12(tag byte, p int) result {
	if d.segments > 0 && tag != tagSegment && tag != 0 {
		d.pos = p
		return d.fail(0, "tag %#x, want %d more SEGMENT records", tag, d.segments)
	}
	switch tag {
	case 0:
		return resultZero
	case tagTrailer12:
		d.rec.Kind = KindTrailer
		d.pos = p
		return resultTrailer
	case tagCode:
		return d.code(p)
	}
	return d.common(tag, p)
}

// common decodes the records that are the same from header 7 to 13 and in both file
// formats, but for their tag; tag is that of headers 12 and 13.
func (d *Reader) common(tag byte, p int) result {
	b, rec := d.buf, &d.rec
	var v uint64
	switch tag {
	case tagMemory:
		rec.Kind = KindMemory
		rec.RSS, p = d.uvarint(b, p)
		v, p = d.uvarint(b, p)
		if d.head.Version < 12 {
			v &= d.mask
		}
		rec.Time = d.head.StartTime + int64(v)
		d.setTime(rec.Time)
	case tagNative12:
		rec.Kind = KindNativeTrace
		v, p = d.uvarint(b, p)
		d.ip = (d.ip + zigzag(v)) & d.mask
		rec.IP = d.ip
		v, p = d.uvarint(b, p)
		d.nid = (d.nid + zigzag(v)) & d.mask
		rec.Parent = d.nid
	case tagMapStart:
		rec.Kind = KindMapStart
	case tagImage:
		return d.image(p)
	case tagSegment:
		rec.Kind = KindSegment
		rec.Address, p = d.word(b, p)
		rec.Size, p = d.uvarint(b, p)
		if d.segments > 0 {
			d.segments--
		}
	case tagThread:
		return d.threadName(p)
	case tagSwitch:
		rec.Kind = KindContextSwitch
		d.thread, p = d.word(b, p)
		rec.Thread = d.thread
	default:
		return d.fail(0, "tag %#x, want one of header %d", b[d.pos], d.head.Version)
	}
	d.pos = p
	return resultRecord
}

func (d *Reader) image(p int) result {
	rec := &d.rec
	rec.Kind = KindImage
	file, p, ok := d.cstring(p)
	if !ok {
		return d.short(p)
	}
	rec.Count, p = d.uvarint(d.buf, p)
	rec.Address, p = d.word(d.buf, p)
	if p > d.end {
		return d.short(p)
	}
	rec.File = file
	d.segments = rec.Count
	d.pos = p
	return resultRecord
}

func (d *Reader) threadName(p int) result {
	rec := &d.rec
	rec.Kind = KindThreadName
	rec.Thread = d.thread
	name, p, ok := d.cstring(p)
	if !ok {
		return d.short(p)
	}
	rec.Name = name
	d.pos = p
	return resultRecord
}

// code decodes a CODE_OBJECT.
func (d *Reader) code(p int) result {
	rec := &d.rec
	rec.Kind = KindCode
	rec.Code, p = d.uvarint(d.buf, p)
	function, file, p, ok := d.names(p)
	if !ok {
		return d.short(p)
	}
	line, p := d.uvarint(d.buf, p)
	size, p := d.uvarint(d.buf, p)
	table, p, ok := d.raw(p, size)
	if !ok {
		return d.short(p)
	}
	d.line += int32(zigzag(line))
	rec.Function, rec.File, rec.Line, rec.LineTable = function, file, d.line, table
	d.pos = p
	return resultRecord
}
