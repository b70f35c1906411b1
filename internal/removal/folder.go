package removal

import (
	"context"
	"errors"
	"io/fs"
)

// A Folder is one that captures are removed from. It is not for several goroutines.
type Folder struct{ o Options }

// Open opens dir, waits for other passes over it to end (ErrLocked), and finishes or takes back what a
// killed one left half done. What has been in the trash for longer than its undo window goes.
func Open(ctx context.Context, dir string, o Options) (*Folder, error) {
	return nil, errors.ErrUnsupported
}

// Remove moves a file into the trash folder, or deletes it when there is no undo window. Under a
// lease it is proved to be the file of it.Identity, one regular file with one link, on the
// folder's file system, of our user (root removes everybody's), and not in use. The caller
// must have closed his own descriptor of it.
//
// The errors are ErrChanged, ErrRefused, ErrInUse, ErrNotArchived, ErrReadOnly, fs.ErrNotExist, those of
// ctx, and those of the file system. After an error the file has its name, or the error says where it is.
func (d *Folder) Remove(ctx context.Context, it Item) (Outcome, error) {
	return Outcome{}, errors.ErrUnsupported
}

// Rename gives the file from the name to, in the same folder, with the checks of Remove; hdr may be
// nil. Where to is taken the error is fs.ErrExist.
func (d *Folder) Rename(ctx context.Context, it Item, to string) error {
	return errors.ErrUnsupported
}

// Trash lists what is in the trash folder, the oldest first.
func (d *Folder) Trash() []Entry { return nil }

// Undo puts back what is in the trash and gives the names it has now: those it had, but never one that
// Airflow writes to, nor one that is taken. With DryRun it gives the names it would have.
func (d *Folder) Undo(ctx context.Context) ([]string, error) { return nil, errors.ErrUnsupported }

// EmptyTrash deletes what is in the trash for good, the oldest first, whatever its undo window, until
// until, which may be nil, says that it is enough; it gives by how many bytes the free space grew.
func (d *Folder) EmptyTrash(ctx context.Context, until func() bool) (freed int64, err error) {
	return 0, errors.ErrUnsupported
}

// Close releases the lock.
func (d *Folder) Close() error { return errors.ErrUnsupported }

func identityOf(fs.FileInfo) (Identity, bool) { return Identity{}, false }
