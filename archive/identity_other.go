//go:build !linux

package archive

import "io/fs"

// identityOf knows size and mtime only: what else there is differs from system to system.
func identityOf(info fs.FileInfo) Identity {
	return Identity{Size: info.Size(), Changed: info.ModTime(), Modified: info.ModTime()}
}
