//go:build !unix

package retention

import "io/fs"

func allocated(info fs.FileInfo) int64 { return info.Size() }

func deviceOf(fs.FileInfo) uint64 { return 0 }

func links(fs.FileInfo) uint64 { return 1 }

func pinned(_, _ fs.FileInfo) string {
	return "on this system nothing proves that a file is not being written"
}
