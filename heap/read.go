package heap

import (
	"errors"
	"io"

	"github.com/memvault/memvault/codec"
)

// Read reads a capture to its end and makes a Profile of it. A capture that is cut short
// or damaged gives the Profile of what can be read, and Profile.Status tells so; the error is
// that of the underlying reader, ErrNeedsEnd, or wraps ErrNoWindow.
func Read(r *codec.Reader, o Options) (*Profile, error) {
	b, err := NewBuilder(r.Header(), o)
	if err != nil {
		return nil, err
	}
	wait := b.beside()
	for {
		rec, err := r.Next()
		if err != nil {
			b.flush()
			wait()
			if err := endError(err); err != nil {
				return nil, err
			}
			return b.Profile(r.Status())
		}
		b.Add(rec)
	}
}

// beside has the ledger work in a goroutine of its own, until the function that it returns is
// called. Batches go to and fro; there are never more than three.
func (b *Builder) beside() (wait func()) {
	full, empty := make(chan *batch, 2), make(chan *batch, 2)
	empty <- new(batch)
	empty <- new(batch)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for x := range full {
			b.ledger.apply(x)
			x.n = 0
			empty <- x
		}
	}()
	alone := b.send
	b.send = func(x *batch) *batch {
		full <- x
		return <-empty
	}
	return func() {
		close(full)
		<-done
		b.send = alone
	}
}

// endError is nil if err only says that a capture ended, well or not.
func endError(err error) error {
	var format *codec.FormatError
	if err == io.EOF || errors.As(err, &format) {
		return nil
	}
	return err
}

// EndTime reads a capture to its end and gives the time of that in milliseconds since 1970
// UTC: of the last memory record, or the header's if there is none.
func EndTime(r *codec.Reader) (int64, error) {
	for {
		if _, err := r.Next(); err != nil {
			s := r.Status()
			if s.LastTime == 0 || s.State == codec.StateComplete {
				return r.Header().EndTime, endError(err)
			}
			return s.LastTime, endError(err)
		}
	}
}
