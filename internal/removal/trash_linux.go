package removal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/bootclock"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/naming"
)

// prepare makes the trash folder and the journal, while there is room for them. On a disk that is full already
// it does without.
func (d *Folder) prepare() error {
	if d.trash == nil {
		err := d.makeTrash()
		switch {
		case full(err):
			d.o.Log.Warn("no room for a trash folder: what is removed is gone at once", "folder", d.path, "error", err)
		case err != nil:
			return err
		}
	}
	if len(d.journals) > 0 {
		return nil
	}
	if d.trash != nil {
		err := d.trash.Remove(newJournalName) // of a pass that was killed while it made one
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f, err := d.trash.OpenFile(newJournalName, newFile, 0o600)
		if err == nil {
			err = d.addJournal(f, func() error { return d.trash.Rename(newJournalName, journalName) })
			if err != nil {
				err = errors.Join(err, d.trash.Remove(newJournalName))
			}
		}
		if err == nil || !full(err) {
			return err
		}
	}
	d.journalElsewhere()
	return nil
}

// newFile opens what nobody else has made.
const newFile = os.O_RDWR | os.O_CREATE | os.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC

func (d *Folder) makeTrash() error {
	if err := d.root.Mkdir(trashName, 0o700); err != nil {
		return readOnly(err)
	}
	if err := d.openTrash(); err != nil {
		return err
	}
	return d.giveToOwner(d.trashDir)
}

// giveToOwner lets the folder's owner use what root has made there.
func (d *Folder) giveToOwner(f *os.File) error {
	if st := sys(d.info); os.Geteuid() == 0 && st.Uid != 0 {
		return f.Chown(int(st.Uid), int(st.Gid))
	}
	return nil
}

// addJournal reserves room in a new file, and keeps it under its name.
func (d *Folder) addJournal(f *os.File, install func() error) error {
	err := errors.Join(reserve(f, 0), d.giveToOwner(f))
	if err == nil {
		err = install()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	d.journals = append(d.journals, &journal{f: f, size: journalRoom, seq: 1, live: make(map[string]bool)})
	return nil
}

// stateJournal names the journal of this folder in Options.State.
func (d *Folder) stateJournal() string {
	path, err := filepath.Abs(d.path)
	if err != nil {
		path = d.path
	}
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(d.o.State, "removal-"+hex.EncodeToString(sum[:8])+".journal")
}

// journalElsewhere makes the journal in Options.State, or says that there is none.
func (d *Folder) journalElsewhere() {
	err := errors.New("no --state folder")
	if d.o.State != "" {
		if err = os.MkdirAll(d.o.State, 0o700); err == nil {
			var f *os.File
			if f, err = os.OpenFile(d.stateJournal(), newFile, 0o600); err == nil {
				err = d.addJournal(f, func() error { return nil })
			}
		}
	}
	if err != nil {
		d.o.Log.Warn("no room for a journal: this log stands in for it", "folder", d.path, "error", err)
	}
}

// begin writes the intent. Without room in the journal it goes to the one in Options.State, or the log.
func (d *Folder) begin(e *entry) error {
	r := record{Op: opIntent, ID: e.ID, Name: []byte(e.Name), Dev: e.Identity.Dev, Ino: e.Identity.Ino, Size: e.Identity.Size,
		Mtime: e.mtime, Occupied: e.Occupied, At: e.Moved, Until: e.Until, Boot: e.began.Boot, Up: e.began.Up, Reason: e.Reason, Proved: e.Proved}
	if len(d.journals) == 0 && d.deleted {
		d.deleted = false // there may be room for one by now
		if err := d.prepare(); err != nil {
			return err
		}
	}
	for i := 0; i < len(d.journals); i++ {
		err := d.journals[i].add(r)
		if err == nil {
			e.journal = d.journals[i]
			return nil
		}
		if !full(err) {
			return fmt.Errorf("write the journal: %w", err)
		}
		if len(d.journals) == 1 {
			d.journalElsewhere()
		}
	}
	d.o.Log.Warn("about to remove, without a journal", "folder", d.path, "file", e.Name, "inode", e.Identity.Ino,
		"moved to", d.place(e).name, "reason", e.Reason, "archived", e.Proved)
	return nil
}

// note writes what became of an entry. If that fails, a replay finds it out by looking.
func (d *Folder) note(e *entry, op string) {
	e.state = op
	if e.journal == nil {
		return
	}
	if err := e.journal.add(record{Op: op, ID: e.ID, Ctime: e.Identity.Ctime.UnixNano()}); err != nil {
		d.o.Log.Debug("journal", "folder", d.path, "file", e.Name, "op", op, "error", err)
	}
}

// replay finishes what a killed pass left, or takes it back, and deletes what has been in the trash for long enough.
func (d *Folder) replay(ctx context.Context) error {
	if err := d.prepare(); err != nil {
		return err
	}
	for _, e := range slices.Clone(d.entries) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.settle(ctx, e); err != nil {
			// One that cannot be settled must not keep the others from it.
			d.o.Log.Warn("left in the trash", "folder", d.path, "file", e.Name, "in trash as", d.place(e).name, "error", err)
		}
	}
	d.sortTrash()
	return nil
}

