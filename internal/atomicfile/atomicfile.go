// Package atomicfile writes files that are there whole or not at all.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Options say what to do with a file that is there already. The zero value keeps it.
type Options struct {
	// Overwrite replaces a file of that name.
	Overwrite bool
}

// Write makes the file name with what write gives it: into a temporary file in the
// same folder, synced, then renamed, with the folder synced. When write or anything
// else fails, no file is left, and a file that was there stays as it was.
//
// Without Overwrite a file of that name is never replaced, also not one that appears
// meanwhile (on file systems without hard links this is only checked just before);
// the error is then fs.ErrExist. A symbolic link is followed.
func Write(name string, o Options, write func(io.Writer) error) error {
	name, err := target(name)
	if err != nil {
		return err
	}
	if !o.Overwrite {
		if _, err := os.Lstat(name); err == nil {
			return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
		}
	}
	f, err := temporary(filepath.Dir(name))
	if err != nil {
		return about(name, err)
	}
	if err := fill(f, name, write); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := install(f.Name(), name, o); err != nil {
		return errors.Join(err, remove(f.Name()))
	}
	return syncFolder(filepath.Dir(name))
}

// target follows links, so that the file they lead to is replaced and not the link.
func target(name string) (string, error) {
	real, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		return name, nil
	}
	return real, err
}

// temporary makes a file of a new name in folder. Its name does not hold the final
// one, which may be as long as names get. Unlike os.CreateTemp it leaves the mode to
// the umask, for the file is the result later.
func temporary(folder string) (*os.File, error) {
	name := filepath.Join(folder, ".memvault-"+rand.Text()+".tmp")
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

// fill writes, syncs and closes f, the temporary file for name.
func fill(f *os.File, name string, write func(io.Writer) error) error {
	err := write(output{f, name})
	if err == nil {
		err = about(name, f.Sync())
	}
	if closeErr := f.Close(); err == nil {
		err = about(name, closeErr)
	}
	return err
}

// output is a temporary file whose errors are about the file it is written for.
type output struct {
	f    *os.File
	name string
}

func (o output) Write(b []byte) (int, error) {
	n, err := o.f.Write(b)
	return n, about(o.name, err)
}

// about puts name in the place of the temporary file's: nobody knows that one, and it is
// gone when the error is read.
func about(name string, err error) error {
	if path, ok := err.(*fs.PathError); ok {
		return &fs.PathError{Op: path.Op, Path: name, Err: path.Err}
	}
	return err
}

// install gives the finished file temp its name. A hard link fails when the name is
// taken, which a rename does not.
func install(temp, name string, o Options) error {
	if o.Overwrite {
		return os.Rename(temp, name)
	}
	err := os.Link(temp, name)
	switch {
	case err == nil:
		return os.Remove(temp)
	case errors.Is(err, fs.ErrExist):
		return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	// FAT, some network and user-space file systems have no hard links.
	if _, err := os.Lstat(name); err == nil {
		return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	return os.Rename(temp, name)
}

// remove is os.Remove, content when the file is gone already.
func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncFolder makes the new name last. Windows cannot sync folders, nor can some
// network file systems, which say so with EINVAL or ENOTSUP.
func syncFolder(folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
