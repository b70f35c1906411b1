//go:build unix

package retention

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// allocated is what a file occupies, in bytes. st_blocks counts 512 bytes each everywhere.
func allocated(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

func deviceOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev) //nolint:unconvert // an int32 on darwin
	}
	return 0
}

func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink) //nolint:unconvert // narrower on darwin
	}
	return 1
}

// pinned says why removal will refuse the file, by what Stat tells.
func pinned(info, dir fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return "what the file system says of it is not understood"
	case links(info) != 1:
		return fmt.Sprintf("it has %d names (hard links): deleting one frees nothing", links(info))
	case deviceOf(info) != deviceOf(dir):
		return "it lies on another file system than its folder"
	case os.Geteuid() != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Sprintf("it belongs to another user (uid %d, we are %d)", st.Uid, os.Geteuid())
	}
	return ""
}
