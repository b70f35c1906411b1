package removal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/internal/bootclock"
)

// The names that are ours in a folder.
const (
	trashName   = ".memvault-trash"
	lockName    = ".memvault.lock"
	journalName = "journal"
	// newJournalName is the journal until its room is reserved.
	newJournalName = journalName + ".new"
	// looseTrash begins the names that stand in for the trash folder where that cannot be made.
	looseTrash = trashName + "-"
	ownPrefix  = ".memvault"
)

// A Folder is one that captures are removed from. It is not for several goroutines.
type Folder struct {
	o    Options
	path string
	root *os.Root
	dir  *os.File // of root, for what os.Root does not offer
	info fs.FileInfo

	trash    *os.Root // nil until there is one
	trashDir *os.File
	journals []*journal // all that were found or made; the last one is written
	entries  []*entry   // what is in the trash, the oldest first
	locks    []*flock.Flock
	deleted  bool // something, so that there may be room again

	hooks
}

// hooks are for tests.
type hooks struct {
	step    func(string) // is called between the steps of a removal
	noFlags bool         // has renames done without RENAME_NOREPLACE
}

// entry is an Entry and where its file lies.
type entry struct {
	Entry
	file  string // its name in the trash, or in the folder itself if loose
	loose bool
	mtime int64 // of the file, in nanoseconds since 1970
	state string
	began bootclock.Moment // of Moved, by the clock of the boot as well
	// emptied is how many bytes came back already.
	emptied int64
	// unknown: no journal tells of it.
	unknown bool
	journal *journal
}

// Open opens dir, waits for other passes over it to end (ErrLocked), and finishes or takes back what a
// killed one left half done. What has been in the trash for longer than its undo window goes.
func Open(ctx context.Context, dir string, o Options) (*Folder, error) {
	return open(ctx, dir, o, hooks{step: func(string) {}})
}

func open(ctx context.Context, dir string, o Options, h hooks) (d *Folder, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d = &Folder{o: o, path: dir, hooks: h}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
			d = nil
		}
	}()
	if d.root, err = os.OpenRoot(dir); err != nil {
		return d, err
	}
	if d.dir, err = d.root.Open("."); err != nil {
		return d, err
	}
	if d.info, err = d.dir.Stat(); err != nil || o.RenameOnly {
		return d, err
	}
	if !o.DryRun {
		if err = d.lock(ctx); err != nil {
			return d, err
		}
	}
	if err = d.load(); err != nil {
		return d, err
	}
	if o.DryRun {
		d.lookAtTrash()
		return d, nil
	}
	return d, d.replay(ctx)
}

// lockPoll is how often a locked folder is looked at again.
const lockPoll = 50 * time.Millisecond

// lock takes two locks: on the folder, which works on disks that are full or read-only, and on a file in it,
// which works on network file systems. One of them is enough.
func (d *Folder) lock(ctx context.Context) error {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	wait, cancel := context.WithTimeout(ctx, max(d.o.LockWait, time.Millisecond))
	defer cancel()
	var failed error
	for _, l := range []*flock.Flock{
		flock.New(d.path, flock.SetFlag(unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)),
		flock.New(filepath.Join(d.path, lockName), flock.SetFlag(flags|unix.O_CREAT), flock.SetPermissions(0o644)),
	} {
		locked, err := l.TryLock()
		if err == nil && !locked {
			locked, err = l.TryLockContext(wait, lockPoll)
		}
		switch {
		case locked:
			d.locks = append(d.locks, l)
		case ctx.Err() != nil:
			return errors.Join(ctx.Err(), l.Close())
		case errors.Is(err, context.DeadlineExceeded):
			return errors.Join(fmt.Errorf("%q: %w", d.path, ErrLocked), l.Close())
		default:
			failed = errors.Join(failed, err, l.Close())
		}
	}
	if len(d.locks) == 0 {
		return fmt.Errorf("lock %q: %w", d.path, failed)
	}
	return nil
}

