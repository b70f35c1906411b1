package codec

import (
	"bytes"
	"errors"
	"io"
)

// Reader reads one capture, record by record. It decompresses in a goroutine of its
// own, which ends when the capture has been read to its end or the Reader is closed.
type Reader struct {
	window
	src     *source
	head    Header
	dialect dialect
	rec     Record
	status  Status
	err     error // sticky: what Next returns from now on

	timeBefore int64 // status.LastTime before the latest memory record

	// What the deltas are added to (facts: section 3). All start at 0.
	mask              uint64 // of a word of the writer
	thread            uint64
	ptr, ip, nid, fid uint64
	line              int32
	cache             [16]uint64 // the 15 latest pointers, from slot first on, in a ring
	first             int
	fault             error  // of the record in hand, set by the primitives
	segments          uint64 // that must follow, since an image was declared

	strict        bool   // without a trailer, the data end behind the last byte that is not zero
	fillers       bool   // a zero where a record should begin is skipped
	fillerAt      int64  // offset of the latest run of fillers
	fillerRecords uint64 // how many records stood before it
	trailer       bool   // rec is a trailer that has not been given out
	drained       bool   // the bytes behind the trailer have been read
}

// dialect selects the decoder of a record.
type dialect uint8

const (
	dialect6    dialect = iota // header 6
	dialect7                   // headers 7 to 11
	dialect12                  // headers 12 and 13
	dialectRows                // aggregated
)

// NewReader unpacks r by its content, starts reading and decodes the header. The error
// wraps ErrEmpty, ErrNeverStarted, ErrMagic, ErrVersion or ErrHeader, or is r's own.
// Whoever does not read to the end must call Close. After an error, too, r may be read once more.
func NewReader(r io.Reader) (*Reader, error) { return NewTeeReader(r, io.Discard) }

// NewTeeReader is NewReader, and writes to raw what it reads of the raw (decompressed) stream.
// Once Next has returned io.EOF that is all of it, unless the state is StateCut. Raw must not fail.
func NewTeeReader(r io.Reader, raw io.Writer) (*Reader, error) {
	src, err := openSource(r)
	if err != nil {
		return nil, err
	}
	d := &Reader{src: src}
	stream := src.r
	if raw != io.Discard {
		stream = io.TeeReader(stream, raw)
	}
	d.window = *newWindow(stream, src.close)
	if err := d.readHeader(); err != nil {
		d.close()
		return nil, err
	}
	d.configure()
	return d, nil
}

// configure chooses the decoder and its rules by the header.
func (d *Reader) configure() {
	h := &d.head
	d.mask = 1<<(8*uint(h.Word)-1)<<1 - 1
	switch {
	case h.Format == AggregatedAllocations:
		d.dialect = dialectRows
	case h.Version >= 12:
		d.dialect = dialect12
	case h.Version >= 7:
		d.dialect = dialect7
	default:
		d.dialect = dialect6
	}
	// Facts: section 2.8. Header 6 writes zeros within records all the time, and
	// finished captures of header 7 are known to be whole.
	finished := h.Allocations > 0
	d.fillers = h.Version == 6 || h.Version == 7 && finished
	// Memray rewrites the header before it compresses: where that was not done, somebody
	// else has compressed the file of a killed process, zero tail and all.
	byMemray := d.src.lz4() && (finished || h.Format == AggregatedAllocations || h.Version == 7)
	d.strict = !byMemray && !d.fillers
}

// Header gives what stands before the records. It must not be changed.
func (d *Reader) Header() *Header { return &d.head }

// Container names what the capture is packed in, outermost first: "plain", "lz4", "gzip+lz4".
func (d *Reader) Container() string { return d.src.name() }

// Offset is where the next record begins, in the raw (decompressed) stream.
func (d *Reader) Offset() int64 { return d.offset() }

// Close stops reading: Next gives no more records. It does not close the reader given to
// NewReader, which may be read once more before it is left alone. Like all methods, it must not
// be called while another one runs.
func (d *Reader) Close() error {
	d.close()
	if d.err == nil {
		d.err = errClosed
		d.status.Bytes = d.offset()
		d.base -= int64(d.end - d.pos) // Offset stays the same
		d.pos = d.end
	}
	return nil
}

// Status tells how the capture ended. It is complete once Next has returned an error.
func (d *Reader) Status() Status {
	s := d.status
	if d.err == nil {
		s.Bytes = d.offset()
	}
	return s
}

// Next decodes the next record, which is valid until the call after. At the end of
// what can be read, cut short or not, the error is io.EOF, and Status tells more. A
// *FormatError says that the capture is damaged there. Other errors are those of the
// reader given to NewReader. The error stays the same from then on.
func (d *Reader) Next() (*Record, error) {
	for d.end-d.pos >= slack || d.prepare() {
		start := d.pos
		var res result
		switch d.dialect {
		case dialect12:
			res = d.next12()
		case dialect7:
			res = d.next7()
		case dialectRows:
			res = d.nextRows()
		default:
			res = d.next6()
		}
		if res != resultRecord || d.pos > d.end || d.fault != nil {
			if d.settle(res, start); d.err != nil {
				break
			}
			continue
		}
		if d.buf[d.pos] == 0 && d.cutByZeros(start) {
			break
		}
		d.status.Records++
		return &d.rec, nil
	}
	return d.last()
}

