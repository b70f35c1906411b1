package removal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A place is a name in an open folder.
type place struct {
	dir  *os.File
	name string
}

func (p place) String() string { return fmt.Sprintf("%q", p.dir.Name()+"/"+p.name) }

// onFDs calls do with the descriptors of two folders.
func onFDs(a, b *os.File, do func(a, b int) error) error {
	ca, err := a.SyscallConn()
	if err != nil {
		return err
	}
	cb, err := b.SyscallConn()
	if err != nil {
		return err
	}
	var ctlErr error
	err = errors.Join(ca.Control(func(fda uintptr) {
		ctlErr = cb.Control(func(fdb uintptr) { err = do(int(fda), int(fdb)) })
	}), ctlErr, err)
	return readOnly(err)
}

// readOnly puts a sentence before EROFS.
func readOnly(err error) error {
	if errors.Is(err, unix.EROFS) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}

// full tells whether an error is that of a full file system.
func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// lacksFlag tells whether the file system or the kernel knows no RENAME_NOREPLACE.
func lacksFlag(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP)
}

// how says what rename may do where it cannot rename without replacing.
type how int

const (
	linked how = iota // a hard link, or nothing
	unique            // rename: nobody else can make the name
	anyhow            // a hard link, else rename to what was free a moment ago: for what must not stay where it is
)

// rename moves from to a name that nobody has, else it fails with fs.ErrExist. The file that is moved is whichever
// has the name at that moment: the caller looks afterwards which it was.
//
// Without RENAME_NOREPLACE a unique name is simply renamed to; else a hard link is made, and the
// file of the old name then removed if it is the same.
func (d *Folder) rename(from, to place, h how) error {
	if !d.noFlags {
		err := onFDs(from.dir, to.dir, func(a, b int) error {
			return unix.Renameat2(a, from.name, b, to.name, unix.RENAME_NOREPLACE)
		})
		if !lacksFlag(err) {
			return err
		}
	}
	if h == unique {
		return onFDs(from.dir, to.dir, func(a, b int) error { return unix.Renameat(a, from.name, b, to.name) })
	}
	err := onFDs(from.dir, to.dir, func(a, b int) error { return unix.Linkat(a, from.name, b, to.name, 0) })
	switch {
	case err == nil:
	case h == anyhow && !errors.Is(err, fs.ErrExist): // a folder, or a file system without links
		if _, err := to.stat(); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fs.ErrExist, err)
		}
		err = onFDs(from.dir, to.dir, func(a, b int) error { return unix.Renameat(a, from.name, b, to.name) })
		if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENOTEMPTY) {
			err = errors.Join(fs.ErrExist, err) // since a moment ago
		}
		return err
	default:
		return fmt.Errorf("link it to its new name, since renaming may replace a file here: %w", err)
	}
	d.step("linked")
	st, err := to.stat()
	if err != nil {
		return err
	}
	return d.unlinkExactly(from, st)
}

// unlinkExactly removes the name of a file if it still is the one that was looked at: it is moved to a name of
// ours first, so that no other file can take its place between the look and the unlink. Another file gets its name back.
func (d *Folder) unlinkExactly(p place, want unix.Stat_t) error {
	id := newID()
	tmp := place{d.dir, looseTrash + fileName(id, p.name)}
	if err := d.rename(p, tmp, unique); err != nil {
		return err
	}
	d.step("unlinking")
	got, err := tmp.stat()
	if err != nil {
		return err
	}
	if got.Ino != want.Ino || got.Dev != want.Dev {
		return d.rename(tmp, p, anyhow)
	}
	return tmp.unlink()
}

// newID is a name that nobody can foresee.
func newID() string { return rand.Text()[:idSize] }

// stat looks at what has the name now, without following a link.
func (p place) stat() (st unix.Stat_t, err error) {
	err = onFDs(p.dir, p.dir, func(fd, _ int) error { return unix.Fstatat(fd, p.name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, err
}

func (p place) unlink() error {
	return onFDs(p.dir, p.dir, func(fd, _ int) error { return unix.Unlinkat(fd, p.name, 0) })
}

// statOf looks at an open file.
func statOf(f *os.File) (st unix.Stat_t, err error) {
	err = onFDs(f, f, func(fd, _ int) error { return unix.Fstat(fd, &st) })
	return st, err
}

func identity(st *unix.Stat_t) Identity {
	return Identity{Dev: st.Dev, Ino: st.Ino, Size: st.Size, Ctime: time.Unix(st.Ctim.Unix())}
}

// same tells whether a file that was moved is still what it was: all but the ctime.
func (e *entry) same(st *unix.Stat_t) bool {
	return e.Identity.Dev == st.Dev && e.Identity.Ino == st.Ino && e.Identity.Size == st.Size && e.mtime == st.Mtim.Nano()
}

const statBlock = 512 // bytes in a unit of st_blocks

// allowed says why a file must not be touched by a user: each may touch his own, root all.
func (d *Folder) allowed(st *unix.Stat_t, uid int) error {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("%w: no regular file", ErrRefused)
	case st.Nlink != 1:
		return fmt.Errorf("%w: it has %d links, want 1: deleting one frees nothing", ErrRefused, st.Nlink)
	case st.Dev != sys(d.info).Dev:
		return fmt.Errorf("%w: it is on another file system than its folder", ErrRefused)
	case uid != 0 && int(st.Uid) != uid:
		return fmt.Errorf("%w: it belongs to uid %d, and this is uid %d: run memvault as the user that writes it", ErrRefused, st.Uid, uid)
	}
	return nil
}

// Rename gives the file from the name to, in the same folder, with the checks of Remove, but without
// Proof, trash or journal: a rename is whole or not at all. Where to is taken the error is fs.ErrExist.
func (d *Folder) Rename(ctx context.Context, it Item, to string) (err error) {
	if err := validName(to); err != nil {
		return err
	}
	if done, err := d.finishLink(it.Name, to); done {
		return err
	}
	c, err := d.capture(ctx, it)
	if err != nil {
		return about(it.Name, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if !c.verdict.MayRotate() {
		return about(it.Name, &InUseError{c.verdict})
	}
	from, dest := place{d.dir, it.Name}, place{d.dir, to}
	if d.o.DryRun {
		if _, err := dest.stat(); err == nil {
			return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
		}
		return nil
	}
	d.step("rename")
	if err := d.rename(from, dest, linked); err != nil {
		return &fs.PathError{Op: "rename to " + strconv.Quote(to), Path: it.Name, Err: err}
	}
	st, err := dest.stat()
	if err != nil {
		return err
	}
	if st.Ino != c.st.Ino || st.Dev != c.st.Dev {
		return errors.Join(about(it.Name, ErrChanged), d.rename(dest, from, anyhow))
	}
	d.o.Log.Info("renamed", "folder", d.path, "from", it.Name, "to", to)
	return d.sync(d.dir)
}

// finishLink finishes a rename by link and unlink that was killed in between: both names are the same file.
func (d *Folder) finishLink(name, to string) (done bool, err error) {
	old, err1 := place{d.dir, name}.stat()
	dest, err2 := place{d.dir, to}.stat()
	if err1 != nil || err2 != nil || old.Nlink != 2 || old.Ino != dest.Ino || old.Dev != dest.Dev || d.o.DryRun || name == to {
		return false, nil
	}
	return true, errors.Join(d.unlinkExactly(place{d.dir, name}, dest), d.sync(d.dir))
}

// sync makes names last. Some file systems cannot, and say EINVAL.
func (d *Folder) sync(dirs ...*os.File) error {
	for _, dir := range dirs {
		if err := dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return nil
}