// lookAtTrash is what replay finds out, without doing anything about it.
func (d *Folder) lookAtTrash() {
	d.entries = slices.DeleteFunc(d.entries, func(e *entry) bool {
		st, err := d.find(e)
		if err == nil && e.unknown {
			err = d.describe(e, &st)
		}
		return err != nil || e.loose
	})
	d.sortTrash()
}

func (d *Folder) sortTrash() {
	slices.SortStableFunc(d.entries, func(a, b *entry) int { return a.Moved.Compare(b.Moved) })
}

// settle decides about one entry of an earlier pass:
//
//	not there                            it was finished, or never begun
//	it has another name in the folder    put back it was, but for this name
//	another file than was meant          put back under its name: it was caught by a race
//	the file, but it was written since   put back
//	within its undo window               stays
//	proved, or its undo window is over   deleted
//	else                                 put back
func (d *Folder) settle(ctx context.Context, e *entry) error {
	st, err := d.find(e)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.note(e, opDone)
		d.drop(e)
		return nil
	case err != nil:
		return err
	case st.Nlink > 1 && d.hasLink(&st):
		err := d.place(e).unlink()
		if err == nil {
			d.note(e, opBack)
			d.drop(e)
		}
		return err
	case e.unknown:
		return d.adopt(e, &st)
	case st.Ino != e.Identity.Ino || st.Dev != e.Identity.Dev:
		return d.back(e, true)
	case !e.same(&st):
		return d.back(e, false)
	case !e.over(bootclock.Read()):
		if e.state == opIntent {
			d.note(e, opMoved)
		}
		return nil
	case e.state == opIntent && !e.Proved && e.Until.IsZero():
		return d.back(e, false)
	}
	_, err = d.delete(ctx, e)
	return err
}

// over tells whether the undo window has ended, by both clocks where they can be compared: when the wall's
// is set on by a day, what was removed a minute ago can still be put back.
func (e *entry) over(now bootclock.Moment) bool {
	if now.Wall.Before(e.Until) {
		return false
	}
	return e.Until.IsZero() || e.began.Boot == "" || e.began.Boot != now.Boot || now.Up-e.began.Up >= e.Until.Sub(e.Moved)
}

// find looks for the file of an entry where it may be.
func (d *Folder) find(e *entry) (st unix.Stat_t, err error) {
	for _, loose := range []bool{false, true} {
		e.loose = loose
		if !loose && d.trash == nil {
			continue
		}
		if st, err = d.place(e).stat(); !errors.Is(err, fs.ErrNotExist) {
			return st, err
		}
	}
	return st, err
}

