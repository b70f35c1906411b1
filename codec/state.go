package codec

import "strconv"

// State says how the writing of a capture ended, as far as its bytes tell (facts: section 2.9).
type State uint8

// The states of a capture.
const (
	// StateUnknown: not all of the capture has been read yet.
	StateUnknown State = iota
	// StateComplete: tracking ended regularly.
	StateComplete
	// StateStaleHeader: all records are there, but the header's statistics are those of
	// the start: the process was killed in the last moment, or the capture was saved from a socket.
	StateStaleHeader
	// StateUnfinished: the process still runs, or was killed. The bytes cannot tell which.
	StateUnfinished
	// StateCut: bytes are missing that were once there: a broken copy or download, or a quota.
	StateCut
	// StateWriteError: Memray could not write on, as on a full disk, and stopped tracking.
	StateWriteError
	// StateEmpty: no bytes at all: tracking never started, or an aggregated capture whose process still runs or was killed.
	StateEmpty
	// StateNeverStarted: an LZ4 frame with nothing in it: a tracker that was made but never entered.
	StateNeverStarted
	// StateDamaged: bytes in the middle are not what any release writes.
	StateDamaged
)

var stateNames = [...]string{
	"unknown", "complete", "stale header", "running or killed", "cut", "write error",
	"empty", "never started", "damaged",
}

// String gives the state in a word or three, for example "running or killed".
func (s State) String() string {
	if int(s) >= len(stateNames) {
		return "state " + strconv.Itoa(int(s))
	}
	return stateNames[s]
}

// Finished reports whether every record that was ever to be written is there.
func (s State) Finished() bool { return s == StateComplete || s == StateStaleHeader }

// Damage reports whether bytes are missing or wrong that Memray had written.
func (s State) Damage() bool { return s == StateCut || s == StateDamaged }

// Status is what is known of a capture after reading it to its end.
type Status struct {
	State State
	// Bytes is how many bytes of the raw (decompressed) stream hold the header and whole
	// records. It is also the offset at which reading stopped, unless it is only a checksum
	// behind them that does not hold.
	Bytes int64
	// Wasted is how many bytes follow them: the zero tail, or the beginning of a record that is cut.
	// What follows damage is not counted.
	Wasted int64
	// Records is how many records were read, the trailer included; Allocations how many
	// of them were allocations and deallocations.
	Records, Allocations uint64
	// LastTime is the time of the last memory record, in milliseconds since 1970 UTC; 0 when there is none.
	LastTime int64
	// Stopped names the record that could not be read whole, or is 0.
	Stopped Kind
	// Reason says in a sentence why reading stopped; empty when the capture is complete.
	Reason string
	// Err is the *FormatError of a damaged capture.
	Err error
}
