package archive

import (
	"fmt"
	"io/fs"
	"os"
)

// IdentityOf gives the identity of an open file. The error is that of the file, or says that
// it is not a regular one.
func IdentityOf(f *os.File) (Identity, error) {
	info, err := f.Stat()
	if err != nil {
		return Identity{}, err
	}
	if !info.Mode().IsRegular() {
		return Identity{}, &fs.PathError{Op: "archive", Path: f.Name(), Err: fmt.Errorf("not a regular file, but %s", info.Mode().Type())}
	}
	return identityOf(info), nil
}

// Same reports whether both are one state of one file.
func (i Identity) Same(o Identity) bool {
	return i.Device == o.Device && i.Inode == o.Inode && i.Size == o.Size &&
		i.Changed.Equal(o.Changed) && i.Modified.Equal(o.Modified)
}

// changed gives an error that wraps ErrChanged if f is no longer what i tells.
func (i Identity) changed(f *os.File) error {
	now, err := IdentityOf(f)
	switch {
	case err != nil:
		return err
	case now.Size != i.Size:
		return fmt.Errorf("%w: it had %d bytes, now %d", ErrChanged, i.Size, now.Size)
	case !now.Same(i):
		return fmt.Errorf("%w: its inode or times are others", ErrChanged)
	}
	return nil
}
