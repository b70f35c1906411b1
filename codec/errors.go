package codec

import (
	"errors"
	"fmt"
)

// FormatError says which bytes are not what any Memray release writes.
type FormatError struct {
	// Offset is where the record begins, in the raw (decompressed) stream.
	Offset int64
	// Record is the kind of the record; 0 when not even that is known.
	Record Kind
	// Number counts the records before this one.
	Number uint64
	// Err says what was found and what was expected.
	Err error
}

// Error reads like "offset 0x1a2f: ALLOCATION (record 77): allocator 19, want 1 to 15".
func (e *FormatError) Error() string {
	return fmt.Sprintf("offset %#x: %s (record %d): %v", e.Offset, e.Record, e.Number, e.Err)
}

// Unwrap gives Err.
func (e *FormatError) Unwrap() error { return e.Err }

// Errors that NewReader wraps, for callers who tell these cases apart.
var (
	// ErrEmpty: no bytes at all (StateEmpty).
	ErrEmpty = errors.New("empty capture: tracking never started, or it is an aggregated capture whose process still runs or was killed")
	// ErrNeverStarted: an LZ4 frame with nothing in it (StateNeverStarted).
	ErrNeverStarted = errors.New("empty capture: the tracker was made but never entered")
	// ErrMagic: not a capture.
	ErrMagic = errors.New("not a Memray capture")
	// ErrVersion: a header version that is not read, or a big-endian file.
	ErrVersion = errors.New("unsupported capture version")
	// ErrHeader: a header that is cut or makes no sense.
	ErrHeader = errors.New("damaged header")
)
