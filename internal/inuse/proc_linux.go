package inuse

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// inode is what tells a file from others while it is open.
type inode struct {
	dev, ino uint64
	// base is the file's name, for maps of file systems that show another device there (btrfs).
	base string
	uid  uint32
}

// holding is what a look at all processes gave.
type holding struct {
	holders []Holder
	// writes tells that one of the holders has it open for writing or mapped so, and
	// ourselves that this process has it open by another descriptor than f.
	writes, ourselves bool
	// writer is the holder whose pid is the header's, or a process that may hold it and cannot be
	// looked into; 0 where there is none.
	writer Holder
	// unseen tells that the writer is of that second kind.
	unseen bool
}

// startSlack is by how much a process may have begun after the capture by the clock and still be its writer.
const startSlack = time.Minute

// look finds the processes that hold the file of f. headerPID is the writer's id in its own PID
// namespace, or 0; start is when the capture began.
func look(f *os.File, headerPID int32, start time.Time) (holding, error) {
	var h holding
	node, err := inodeOf(f)
	if err != nil {
		return h, err
	}
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return h, err
	}
	all, err := proc.AllProcs()
	if err != nil {
		return h, err
	}
	for _, p := range all {
		h.add(p, f, node, headerPID, start)
	}
	return h, nil
}

// add looks into one process, which may end meanwhile: then it holds nothing.
func (h *holding) add(p procfs.Proc, f *os.File, node inode, headerPID int32, start time.Time) {
	if p.PID == os.Getpid() {
		n, _, _ := descriptors(p, node)
		h.ourselves = h.ourselves || n > 1
		return
	}
	n, writes, err := descriptors(p, node)
	if n == 0 {
		var mapped, mapWrites bool
		mapped, mapWrites, err = mappings(p, node, err)
		if mapped {
			n, writes = 1, mapWrites
		}
	}
	denied := errors.Is(err, fs.ErrPermission)
	if n == 0 && !denied {
		return
	}
	status, err := p.NewStatus()
	if err != nil {
		return
	}
	holder := Holder{PID: p.PID, Command: status.Name}
	isWriter := headerPID > 0 && innermost(status) == int64(headerPID)
	switch {
	case n > 0:
		h.holders = append(h.holders, holder)
		h.writes = h.writes || writes
		if isWriter {
			h.writer, h.unseen = holder, false
		}
	case isWriter && h.writer.PID == 0 && status.UIDs[3] == uint64(node.uid) && begunBefore(p, start):
		h.writer, h.unseen = holder, true
	}
}

// begunBefore tells whether a process is old enough to have begun a capture. Pids are given
// again, above all the low ones of containers.
func begunBefore(p procfs.Proc, start time.Time) bool {
	stat, err := p.Stat()
	if err != nil {
		return true
	}
	seconds, err := stat.StartTime()
	return err != nil || !time.UnixMilli(int64(seconds*1000)).After(start.Add(startSlack))
}

// innermost is the id that a process has in its own PID namespace.
func innermost(s procfs.ProcStatus) int64 {
	if n := len(s.NSpids); n > 0 {
		return int64(s.NSpids[n-1])
	}
	return int64(s.PID) // before Linux 4.1
}

// inodeOf asks for no synchronisation: a network server that is gone must not stop us.
func inodeOf(f *os.File) (node inode, err error) {
	ctlErr := onFD(f, func(fd int) error {
		var st unix.Statx_t
		if err = unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, &st); err != nil {
			return err
		}
		path, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		node = inode{dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino, base: filepath.Base(path), uid: st.Uid}
		return nil
	})
	return node, errors.Join(err, ctlErr)
}

// descriptors counts the descriptors that a process has of a file, and tells whether one is for writing.
func descriptors(p procfs.Proc, node inode) (n int, writes bool, err error) {
	fds, err := p.FileDescriptors()
	if err != nil {
		return 0, false, err
	}
	dir := "/proc/" + strconv.Itoa(p.PID)
	for _, fd := range fds {
		number := strconv.FormatUint(uint64(fd), 10)
		var st unix.Statx_t
		statErr := unix.Statx(unix.AT_FDCWD, dir+"/fd/"+number, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st)
		if errors.Is(statErr, fs.ErrPermission) {
			err = statErr
		}
		if statErr != nil || st.Ino != node.ino || unix.Mkdev(st.Dev_major, st.Dev_minor) != node.dev {
			continue
		}
		n++
		// The link's own mode has the descriptor's rights: l-wx------ and so on.
		if fi, err := os.Lstat(dir + "/fd/" + number); err != nil || fi.Mode()&0o200 != 0 {
			writes = true
		}
	}
	return n, writes, err
}

// mappings tells whether a process has a file mapped, and whether for writing. denied is what
// looking at its descriptors gave: no map is readable then either.
func mappings(p procfs.Proc, node inode, denied error) (mapped, writes bool, err error) {
	if denied != nil {
		return false, false, denied
	}
	all, err := p.ProcMaps()
	if err != nil {
		return false, false, err
	}
	for _, m := range all {
		// btrfs, and overlayfs of older kernels, show another device here than stat does.
		if m.Inode == node.ino && (m.Dev == node.dev || filepath.Base(m.Pathname) == node.base) {
			mapped = true
			writes = writes || m.Perms.Shared && m.Perms.Write
		}
	}
	return mapped, writes, nil
}
