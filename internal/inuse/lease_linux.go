package inuse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// trusted are the file systems whose leases prove something: FUSE grants them while another
// mount writes (facts/storage.md 0.5).
var trusted = map[int64]string{
	unix.EXT4_SUPER_MAGIC:      "ext4",
	unix.XFS_SUPER_MAGIC:       "xfs",
	unix.BTRFS_SUPER_MAGIC:     "btrfs",
	unix.TMPFS_MAGIC:           "tmpfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlayfs",
}

// leasePoll is how often a Lease looks whether somebody waits for the file.
const leasePoll = 100 * time.Millisecond

// A Lease proves that nobody else has a file open or mapped, as long as it is held. An open by
// another process waits until it is released, which happens by itself within a second.
type Lease struct {
	f    *os.File
	lost chan struct{} // closed when it was given up
	stop chan struct{} // closed by Release
	done chan struct{} // closed when the goroutine has ended
	once sync.Once
	err  error // of giving it up
}

// TryLease asks for a write lease on f (F_SETLEASE, F_WRLCK). The errors are ErrRefused and ErrNoLease.
//
// The kernel tells of one that waits by SIGIO, which Go ignores; so the lease looks by itself.
func TryLease(f *os.File) (*Lease, error) {
	if err := setLease(f, unix.F_WRLCK); err != nil {
		return nil, err
	}
	l := &Lease{f: f, lost: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{})}
	go l.watch()
	return l, nil
}

// setLease asks for a lease of a kind where it proves something.
func setLease(f *os.File, kind int) error {
	if err := checkTrusted(f); err != nil {
		return err
	}
	return askLease(f, kind)
}

// checkTrusted tells by ErrNoLease where leases prove nothing.
func checkTrusted(f *os.File) error {
	var fs unix.Statfs_t
	if err := onFD(f, func(fd int) error { return unix.Fstatfs(fd, &fs) }); err != nil {
		return fmt.Errorf("%w: statfs: %w", ErrNoLease, err)
	}
	if trusted[int64(fs.Type)] == "" {
		return fmt.Errorf("%w: on a file system of type %#x it proves nothing", ErrNoLease, fs.Type)
	}
	return nil
}

func askLease(f *os.File, kind int) error {
	err := onFD(f, func(fd int) error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, kind)
		return err
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EAGAIN):
		return ErrRefused
	}
	return fmt.Errorf("%w: %w", ErrNoLease, err)
}

// Trusted reports whether leases prove something in the folder dir.
func Trusted(dir *os.File) bool { return checkTrusted(dir) == nil }

// onFD calls do with f's descriptor, unless f is closed: its number may be another file's by then.
func onFD(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if ctlErr := c.Control(func(fd uintptr) { err = do(int(fd)) }); ctlErr != nil {
		return ctlErr
	}
	return err
}

// watch gives the lease up when somebody waits for the file, or on Release.
func (l *Lease) watch() {
	defer close(l.done)
	tick := time.NewTicker(leasePoll)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			l.err = l.unlock()
			return
		case <-tick.C:
			if l.wanted() {
				l.err = l.unlock()
				close(l.lost)
				return
			}
		}
	}
}

// wanted tells whether the kernel asks for the lease: F_GETLEASE then gives what is to become of it.
func (l *Lease) wanted() bool {
	kind := unix.F_UNLCK
	err := onFD(l.f, func(fd int) (err error) {
		kind, err = unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0)
		return err
	})
	return err != nil || kind != unix.F_WRLCK
}

func (l *Lease) unlock() error {
	err := onFD(l.f, func(fd int) error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
		return err
	})
	// EAGAIN: there is none any more, since the kernel took it away after its own time.
	if errors.Is(err, os.ErrClosed) || errors.Is(err, unix.EAGAIN) {
		return nil
	}
	return err
}

// Lost is closed when the lease was given up because somebody wanted the file.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Held tells whether the lease still stands and nobody waits for the file, by asking the kernel.
func (l *Lease) Held() bool {
	select {
	case <-l.lost:
		return false
	default:
		return !l.wanted()
	}
}

// Release gives the lease up. It may be called again.
func (l *Lease) Release() error {
	l.once.Do(func() { close(l.stop) })
	<-l.done
	return l.err
}

// openFlags neither follow a link, wait for the other end of a FIFO, nor take a terminal.
const openFlags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// OpenFile opens a file for Check, without following a link in its last element, waiting
// for a FIFO or taking a terminal.
func OpenFile(name string) (*os.File, error) { return openAt(unix.AT_FDCWD, name, name) }

// OpenAt is OpenFile for a name in the open folder dir. The name has no slash.
func OpenAt(dir *os.File, name string) (f *os.File, err error) {
	if name == "" || name == "." || name == ".." || strings.ContainsRune(name, '/') {
		return nil, &os.PathError{Op: "openat", Path: name, Err: unix.EINVAL}
	}
	ctlErr := onFD(dir, func(fd int) error {
		f, err = openAt(fd, name, filepath.Join(dir.Name(), name))
		return nil
	})
	return f, errors.Join(err, ctlErr)
}

func openAt(dir int, name, path string) (*os.File, error) {
	for {
		fd, err := unix.Openat(dir, name, openFlags, 0)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), path), nil
		case !errors.Is(err, unix.EINTR):
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
