package retention

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// CleanOptions say what Clean does.
type CleanOptions struct {
	Scan   ScanOptions
	Policy Policy
	// Archived proves that a capture is in the archive: nil when it is, an error that wraps
	// ErrNotArchived when not, another when that cannot be told now. Nil where there is no archive.
	Archived func(context.Context, *Capture) error
	// Yes deletes; without it nothing changes, and the Report is the same.
	Yes bool
	// State is the folder of memvault's own files, or empty for the usual one.
	State string
	// Undo is how long deleted captures stay in the trash.
	Undo time.Duration
	// LockWait is how long to wait while another pass works on the folder.
	LockWait time.Duration
	// TrustClock lets captures go by age although the clock has jumped.
	TrustClock bool
	// Level is the level at the last look, for hysteresis.
	Level Level
	// Now is time.Now unless set.
	Now func() time.Time
	Log *slog.Logger
}

// Report is what Clean found and did in one folder.
type Report struct {
	Dir      string
	Captures []Capture
	Plan     *Plan
	// Before and After are the disk before and after; After is Before when nothing was done.
	Before, After Disk
	// Outcomes has one for each of Plan.Deletions.
	Outcomes []Outcome
}

// Outcome is what became of a capture that was to go.
type Outcome struct {
	// Done tells that it was deleted, or lies in the trash if Trashed.
	Done, Trashed bool
	// Freed is how many bytes the file system has more.
	Freed int64
	// Note says why it was left, or what is odd.
	Note string
	// Err is why it could not be deleted.
	Err error
}

// Clean scans a folder, plans, and, with Yes, deletes what the plan says.
func Clean(ctx context.Context, dir string, o CleanOptions) (*Report, error) {
	return nil, errors.New("not built yet")
}
