package codec

import (
	"errors"
	"fmt"
	"io"
)

// damaged ends the capture at pos, in a record of the given kind (0 when not known).
func (d *Reader) damaged(kind Kind, err error) { d.damagedAt(d.offset(), kind, err) }

func (d *Reader) damagedAt(at int64, kind Kind, err error) {
	d.err = &FormatError{Offset: at, Record: kind, Number: d.status.Records, Err: err}
	d.pos = d.end
	s := &d.status
	s.State, s.Bytes, s.Stopped, s.Reason, s.Err = StateDamaged, at, kind, d.err.Error(), d.err
}

// complete ends the capture at its trailer, which rec holds.
func (d *Reader) complete() {
	s := &d.status
	s.Bytes = d.offset()
	s.State = StateComplete
	if d.head.Format == AllAllocations && d.head.Allocations == 0 && s.Allocations > 0 {
		s.State = StateStaleHeader
		s.Reason = "the header was not rewritten: killed in its last moment, or saved from a socket"
	}
	s.Wasted = int64(d.end - d.pos)
	d.pos = d.end
	d.trailer = true
	d.err = io.EOF
}

// drain reads what stands behind the trailer: zeros, as a rule. A checksum of the
// container that does not hold is found only now.
func (d *Reader) drain() {
	d.drained = true
	for d.more() {
		d.status.Wasted += int64(d.end - d.pos)
		d.pos = d.end
	}
	if err := d.window.err; errors.Is(err, errClosed) || err == io.EOF {
		return
	}
	if err := d.src.fault(d.window.err); errors.Is(err, errCorrupt) {
		records := d.status.Bytes
		d.damagedAt(d.offset(), 0, err)
		d.status.Bytes = records
	}
}

// finish ends a capture that has no trailer. The bytes up to at are whole records, and
// wasted ones follow, which are zeros or the beginning of a record of the given kind.
func (d *Reader) finish(at int64, kind Kind, wasted int64) {
	d.pos = d.end
	s := &d.status
	s.Bytes, s.Wasted, s.Stopped = at, wasted, kind
	d.err = io.EOF
	if err := d.window.err; err != io.EOF && err != nil {
		d.finishFault(d.src.fault(err), at, kind)
		return
	}
	if d.fillerAt > 0 && d.fillerRecords == s.Records && kind == 0 {
		s.Wasted += s.Bytes - d.fillerAt
		s.Bytes = d.fillerAt
	}
	if d.head.Version <= 7 {
		d.finishOld(kind)
	} else {
		d.finishNew()
	}
	if kind != 0 && s.Reason != "" {
		s.Reason += fmt.Sprintf("; the last record, %s, is not whole", kind)
	}
}

// finishFault ends a capture whose stream ended with an error.
func (d *Reader) finishFault(err error, at int64, kind Kind) {
	s := &d.status
	switch {
	case err == io.ErrUnexpectedEOF:
		s.State = StateCut
		s.Reason = fmt.Sprintf("the %s stream ends early: a broken copy or download, or a full disk", d.src.name())
	case errors.Is(err, errCorrupt):
		d.damagedAt(at, kind, err)
	default:
		d.err = err
	}
}

// finishOld tells the state of a capture of header 6 or 7, which have no trailer.
func (d *Reader) finishOld(kind Kind) {
	s := &d.status
	n := d.head.Allocations
	switch {
	case n == 0 && !d.src.lz4():
		s.State = StateUnfinished
		s.Reason = "the header was not rewritten at the end"
	case kind != 0 || s.Allocations < n:
		s.State = StateCut
		s.Reason = fmt.Sprintf("%d of %d allocation records are there", s.Allocations, n)
	default:
		s.State = StateComplete
	}
}

// finishNew tells the state of a capture of header 8 or later, which ends without a trailer.
func (d *Reader) finishNew() {
	s := &d.status
	n := d.head.Allocations
	switch {
	case d.head.Format == AggregatedAllocations:
		s.State = StateWriteError
		s.Reason = "no trailer: writing the rows stopped half-way, as on a full disk"
	case n == 0: // in LZ4 too, if not Memray but somebody else has compressed it
		s.State = StateUnfinished
		s.Reason = "no trailer: the process still runs, or was killed"
	case d.src.lz4():
		s.State = StateWriteError
		s.Reason = "no trailer: tracking was stopped by a write error, as on a full disk"
	case s.Allocations+1 < n: // the last one may have been counted and not written
		s.State = StateCut
		s.Reason = fmt.Sprintf("%d of %d allocation records are there", s.Allocations, n)
	default:
		s.State = StateWriteError
		s.Reason = "no trailer: tracking was stopped by a write error, as on a full disk"
	}
}