// adopt takes in a file that no journal knows. Only one that could have been removed is touched.
func (d *Folder) adopt(e *entry, st *unix.Stat_t) error {
	if err := d.describe(e, st); err != nil || !e.loose {
		return err
	}
	return d.back(e, false)
}

// describe fills in what no journal tells, of a file that could have been removed.
func (d *Folder) describe(e *entry, st *unix.Stat_t) error {
	if err := d.allowed(st, os.Geteuid()); err != nil {
		return err
	}
	e.Identity, e.mtime, e.Occupied = identity(st), st.Mtim.Nano(), st.Blocks*statBlock
	e.Moved, e.state = e.Identity.Ctime, opMoved
	e.Until = e.Moved.Add(d.o.Undo)
	return nil
}

// hasLink tells whether a name in the folder, and not one of ours, is the same file. A rename by link and unlink
// that was killed in between leaves that.
func (d *Folder) hasLink(want *unix.Stat_t) bool {
	list, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return false
	}
	return slices.ContainsFunc(list, func(f fs.DirEntry) bool {
		st, err := place{d.dir, f.Name()}.stat()
		return err == nil && !strings.HasPrefix(f.Name(), looseTrash) && st.Ino == want.Ino && st.Dev == want.Dev
	})
}

// back puts an entry back, and forgets it.
func (d *Folder) back(e *entry, exact bool) error {
	at, err := d.putBack(e, exact)
	if err == nil {
		d.o.Log.Info("put back", "folder", d.path, "file", e.Name, "as", at)
	}
	return err
}

// drop forgets an entry that is settled.
func (d *Folder) drop(e *entry) {
	d.entries = slices.DeleteFunc(d.entries, func(x *entry) bool { return x == e })
}

// putBack gives an entry a name in the folder again: with exact its own, for a file that was caught by
// mistake; else never one that Airflow writes to. Where that is taken, one like it.
func (d *Folder) putBack(e *entry, exact bool) (name string, err error) {
	from := d.place(e)
	for i := 1; i < 1000; i++ {
		name = d.nameFor(e, exact, i)
		d.step("put back")
		err = d.rename(from, place{d.dir, name}, anyhow)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", err
	}
	d.note(e, opBack)
	d.drop(e)
	return name, d.sync(d.dir, from.dir)
}

// nameFor is the i-th name to try for an entry that is put back.
func (d *Folder) nameFor(e *entry, exact bool, i int) string {
	n, ok := naming.Parse(e.Name)
	if ok && n.Fixed && (!exact || i > 1) {
		start, pid := d.began(e)
		return naming.RotatedCopy(n.Component, start, pid, i)
	}
	if i == 1 {
		return e.Name
	}
	stem, isBin := strings.CutSuffix(e.Name, ".bin")
	stem = stem[:min(len(stem), 255-len(".back-1000.bin"))]
	if isBin {
		return fmt.Sprintf("%s.back-%d.bin", stem, i)
	}
	return fmt.Sprintf("%s.back-%d", stem, i)
}

// began is when the capture of an entry began, and its writer's pid: by its header, else the mtime and 0.
func (d *Folder) began(e *entry) (time.Time, int) {
	p := d.place(e)
	f, err := inuse.OpenAt(p.dir, p.name)
	if err != nil {
		return time.Unix(0, e.mtime), 0
	}
	defer f.Close()
	if s, err := codec.Inspect(f, e.Identity.Size); err == nil && s.Header.Version != 0 {
		return s.Header.Start(), int(s.Header.PID)
	}
	return time.Unix(0, e.mtime), 0
}

// delete deletes an entry for good, unless somebody has come to use it, or its archive is not to be
// proved. One that was written since it was moved is put back.
func (d *Folder) delete(ctx context.Context, e *entry) (Outcome, error) {
	// Whoever proves it reads it, which a lease of ours would forbid. That it is still the same file is looked at after.
	if err := d.proved(ctx, e); err != nil {
		return Outcome{}, err
	}
	p := d.place(e)
	f, err := inuse.OpenAt(p.dir, p.name)
	if err != nil {
		return Outcome{}, err
	}
	c := &captured{f: f}
	out, err := d.deleteOpen(ctx, c, e)
	return out, errors.Join(err, c.close())
}

