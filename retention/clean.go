package retention

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/memvault/memvault/internal/removal"
	"github.com/memvault/memvault/internal/statedir"
)

// ErrNotArchived is what a Prover answers of a capture that is not in the archive, or not
// proved to be. Any other error means that it could not be asked.
var ErrNotArchived = removal.ErrNotArchived

// A Prover proves that a capture is in the archive. The error is ErrNotArchived when it is not, and
// another when that cannot be told now. again asks once more, and does not open the file: the
// kernel guards it by then.
type Prover func(ctx context.Context, c *Capture) (again func(context.Context) error, err error)

// CleanOptions say what Clean does.
type CleanOptions struct {
	Scan   ScanOptions
	Policy Policy
	// Archived proves that captures are in the archive. It is asked when planning, and what
	// it gave again, live, before the file goes. Nil where there is no archive.
	Archived Prover
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
	// Now is the clock, time.Now unless set. Its location is that of hours and days.
	Now func() time.Time
	Log *slog.Logger
}

// Report is what Clean found in one folder, and did.
type Report struct {
	Dir      string
	Captures []Capture
	Plan     *Plan
	// Before and After are the disk before and after; After is Before when nothing was done.
	Before, After Disk
	// Yes tells whether anything was to be done.
	Yes bool
	// Outcomes has one for each of Plan.Deletions, in that order, once they were tried.
	Outcomes []Outcome
	// Trash is how many bytes emptying the trash gave back.
	Trash int64
	// Unasked counts the captures that stay because the archive could not be asked.
	Unasked int
	// Stopped says why deleting ended before the plan did; empty when it did not.
	Stopped string
}

// Outcome is what became of a capture that was to go. The zero Outcome is of one that was
// not tried any more.
type Outcome struct {
	removal.Outcome
	// Done tells that it was deleted, or moved to the trash if Trashed.
	Done bool
	// Err is why it was not.
	Err error
}

// Freed is by how many bytes the free space grew.
func (r *Report) Freed() int64 {
	freed := r.Trash
	for i := range r.Outcomes {
		freed += r.Outcomes[i].Freed
	}
	return freed
}

// Failed counts the captures that were to go and could not.
func (r *Report) Failed() int {
	n := 0
	for i := range r.Outcomes {
		if r.Outcomes[i].Err != nil {
			n++
		}
	}
	return n
}

// Clean scans a folder, plans, and with Yes does what the plan says. The Report is nil only when there was
// nothing to plan: the folder cannot be read or is locked (removal.ErrLocked), the policy makes no
// sense. When ctx ends, the file in hand is finished, and the error is that of ctx.
func Clean(ctx context.Context, dir string, o CleanOptions) (*Report, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Policy.RequireArchived && o.Archived == nil {
		return nil, errors.New("only what is archived may go, but no archive is named")
	}
	c := &cleaner{CleanOptions: o, folders: map[string]*removal.Folder{}, proofs: map[*Capture]func(context.Context) error{}, report: &Report{Dir: dir, Yes: o.Yes}}
	err := c.run(ctx, filepath.Clean(dir))
	if closeErr := c.close(); err == nil {
		err = closeErr
	}
	if c.report.Plan == nil {
		return nil, err
	}
	return c.report, err
}

// A cleaner is one run of Clean.
type cleaner struct {
	CleanOptions
	// folders are those that are locked, by path.
	folders map[string]*removal.Folder
	report  *Report
	// proofs are those that may be asked again, by capture.
	proofs map[*Capture]func(context.Context) error
	// used is what the captures occupy that are still there, in bytes.
	used int64
}

func (c *cleaner) run(ctx context.Context, dir string) error {
	state, err := statedir.Open(c.State)
	if err != nil {
		c.Log.Warn("no state is kept: whether the clock was set cannot be told", "error", err)
		state = nil
	}
	clock := readClock(state, c.TrustClock, c.Log)
	c.Policy.NoAge = clock.doubt
	if c.Yes {
		if _, err := c.folder(ctx, dir); err != nil {
			return err
		}
	}
	if err := c.plan(ctx, dir); err != nil || !c.Yes {
		return err
	}
	clock.keep()
	if err = c.carryOut(ctx, dir); err == nil {
		err = c.sweep(ctx)
	}
	c.report.After, _ = c.disk(dir)
	return err
}

// folder locks a folder for deleting, the first time that it is asked for.
func (c *cleaner) folder(ctx context.Context, dir string) (*removal.Folder, error) {
	if f := c.folders[dir]; f != nil {
		return f, nil
	}
	f, err := removal.Open(ctx, dir, removal.Options{
		State: c.State, LockWait: c.LockWait, Undo: c.Undo, InUse: c.Scan.InUse, Log: c.Log, Proof: c.proveTrash(),
	})
	if err != nil {
		return nil, err
	}
	c.folders[dir] = f
	return f, nil
}

func (c *cleaner) close() error {
	var err error
	for _, f := range c.folders {
		err = errors.Join(err, f.Close())
	}
	return err
}

// disk reads the disk. Where it cannot be read, only a policy that wants free space fails.
func (c *cleaner) disk(dir string) (Disk, error) {
	d, err := ReadDisk(dir)
	if err != nil && !c.Policy.MinFree.IsZero() {
		return d, err
	}
	if err != nil {
		c.Log.Warn("the disk cannot be read", "error", err)
	}
	for _, sub := range c.subfolders(dir) {
		if err := d.addTrash(filepath.Join(sub, TrashDir)); err != nil {
			c.Log.Warn("a trash cannot be counted", "folder", sub, "error", err)
		}
	}
	d.Level = c.Level
	return d, nil
}

// subfolders are the folders within dir that captures were found in.
func (c *cleaner) subfolders(dir string) []string {
	var list []string
	for i := range c.report.Captures { // they are in the order of their folders
		if sub := c.report.Captures[i].Dir; sub != dir && (len(list) == 0 || list[len(list)-1] != sub) {
			list = append(list, sub)
		}
	}
	return list
}
