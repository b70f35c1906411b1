package removal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/internal/bootclock"
	"github.com/memvault/memvault/internal/inuse"
)

// captured is a file that was opened, looked at and proved not to be in use.
type captured struct {
	f       *os.File
	st      unix.Stat_t
	verdict inuse.Verdict
	lease   *inuse.Lease // nil where the verdict has another ground
}

// close gives up the lease and the descriptor, which holds the space of a deleted file.
func (c *captured) close() error {
	var err error
	if c.lease != nil {
		err = c.lease.Release()
		c.lease = nil
	}
	if c.f != nil {
		err = errors.Join(err, c.f.Close())
		c.f = nil
	}
	return err
}

// wanted tells whether somebody has come to open the file since the verdict.
func (c *captured) wanted() bool { return c.lease != nil && !c.lease.Held() }

var errWanted = &InUseError{inuse.Verdict{State: inuse.Live, How: "lease", Reason: "somebody opens it just now"}}

// capture opens the file of it, and asks whether it is that file, whether it may be touched and whether it is in use.
func (d *Folder) capture(ctx context.Context, it Item) (*captured, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := validName(it.Name); err != nil {
		return nil, err
	}
	if strings.HasPrefix(it.Name, ownPrefix) {
		return nil, fmt.Errorf("%w: it is memvault's own", ErrRefused)
	}
	p := place{d.dir, it.Name}
	st, err := p.stat() // before opening: opening a device may do something
	if err != nil {
		return nil, err
	}
	if err := d.allowed(&st, os.Geteuid()); err != nil {
		return nil, err
	}
	c := new(captured)
	if c.f, err = inuse.OpenAt(d.dir, it.Name); err != nil {
		return nil, err
	}
	if err = d.examine(ctx, c, it); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (d *Folder) examine(ctx context.Context, c *captured, it Item) (err error) {
	if err := d.isStill(c, it.Identity); err != nil {
		return err
	}
	c.verdict, c.lease, err = inuse.Acquire(ctx, c.f, it.Header, d.o.InUse)
	if err != nil {
		return err
	}
	return d.isStill(c, it.Identity)
}

// isStill looks at the open file again.
func (d *Folder) isStill(c *captured, want Identity) (err error) {
	if c.st, err = statOf(c.f); err != nil {
		return err
	}
	if err := d.allowed(&c.st, os.Geteuid()); err != nil {
		return err
	}
	if got := identity(&c.st); got.Dev != want.Dev || got.Ino != want.Ino || got.Size != want.Size || !got.Ctime.Equal(want.Ctime) {
		return fmt.Errorf("%w: found inode %d of %d bytes changed %v, want %d of %d bytes changed %v", ErrChanged,
			got.Ino, got.Size, got.Ctime.UTC().Format(time.RFC3339Nano), want.Ino, want.Size, want.Ctime.UTC().Format(time.RFC3339Nano))
	}
	return nil
}

// Remove moves a file into the trash folder, or deletes it when there is no undo window. Under a
// lease it is proved to be the file of it.Identity, one regular file with one link, on the
// folder's file system, of our user (root removes everybody's), and not in use. The caller
// must have closed his own descriptor of it.
//
// The errors are ErrChanged, ErrRefused, ErrInUse, ErrNotArchived, ErrReadOnly, fs.ErrNotExist, those of
// ctx, and those of the file system. After an error the file has its name, or the error says where it is.
//
// The steps, each of which may be the last one before a kill:
//  1. open, identity, in use or not, proof: nothing has changed
//  2. journal: intent
//  3. rename into the trash, whichever file has the name
//  4. is it the file? Else it is put back
//  5. journal: moved; done when there is an undo window
//  6. unlink, close, look at the free space
//  7. journal: done
func (d *Folder) Remove(ctx context.Context, it Item) (out Outcome, err error) {
	if d.o.RenameOnly {
		return out, errors.ErrUnsupported
	}
	c, err := d.capture(ctx, it)
	if err != nil {
		return out, about(it.Name, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := d.decide(ctx, c, it); err != nil {
		return out, about(it.Name, err)
	}
	e := d.newEntry(c, it)
	out.Occupied = e.Occupied
	out.Trashed, out.Until = !e.Until.IsZero(), e.Until
	if d.o.DryRun {
		if !out.Trashed {
			out.Freed = e.Occupied
		}
		return out, nil
	}
	if err := d.intoTrash(c, e); err != nil {
		return Outcome{Occupied: e.Occupied}, about(it.Name, err)
	}
	if out.Trashed {
		d.o.Log.Info("moved to the trash", "folder", d.path, "file", it.Name, "reason", it.Reason, "until", e.Until.Format(time.RFC3339))
		d.entries = append(d.entries, e)
		return out, nil
	}
	return d.finish(c, e)
}

// decide asks what only the open file and the archive tell.
func (d *Folder) decide(ctx context.Context, c *captured, it Item) error {
	if !c.verdict.MayDelete(it.Proof != nil) {
		if c.verdict.State == inuse.Quiet {
			c.verdict.Reason += fmt.Sprintf("; that allows deleting only when it is archived and has been quiet for %v", inuse.QuietForDeletes)
		}
		return &InUseError{c.verdict}
	}
	if it.Proof == nil {
		return nil
	}
	if err := it.Proof(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrNotArchived, err)
	}
	if c.wanted() { // proving took its time
		return errWanted
	}
	return d.isStill(c, it.Identity)
}

func (d *Folder) newEntry(c *captured, it Item) *entry {
	clock := bootclock.Read()
	now := clock.Wall
	id := newID()
	e := &entry{
		Entry: Entry{ID: id, Name: it.Name, Identity: identity(&c.st), Occupied: c.st.Blocks * statBlock,
			Moved: now, Reason: it.Reason, Proved: it.Proof != nil},
		file: fileName(id, it.Name), loose: d.trash == nil && !d.o.DryRun, mtime: c.st.Mtim.Nano(), state: opIntent, began: clock,
	}
	if d.o.Undo > 0 && !it.Critical && !e.loose {
		e.Until = now.Add(d.o.Undo)
	}
	return e
}

// place is where the file of e lies.
func (d *Folder) place(e *entry) place {
	if e.loose {
		return place{d.dir, looseTrash + e.file}
	}
	return place{d.trashDir, e.file}
}

// intoTrash does the steps 2 to 5.
func (d *Folder) intoTrash(c *captured, e *entry) error {
	d.step("intent")
	if err := d.begin(e); err != nil {
		return err
	}
	d.step("rename")
	name := place{d.dir, e.Name}
	err := d.rename(name, d.place(e), unique)
	if full(err) && !e.loose {
		// No room for a name in the trash folder: one in the folder itself takes the place of the old.
		e.loose, e.Until = true, time.Time{}
		err = d.rename(name, d.place(e), unique)
	}
	if full(err) && c.lease != nil {
		d.o.Log.Warn("no room for another name: emptied before it is moved", "folder", d.path, "file", e.Name, "reason", e.Reason)
		if err = d.empty(c, e); err == nil {
			if err = d.rename(name, d.place(e), unique); err != nil {
				err = fmt.Errorf("emptied, but not deleted: %w", err)
			}
		}
	}
	if err != nil {
		d.note(e, opBack)
		return err
	}
	d.step("renamed")
	st, err := d.place(e).stat()
	switch {
	case err != nil:
		return err
	case !e.same(&st) || st.Nlink != 1:
		return d.takeBack(e, ErrChanged)
	case c.wanted():
		return d.takeBack(e, errWanted)
	}
	e.Identity.Ctime = time.Unix(st.Ctim.Unix())
	if e.Until.IsZero() {
		return nil
	}
	d.note(e, opMoved)
	d.step("moved")
	return d.sync(d.dir, d.trashDir)
}

// empty makes the captured file one of 0 bytes: on a disk so full that not even a folder has room for another name,
// that is what makes room. It is the inode that was captured, whatever has its name, and a lease proves
// once more that nobody else has it. A kill leaves an empty file, which the next pass finds.
func (d *Folder) empty(c *captured, e *entry) error {
	g, err := d.reopen(c)
	if err != nil {
		return err
	}
	if c.lease, err = inuse.TryLease(g); err != nil {
		return errWanted
	}
	if c.st, err = statOf(g); err != nil {
		return err
	}
	if !e.same(&c.st) || c.st.Nlink != 1 {
		return ErrChanged
	}
	d.step("empty")
	if err := errors.Join(g.Truncate(0), g.Sync()); err != nil { // ext4 gives blocks back when its own journal is written
		return err
	}
	d.step("emptied")
	if c.st, err = statOf(g); err != nil {
		return err
	}
	e.Identity, e.mtime, e.emptied = identity(&c.st), c.st.Mtim.Nano(), e.Occupied
	return nil
}

// reopen gives the captured inode for writing, in place of its only descriptor.
func (d *Folder) reopen(c *captured) (g *os.File, err error) {
	if err := c.lease.Release(); err != nil {
		return nil, err
	}
	c.lease = nil
	err = onFDs(c.f, c.f, func(fd, _ int) error {
		n, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == nil {
			g = os.NewFile(uintptr(n), c.f.Name())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	old := c.f
	c.f = g
	return g, old.Close()
}

// takeBack gives a file that should not have been moved its name again.
func (d *Folder) takeBack(e *entry, why error) error {
	d.step("take back")
	at, err := d.putBack(e, true)
	if err != nil {
		return errors.Join(why, fmt.Errorf("it lies as %v now: %w", d.place(e), err))
	}
	if at != e.Name {
		return fmt.Errorf("%w; it is called %q now, for its name was taken", why, at)
	}
	return why
}

// finish does the steps 6 and 7 for a file that c has open.
func (d *Folder) finish(c *captured, e *entry) (Outcome, error) {
	out := Outcome{Occupied: e.Occupied}
	before, err := d.avail()
	if err != nil {
		return out, err
	}
	before -= e.emptied
	if c.wanted() {
		return out, d.takeBack(e, errWanted)
	}
	d.step("unlink")
	if err := d.place(e).unlink(); err != nil {
		return out, err
	}
	d.step("unlinked")
	if err := c.close(); err != nil {
		return out, err
	}
	d.deleted = true
	d.note(e, opDone)
	d.step("done")
	if err := d.sync(d.folderOf(e)); err != nil {
		return out, err
	}
	out.Held = nil
	if c.verdict.State == inuse.Held {
		out.Held = c.verdict.Holders
	}
	out.Freed, err = d.freed(before, e.Occupied, len(out.Held) > 0)
	out.Short = short(out, c.verdict)
	d.o.Log.Info("deleted", "folder", d.path, "file", e.Name, "reason", e.Reason, "freed", out.Freed, "occupied", out.Occupied)
	return out, err
}

func (d *Folder) folderOf(e *entry) *os.File { return d.place(e).dir }

// What a deletion must give back to be measured at all: others use the disk as well.
const measurable = 1 << 20 // bytes

// short says why less came back than was there.
func short(o Outcome, v inuse.Verdict) string {
	switch {
	case len(o.Held) > 0:
		return fmt.Sprintf("its %d bytes come back only when those who hold it end: %s", o.Occupied, v.HeldBy())
	case o.Occupied >= measurable && o.Freed < o.Occupied/2:
		return fmt.Sprintf("it occupied %d bytes, and the free space grew by %d: a snapshot or a shared extent keeps them, or others fill the disk", o.Occupied, o.Freed)
	}
	return ""
}

// avail is the space that users other than root can have, in bytes.
func (d *Folder) avail() (int64, error) {
	var st unix.Statfs_t
	err := onFDs(d.dir, d.dir, func(fd, _ int) error { return unix.Fstatfs(fd, &st) })
	return int64(st.Bavail) * int64(st.Bsize), err
}

// freed is by how much the free space grew. XFS and btrfs free blocks a little later: for what can be
// measured it waits, unless somebody holds the file.
func (d *Folder) freed(before, occupied int64, held bool) (int64, error) {
	const looks, pause = 20, 100 * time.Millisecond
	for i := 0; ; i++ {
		now, err := d.avail()
		grown := now - before
		if err != nil || held || occupied < measurable || grown >= occupied/2 || i == looks {
			return grown, err
		}
		if i == 0 {
			_ = onFDs(d.dir, d.dir, func(fd, _ int) error { return unix.Syncfs(fd) })
		}
		time.Sleep(pause)
	}
}
