package retention

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ReadDisk reads the file system of a folder, and what lies in its trash. Free is what
// ordinary users may use (f_bavail): the rest (f_bfree) is root's.
func ReadDisk(dir string) (Disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Disk{}, fmt.Errorf("%s: free space: %w", dir, err)
	}
	unit := st.Bsize
	if st.Frsize > 0 {
		unit = st.Frsize
	}
	d := Disk{
		Total: int64(st.Blocks) * unit, Free: int64(st.Bavail) * unit,
		Inodes: int64(st.Files), FreeInodes: int64(st.Ffree),
	}
	err := d.addTrash(filepath.Join(dir, TrashDir))
	return d, err
}
