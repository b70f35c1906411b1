//go:build !linux

package removal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
)

// A Folder is one that captures are removed from: on Linux only.
type Folder struct{}

// Open fails: only Linux can prove that nobody writes a capture.
func Open(context.Context, string, Options) (*Folder, error) {
	return nil, fmt.Errorf("captures are deleted and moved on Linux only, not on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Remove fails.
func (*Folder) Remove(context.Context, Item) (Outcome, error) {
	return Outcome{}, errors.ErrUnsupported
}

// Rename fails.
func (*Folder) Rename(context.Context, Item, string) error { return errors.ErrUnsupported }

// Trash is empty.
func (*Folder) Trash() []Entry { return nil }

// Undo fails.
func (*Folder) Undo(context.Context) ([]string, error) { return nil, errors.ErrUnsupported }

// EmptyTrash fails.
func (*Folder) EmptyTrash(context.Context, func() bool) (int64, error) {
	return 0, errors.ErrUnsupported
}

// Close does nothing.
func (*Folder) Close() error { return nil }

func identityOf(fs.FileInfo) (Identity, bool) { return Identity{}, false }