// result is what a decoder says of the bytes at pos.
type result uint8

const (
	resultRecord  result = iota // the record is in rec, and pos behind it
	resultMore                  // the record is longer than the window; no cache has been changed
	resultFiller                // nothing stands here, and pos is behind it
	resultZero                  // a zero where a record should begin
	resultGhost                 // a record of header 6 that was never written whole
	resultTrailer               // the record is the last one
	resultFault                 // fault tells what is wrong
)

// prepare makes the window large enough for a record without strings, and reports
// false when nothing is left to decode.
func (d *Reader) prepare() bool {
	if d.err != nil {
		return false
	}
	if d.ensure(slack) {
		return true
	}
	if d.pos < d.end {
		return true
	}
	d.finish(d.offset(), 0, 0)
	return false
}

// settle deals with all that is not simply a record. It either leaves pos where
// decoding goes on, or sets err.
func (d *Reader) settle(res result, start int) {
	kind := d.rec.Kind
	if res == resultRecord {
		d.uncount() // what is cut or faulty
	}
	switch {
	case res == resultMore:
		d.pos = start
		if !d.more() {
			d.finish(d.offset(), kind, int64(d.end-d.pos))
		}
	case d.pos > d.end:
		d.pos = start
		d.finish(d.offset(), kind, int64(d.end-d.pos))
	case res == resultFault || d.fault != nil:
		d.pos = start
		d.damaged(kind, d.fault)
	case res == resultFiller:
		d.skipFiller(start)
	case res == resultGhost:
		d.pos = start
		d.finish(d.offset(), kind, int64(d.end-d.pos))
	case res == resultZero:
		d.pos = start
		at := d.offset()
		if n, only := d.readZeros(); only {
			d.finish(at, 0, n)
		} else {
			d.damagedAt(at, 0, errZeroTag)
		}
	case res == resultTrailer:
		d.status.Records++
		d.complete()
	}
}

// setTime notes the time of a memory record.
func (d *Reader) setTime(t int64) {
	d.timeBefore, d.status.LastTime = d.status.LastTime, t
}

// uncount takes back what the decoder noted of a record that turned out to be none.
func (d *Reader) uncount() {
	switch d.rec.Kind {
	case KindAllocation:
		d.status.Allocations--
	case KindMemory, KindHeapSnapshot:
		d.status.LastTime = d.timeBefore
	}
}

var errZeroTag = errors.New("tag 0 before other bytes, want a record, or zeros up to the end")

// skipFiller leaves out the zeros between start and the next byte that is not.
func (d *Reader) skipFiller(start int) {
	if d.fillerRecords != d.status.Records || d.fillerAt == 0 {
		d.fillerRecords = d.status.Records
		d.fillerAt = d.base + int64(start)
	}
	if d.dialect == dialect6 {
		return // its tags are of four bytes
	}
	d.pos = d.end - len(bytes.TrimLeft(d.buf[d.pos:d.end], "\x00"))
}

// cutByZeros reports whether the record from start to pos, behind which a zero or the end
// stands, reaches into the zeros behind the data. Memray's rule since 1.2.0: the data end
// behind the last byte that is not zero, and a record that would go on further does not count.
func (d *Reader) cutByZeros(start int) bool {
	if !d.strict || d.buf[d.pos-1] != 0 {
		return false
	}
	at, after := d.base+int64(start), d.offset()
	kind := d.rec.Kind
	d.keepBytes()
	if d.pos == d.end && d.more() && d.buf[d.pos] != 0 {
		return false // the zero was but room behind the chunk
	}
	n, only := d.readZeros()
	if only {
		d.uncount()
		d.finish(at, kind, after-at+n)
		return true
	}
	if d.err == nil {
		d.status.Records++
		d.damagedAt(after, 0, errZeroTag)
		d.status.Records--
	}
	return false
}

// keepBytes makes the slices of rec outlive the window. Those that its kind does not
// have may point to a chunk that is being filled.
func (d *Reader) keepBytes() {
	r := &d.rec
	switch r.Kind {
	case KindFrame:
		r.Function, r.File = bytes.Clone(r.Function), bytes.Clone(r.File)
	case KindCode:
		r.Function, r.File, r.LineTable = bytes.Clone(r.Function), bytes.Clone(r.File), bytes.Clone(r.LineTable)
	case KindImage:
		r.File = bytes.Clone(r.File)
	case KindThreadName:
		r.Name = bytes.Clone(r.Name)
	}
}

// readZeros reads on to the first byte that is not zero, or to the end of the stream, and
// tells how many zeros there were and whether it was the end.
func (d *Reader) readZeros() (n int64, only bool) {
	for {
		rest := len(bytes.TrimLeft(d.buf[d.pos:d.end], "\x00"))
		n += int64(d.end - d.pos - rest)
		d.pos = d.end - rest
		if rest > 0 {
			d.end = d.pos // nothing from here on is decoded
			return n, false
		}
		if !d.more() {
			return n, true
		}
	}
}

// last gives the trailer, once, and then the error.
func (d *Reader) last() (*Record, error) {
	if d.trailer {
		d.trailer = false
		return &d.rec, nil
	}
	if d.status.State.Finished() && !d.drained {
		d.drain()
	}
	d.close()
	return nil, d.err
}