// load opens the trash folder if there is one, and reads what journals say.
func (d *Folder) load() error {
	if err := d.openTrash(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if d.trash != nil {
		f, err := d.trash.OpenFile(journalName, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err = d.readJournal(f, err); err != nil {
			return err
		}
	}
	if d.o.State != "" {
		f, err := os.OpenFile(d.stateJournal(), os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err = d.readJournal(f, err); err != nil {
			return err
		}
	}
	return d.findUnknown()
}

// openTrash opens the trash folder, if it is one that only we, root or the folder's owner can have made.
func (d *Folder) openTrash() error {
	fi, err := d.root.Lstat(trashName)
	if err != nil {
		return err
	}
	st := sys(fi)
	switch {
	case !fi.IsDir():
		return fmt.Errorf("%w: %s is no folder: move it away", ErrRefused, filepath.Join(d.path, trashName))
	case st.Dev != sys(d.info).Dev:
		return fmt.Errorf("%w: %s is on another file system", ErrRefused, filepath.Join(d.path, trashName))
	case st.Uid != uint32(os.Geteuid()) && st.Uid != 0 && st.Uid != sys(d.info).Uid:
		return fmt.Errorf("%w: %s belongs to uid %d, want %d or the folder's owner", ErrRefused, filepath.Join(d.path, trashName), st.Uid, os.Geteuid())
	case fi.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%w: others may write to %s (mode %o, want 700)", ErrRefused, filepath.Join(d.path, trashName), fi.Mode().Perm())
	}
	trash, err := d.root.OpenRoot(trashName)
	if err != nil {
		return err
	}
	f, err := trash.Open(".")
	if err != nil {
		return errors.Join(err, trash.Close())
	}
	opened, err := f.Stat()
	if err != nil || !os.SameFile(fi, opened) {
		return errors.Join(ErrChanged, err, f.Close(), trash.Close())
	}
	d.trash, d.trashDir = trash, f
	return nil
}

// readJournal reads a journal that was opened, if it was, into entries.
func (d *Folder) readJournal(f *os.File, err error) error {
	if errors.Is(err, fs.ErrNotExist) || d.o.DryRun && err != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	fi, err := f.Stat()
	if err == nil && (!fi.Mode().IsRegular() || sys(fi).Nlink != 1) {
		err = fmt.Errorf("%w: journal %s is no regular file with one link", ErrRefused, f.Name())
	}
	var j *journal
	var all []record
	if err == nil {
		j, all, err = readJournal(f)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	d.journals = append(d.journals, j)
	d.entries = append(d.entries, entriesOf(j, all)...)
	return nil
}

// entriesOf gives what a journal says is under way.
func entriesOf(j *journal, all []record) (live []*entry) {
	known := make(map[string]*entry)
	for _, r := range all {
		e := known[r.ID]
		switch {
		case r.Op == opIntent && e == nil && validName(string(r.Name)) == nil && validName(r.ID) == nil:
			e = &entry{Entry: Entry{
				ID: r.ID, Name: string(r.Name), Identity: Identity{Dev: r.Dev, Ino: r.Ino, Size: r.Size},
				Occupied: r.Occupied, Moved: r.At, Until: r.Until, Reason: r.Reason, Proved: r.Proved,
			}, mtime: r.Mtime, state: opIntent, began: bootclock.Moment{Boot: r.Boot, Up: r.Up}, file: fileName(r.ID, string(r.Name)), journal: j}
			known[r.ID] = e
			live = append(live, e)
		case e != nil && r.Op == opMoved:
			e.state, e.Identity.Ctime = opMoved, time.Unix(0, r.Ctime)
		case e != nil && (r.Op == opDone || r.Op == opBack):
			e.state = r.Op
			delete(known, r.ID)
		}
	}
	return slices.DeleteFunc(live, func(e *entry) bool { return e.state != opIntent && e.state != opMoved })
}

// fileName is what a file is called in the trash: with its old name, as far as there is room, so
// that it can be put back even if the journal is lost.
func fileName(id, name string) string {
	const maxName = 255 // bytes
	return id + "-" + name[:min(len(name), maxName-len(looseTrash)-len(id)-1)]
}

// idSize is the length of an entry's ID, in characters of 5 random bits.
const idSize = 13

// findUnknown finds what lies in the trash, or loose in the folder, without a journal that knows of it.
func (d *Folder) findUnknown() error {
	known := make(map[string]bool)
	for _, e := range d.entries {
		known[e.ID] = true
	}
	found, err := unknown(d.dir, looseTrash, known)
	if err != nil || d.trashDir == nil {
		d.entries = append(d.entries, found...)
		return err
	}
	inTrash, err := unknown(d.trashDir, "", known)
	d.entries = append(append(d.entries, found...), inTrash...)
	return err
}

// unknown gives the files of a folder whose names are prefix, an ID, a dash and the old name.
func unknown(dir *os.File, prefix string, known map[string]bool) (found []*entry, err error) {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		file, ours := strings.CutPrefix(name, prefix)
		id, old, dashed := strings.Cut(file, "-")
		if !ours || !dashed || len(id) != idSize || known[id] || validName(old) != nil {
			continue
		}
		found = append(found, &entry{Entry: Entry{ID: id, Name: old, Reason: "found in the trash without a journal"},
			file: file, loose: prefix != "", unknown: true})
	}
	_, err = dir.Seek(0, io.SeekStart)
	return found, err
}

// Close releases the lock. It may be called again.
func (d *Folder) Close() error {
	var errs []error
	for _, j := range d.journals {
		errs = append(errs, j.close())
	}
	for _, f := range []*os.File{d.trashDir, d.dir} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	for _, r := range []*os.Root{d.trash, d.root} {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	for _, l := range slices.Backward(d.locks) {
		errs = append(errs, l.Close())
	}
	d.journals, d.trashDir, d.dir, d.trash, d.root, d.locks = nil, nil, nil, nil, nil, nil
	return errors.Join(errs...)
}

// validName fails for what is no name of a file in a folder.
func validName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%w: %q is no name of a file in a folder", ErrRefused, name)
	}
	return nil
}

// sys gives what Linux tells of a file.
func sys(fi fs.FileInfo) *syscall.Stat_t { return fi.Sys().(*syscall.Stat_t) }

func identityOf(fi fs.FileInfo) (Identity, bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return Identity{}, false
	}
	return Identity{Dev: st.Dev, Ino: st.Ino, Size: st.Size, Ctime: time.Unix(st.Ctim.Unix())}, true
}