func (d *Folder) deleteOpen(ctx context.Context, c *captured, e *entry) (out Outcome, err error) {
	if c.verdict, c.lease, err = inuse.Acquire(ctx, c.f, nil, d.o.InUse); err != nil {
		return out, err
	}
	if c.verdict.State == inuse.Live {
		return out, &InUseError{c.verdict}
	}
	if c.st, err = statOf(c.f); err != nil {
		return out, err
	}
	if err := d.allowed(&c.st, os.Geteuid()); err != nil {
		return out, err
	}
	if !e.same(&c.st) {
		return out, d.back(e, false)
	}
	out, err = d.finish(c, e)
	if e.state == opDone {
		d.drop(e)
	}
	return out, err
}

// proved asks for the proof of an entry again, if it had one when it was moved.
func (d *Folder) proved(ctx context.Context, e *entry) error {
	switch {
	case !e.unknown && !e.Proved:
		return nil
	case d.o.Proof == nil && !e.unknown && e.state == opIntent:
		return nil // it was proved a moment before the pass was killed
	case d.o.Proof == nil:
		return fmt.Errorf("%w: this pass asks no archive", ErrNotArchived)
	}
	if err := d.o.Proof(ctx, d.entryOf(e)); err != nil {
		return fmt.Errorf("%w: %w", ErrNotArchived, err)
	}
	return nil
}

// Trash lists what is in the trash folder, the oldest first.
func (d *Folder) Trash() []Entry {
	all := make([]Entry, 0, len(d.entries))
	for _, e := range d.entries {
		all = append(all, d.entryOf(e))
	}
	return all
}

func (d *Folder) entryOf(e *entry) Entry {
	x, p := e.Entry, d.place(e)
	x.Path = filepath.Join(d.path, p.name)
	if !e.loose {
		x.Path = filepath.Join(d.path, trashName, p.name)
	}
	return x
}

// Undo puts back what is in the trash and gives the names it has now: those it had, but never one that
// Airflow writes to, nor one that is taken. With DryRun it gives the names it would have.
func (d *Folder) Undo(ctx context.Context) (names []string, err error) {
	var errs []error
	for _, e := range slices.Clone(d.entries) {
		if err := ctx.Err(); err != nil {
			return names, errors.Join(append(errs, err)...)
		}
		name := d.nameFor(e, false, 1)
		if !d.o.DryRun {
			if name, err = d.putBack(e, false); err != nil {
				errs = append(errs, about(e.Name, err))
				continue
			}
			d.o.Log.Info("put back", "folder", d.path, "file", e.Name, "as", name)
		}
		names = append(names, name)
	}
	return names, errors.Join(errs...)
}

// EmptyTrash deletes what is in the trash for good, the oldest first, whatever its undo window, until
// until, which may be nil, says that it is enough; it gives by how many bytes the free space grew.
// What must not go, since somebody uses it or its archive is not to be proved, stays, with a line in the log.
func (d *Folder) EmptyTrash(ctx context.Context, until func() bool) (freed int64, err error) {
	var errs []error
	for _, e := range slices.Clone(d.entries) {
		if until != nil && until() || d.o.RenameOnly {
			break
		}
		if err := ctx.Err(); err != nil {
			return freed, errors.Join(append(errs, err)...)
		}
		if d.o.DryRun {
			freed += e.Occupied
			continue
		}
		out, err := d.delete(ctx, e)
		freed += out.Freed
		switch {
		case errors.Is(err, ErrInUse) || errors.Is(err, ErrNotArchived) || errors.Is(err, ErrRefused):
			d.o.Log.Warn("stays in the trash", "folder", d.path, "file", e.Name, "error", err)
		case err != nil:
			errs = append(errs, about(e.Name, err))
		}
	}
	return freed, errors.Join(errs...)
}
