package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Start times of real captures, in milliseconds since 1970: 2017 to 2103. The facts'
// section 4 tells 32-bit headers from 64-bit ones by where such a number stands.
const (
	earliestStart = 1_500_000_000_000
	latestStart   = 4_200_000_000_000
)

// How large a list of folders in the header of a hostile capture may be.
const (
	maxFolders = 1 << 16
	maxPaths   = maxString // bytes
)

// readHeader decodes what stands before the records.
func (d *Reader) readHeader() error {
	if err := d.readMagic(); err != nil {
		return err
	}
	h := &d.head
	if h.Version >= 12 {
		h.PythonVersion = d.u32()
	}
	h.NativeTraces = d.flag()
	if h.Version >= 10 {
		f := d.u8()
		if f > byte(AggregatedAllocations) && d.fault == nil {
			return d.headerError("file format %d, want 0 or 1", f)
		}
		h.Format = Format(f)
	}
	d.statistics()
	h.CommandLine = d.text()
	h.PID = int32(d.u32())
	if h.Version >= 9 {
		h.MainThread = d.size()
		h.SkippedFrames = d.size()
	}
	if h.Version >= 8 {
		h.PythonAllocator = int32(d.u8())
	} else {
		h.PythonAllocator = int32(d.u32())
	}
	h.TracesPython = h.Version >= 11 && d.flag()
	h.TracksObjects = h.Version >= 12 && d.flag()
	if h.Version >= 13 {
		h.LibDest = d.text()
		h.SitePackages = d.texts()
		h.SysPath = d.texts()
	}
	if d.fault != nil {
		return d.fault
	}
	h.Size = d.offset()
	return nil
}

// readMagic decodes the part of the header that is the same in all versions.
func (d *Reader) readMagic() error {
	d.ensure(len(magicMemray) + 4)
	head := d.buf[d.pos:min(d.end, d.pos+len(magicMemray)+4)]
	switch {
	case d.window.err != nil && d.window.err != io.EOF && len(head) < len(magicMemray)+4:
		return d.src.headerFault(d.window.err, d.offset())
	case len(head) == 0 && d.src.lz4():
		return ErrNeverStarted
	case len(head) == 0:
		return ErrEmpty
	case !bytes.HasPrefix(head, magicMemray[:min(len(head), len(magicMemray))]):
		return fmt.Errorf("%w: offset 0: found %q, want %q, or LZ4, zstd or gzip of it", ErrMagic, head, magicMemray)
	case len(head) < len(magicMemray)+4:
		return d.headerError("the file ends")
	}
	version := binary.LittleEndian.Uint32(head[len(magicMemray):])
	big := binary.BigEndian.Uint32(head[len(magicMemray):])
	switch {
	case version >= MinVersion && version <= MaxVersion:
		d.head.Version = int(version)
		d.pos += len(head)
		return nil
	case big > 0 && big < 256:
		return fmt.Errorf("%w: offset 7: found %d in big-endian order, want little-endian %d to %d", ErrVersion, big, MinVersion, MaxVersion)
	}
	return fmt.Errorf("%w: offset 7: found header version %d, want %d to %d (Memray 1.0.0 to 1.20.0)", ErrVersion, version, MinVersion, MaxVersion)
}

func (d *Reader) headerError(format string, args ...any) error {
	return fmt.Errorf("%w: offset %#x: %s", ErrHeader, d.offset(), fmt.Sprintf(format, args...))
}

// statistics decodes the four numbers that are written as one struct, and finds out by
// them whether the writer was a 64-bit or a 32-bit process.
func (d *Reader) statistics() {
	h := &d.head
	if !d.need(24) {
		return
	}
	at := func(i int) int64 { return int64(binary.LittleEndian.Uint64(d.buf[d.pos+i:])) }
	h.Word = 8
	if t := at(8); t >= earliestStart && t <= latestStart {
		h.Word = 4
	}
	h.Allocations = d.size()
	h.Frames = d.size()
	h.StartTime = int64(d.u64())
	h.EndTime = int64(d.u64())
}

// need makes n bytes available, or sets fault.
func (d *Reader) need(n int) bool {
	if d.fault != nil {
		return false
	}
	if d.ensure(n) {
		return true
	}
	if d.window.err != io.EOF {
		d.fault = d.src.headerFault(d.window.err, d.offset())
	} else {
		d.fault = d.headerError("the file ends in the header")
	}
	return false
}

func (d *Reader) u8() byte {
	if !d.need(1) {
		return 0
	}
	d.pos++
	return d.buf[d.pos-1]
}

func (d *Reader) flag() bool { return d.u8() != 0 }

func (d *Reader) u32() uint32 {
	if !d.need(4) {
		return 0
	}
	d.pos += 4
	return binary.LittleEndian.Uint32(d.buf[d.pos-4:])
}

func (d *Reader) u64() uint64 {
	if !d.need(8) {
		return 0
	}
	d.pos += 8
	return binary.LittleEndian.Uint64(d.buf[d.pos-8:])
}

// size reads a size_t of the writer.
func (d *Reader) size() uint64 {
	if d.head.Word == 4 {
		return uint64(d.u32())
	}
	return d.u64()
}

// text reads a string up to its NUL.
func (d *Reader) text() string {
	for seen := 0; d.fault == nil; {
		b := d.buf[d.pos:d.end]
		if n := bytes.IndexByte(b[seen:], 0); n >= 0 {
			d.pos += seen + n + 1
			return string(b[:seen+n])
		}
		seen = len(b)
		if seen > maxString {
			d.fault = d.headerError("string of more than %d bytes", maxString)
		} else {
			d.need(seen + 1)
		}
	}
	return ""
}

// texts reads strings up to an empty one.
func (d *Reader) texts() []string {
	var list []string
	for total := 0; d.fault == nil; {
		s := d.text()
		if s == "" {
			break
		}
		list = append(list, s)
		if total += len(s); total > maxPaths || len(list) > maxFolders {
			d.fault = d.headerError("more than %d folders, or %d bytes of them", maxFolders, maxPaths)
		}
	}
	return list
}
