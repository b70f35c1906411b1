package archive

import (
	"io/fs"
	"syscall"
	"time"
)

func identityOf(info fs.FileInfo) Identity {
	id := Identity{Size: info.Size(), Changed: info.ModTime(), Modified: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Device, id.Inode = uint64(st.Dev), st.Ino
		id.Changed = time.Unix(int64(st.Ctim.Sec), int64(st.Ctim.Nsec))
	}
	return id
}
