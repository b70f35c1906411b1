package airflow

import (
	"log/slog"
	"time"

	"github.com/memvault/memvault/internal/inuse"
)

// An Action is what Rotate did with a file.
type Action string

// The actions.
const (
	// Rotated: the file has its new name, or would have it, with DryRun.
	Rotated Action = "rotated"
	// Left: the file keeps its name, and nothing is wrong with that.
	Left Action = "left"
	// Blocked: the file keeps its name because it is live, or may be: try again later.
	Blocked Action = "live"
	// Failed: the file should have been renamed and was not; Rotation.Err says why.
	Failed Action = "failed"
)

// RotateOptions say how Rotate works. The zero value does not wait.
type RotateOptions struct {
	// Wait is how long to wait for Memray to finish the compression of a capture.
	Wait time.Duration
	// InUse says how to find out whether a capture is live.
	InUse inuse.Options
	// DryRun changes nothing.
	DryRun bool
	// Log gets what goes on. It may be nil.
	Log *slog.Logger
}

// A Rotation is what became of one file.
type Rotation struct {
	// Dir is its folder, From its name there, To its new name; "" when it keeps the old one.
	Dir, From, To string
	// Named tells that the file was given, not its folder.
	Named  bool
	Action Action
	// Component, Start and PID are what To is made of.
	Component string
	Start     time.Time
	PID       int
	// State is "live", "compressing", "unknown" when it cannot be told, and else "finished", "crashed", "empty"
	// when the file has no header to read, or "no capture".
	State string
	// Size is the length of the file in bytes, zeros at its end included.
	Size int64
	// Verdict is what is known of its use.
	Verdict inuse.Verdict
	// Reason says in a sentence why Action is what it is.
	Reason string
	// Err is set when Action is Failed.
	Err error
}
