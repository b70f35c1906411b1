//go:build !linux

package retention

import "fmt"

// ReadDisk reads the file system of a folder. It is built for Linux only.
func ReadDisk(dir string) (Disk, error) {
	return Disk{}, fmt.Errorf("%s: free space is read on Linux only", dir)
}
