// Package removal is the one way in which memvault deletes or moves a capture: out of a
// folder that is locked, by a rename that captures whichever file has the name, into a trash
// folder beside it, with a journal that a killed run is finished or taken back by.
// A symbolic link is never followed, and nothing outside the folder is touched.
package removal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/inuse"
)

// The errors that callers branch on.
var (
	// ErrLocked: another pass works on the folder, and did not end within LockWait.
	ErrLocked = errors.New("another memvault works on this folder: try again, or wait longer with --lock-wait")
	// ErrInUse: the file is live, or may be. The error is an *InUseError.
	ErrInUse = errors.New("in use")
	// ErrChanged: the file is not, or no longer, the one that was looked at.
	ErrChanged = errors.New("not the file that was looked at")
	// ErrRefused: the file must not be touched, whatever its content: no regular file, several
	// links, another file system, another owner.
	ErrRefused = errors.New("not touched")
	// ErrNotArchived: Item.Proof said no.
	ErrNotArchived = errors.New("not proved to be archived")
	// ErrReadOnly: the file system is mounted read-only.
	ErrReadOnly = errors.New("the file system is read-only: nothing can be deleted or moved there")
)

// An InUseError says why a file was left alone. It is ErrInUse.
type InUseError struct{ Verdict inuse.Verdict }

func (e *InUseError) Error() string        { return e.Verdict.State.String() + ": " + e.Verdict.Reason }
func (e *InUseError) Is(target error) bool { return target == ErrInUse }

// Options say how a Folder works. The zero value waits for no lock, and deletes at once.
type Options struct {
	// State is a folder elsewhere for the journal when the file system is too full to make one.
	// "" does without, with a line in the log.
	State string
	// LockWait is how long to wait for another pass over the same folder.
	LockWait time.Duration
	// Undo is how long what was removed stays in the trash folder; 0 deletes at once.
	Undo time.Duration
	// InUse says how to find out whether a file is live.
	InUse inuse.Options
	// Proof, when set, is asked again before something whose Item had a Proof leaves the trash for good.
	Proof func(context.Context, Entry) error
	// RenameOnly opens the folder for Rename alone: it takes no lock, makes no journal and
	// replays none, since a rename is whole or not at all.
	RenameOnly bool
	// DryRun changes nothing: all is checked, Outcome and error are what they would be but for Freed,
	// which is what the file occupies.
	DryRun bool
	// Log gets a line for each file that is moved, deleted or put back. It may be nil.
	Log *slog.Logger
}

// An Identity tells one file, in one state, from all others. The zero Identity is no file's.
type Identity struct {
	Dev, Ino uint64
	// Size is in bytes.
	Size int64
	// Ctime is the time of the last change of content or inode.
	Ctime time.Time
}

// IdentityOf gives the identity of a file by what Stat or Lstat told of it; false where the
// platform does not tell.
func IdentityOf(fi fs.FileInfo) (Identity, bool) { return identityOf(fi) }

// An Item is a file to remove.
type Item struct {
	// Name is the file's name in the folder; it has no slash.
	Name string
	// Identity is that of the file that was decided about. Remove fails with ErrChanged when it is another.
	Identity Identity
	// Header is the capture's header. Nil where there is none, or it is to be read when it is needed.
	Header *codec.Header
	// Reason says why the file goes, for the journal and the log.
	Reason string
	// Critical skips the undo window: there is no space to wait.
	Critical bool
	// Proof tells whether the file is archived, by asking the archive now. It is asked last,
	// when all else allows the removal; ErrNotArchived wraps its error. Nil where nothing is to be proved.
	Proof func(context.Context) error
}

// An Outcome says what Remove did.
type Outcome struct {
	// Freed is by how many bytes the free space (f_bavail) grew; 0 when Trashed.
	Freed int64
	// Occupied is what the file occupied on the disk, in bytes.
	Occupied int64
	// Trashed: the file lies in the trash folder until Until.
	Trashed bool
	Until   time.Time
	// Held: the file is deleted, but these processes hold it, so that its space does not come
	// back until they end.
	Held []inuse.Holder
	// Short says why less space came back than the file occupied; "" when it all did. The caller
	// should stop deleting for space then.
	Short string
}

// An Entry is a file in the trash folder.
type Entry struct {
	// Path is where it lies, ID what tells it from others there, Name the name it had.
	Path, ID, Name string
	// Identity has the ctime after the move.
	Identity Identity
	// Occupied is what it occupies on the disk, in bytes.
	Occupied int64
	// Moved and Until are when it came there and when it may go for good.
	Moved, Until time.Time
	Reason       string
	// Proved: its Item had a Proof, which said yes.
	Proved bool
}

// about puts the name of a file before an error.
func about(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q: %w", name, err)
}
