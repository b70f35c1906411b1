// Package inuse tells whether a capture is being written. The kernel proves it with a
// lease, /proc names who holds a file; where neither can, a capture whose data have not
// grown for long enough is called quiet.
package inuse

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// State is what is known of the use of a file.
type State int

// The states. Only Free is proved; the others tell what was seen.
const (
	// Unknown: there is no proof, and not yet any quiet time. As good as Live.
	Unknown State = iota
	// Free: nobody has the file open or mapped.
	Free
	// Live: it is being written, compressed by Memray, or may be.
	Live
	// Held: its writer is gone, but other processes hold it. Deleting frees no space until they end.
	Held
	// Quiet: there is no proof, but the end of its data has not moved for Options.Idle.
	Quiet
)

var stateNames = [...]string{"unknown", "free", "live", "held", "quiet"}

// String gives the state in lower case.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("state %d", int(s))
	}
	return stateNames[s]
}

// Method says how to find out.
type Method string

// The values of --in-use.
const (
	// MethodAuto asks for a lease first, and looks into /proc where it is refused or cannot be had.
	MethodAuto Method = "auto"
	// MethodLease asks for a lease only: a refused one means live, whoever holds the file.
	MethodLease Method = "lease"
	// MethodProc looks into /proc only: for those who know that every writer can be seen there.
	MethodProc Method = "proc"
)

// ParseMethod reads a value of --in-use.
func ParseMethod(s string) (Method, error) {
	switch m := Method(s); m {
	case MethodAuto, MethodLease, MethodProc:
		return m, nil
	}
	return "", fmt.Errorf("%q is no way to find out what is in use: want auto, lease or proc", s)
}

// The defaults of Options, and how long a file must have been quiet to be deleted.
const (
	DefaultIdle     = 5 * time.Minute
	DefaultSettle   = 2 * time.Second
	QuietForDeletes = 24 * time.Hour
)

// Options say how Check finds out. The zero value works.
type Options struct {
	// Method is MethodAuto when empty.
	Method Method
	// Idle is how long the end of the data must not have moved, where there is no proof,
	// for the file to be Quiet; 0 is DefaultIdle.
	Idle time.Duration
	// Settle is how long the end of the data of a file that others hold is watched; 0 is DefaultSettle.
	Settle time.Duration
	// Wait lets Check wait for Idle where there is no proof and Memory does not reach back far
	// enough. Without it such a file is Unknown.
	Wait bool
	// Memory keeps what earlier checks saw, of this process or (Memory.Save, Memory.Load)
	// of earlier ones. Nil remembers nothing.
	Memory *Memory
	// Listed tells that the caller has just listed the folder, in which Trusted holds, and that no copy
	// in the making (.lz4.tmp) of this file lies there. That spares a look at each file of many. Who is
	// about to delete or rename does not set it.
	Listed bool
	// Log gets what was tried, at debug level. It may be nil.
	Log *slog.Logger
}

// A Holder is a process that has the file open or mapped.
type Holder struct {
	// PID is the process's id in our PID namespace.
	PID int `json:"pid"`
	// Command is its name (/proc/PID/comm), as it stands: not to be trusted. "" when it ended meanwhile.
	Command string `json:"command,omitempty"`
}

// A Verdict is the answer of Check.
type Verdict struct {
	State State
	// Holders are the processes that were seen to hold the file, without ourselves; those of
	// other PID namespaces may be missing.
	Holders []Holder
	// How is what the verdict rests on: "lease", "proc" or "idle".
	How string
	// Reason says in a sentence why the state is what it is.
	Reason string
	// QuietFor is how long the end of the data is known not to have moved; 0 where nobody looked.
	QuietFor time.Duration
}

// MayRotate tells whether the file may be renamed: nobody writes it. That is when it
// is Free, Held or Quiet.
func (v Verdict) MayRotate() bool { return v.State == Free || v.State == Held || v.State == Quiet }

// MayUpload tells whether the file may be read as a whole. It is the same as MayRotate.
func (v Verdict) MayUpload() bool { return v.MayRotate() }

// MayDelete tells whether the file may be deleted: when it is Free or Held, and when it
// is Quiet only if archived, and quiet for QuietForDeletes.
func (v Verdict) MayDelete(archived bool) bool {
	return v.State == Free || v.State == Held ||
		v.State == Quiet && archived && v.QuietFor >= QuietForDeletes
}

// HeldBy names the holders for a message: "pid 12, 13 and 31 more".
func (v Verdict) HeldBy() string {
	const named = 8
	var b strings.Builder
	for i, h := range v.Holders {
		switch {
		case i == named:
			fmt.Fprintf(&b, " and %d more", len(v.Holders)-named)
			return b.String()
		case i == 0:
			b.WriteString("pid ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d", h.PID)
	}
	return b.String()
}
