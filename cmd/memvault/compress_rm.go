package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/removal"
)

// delete removes a capture that was compressed, once what was written has been read back. The
// file is the one that info is of, or it stays.
func (c *compression) delete(ctx context.Context, j job, info fs.FileInfo, m *archive.Manifest) (bool, error) {
	id, ok := removal.IdentityOf(info)
	if !ok {
		return false, inFile(j.input, errors.New("this system does not tell files apart well enough to delete one"))
	}
	stored, err := readBack(ctx, j.output, m)
	if err != nil {
		return false, &codedError{inFile(j.output, err), exitConflict}
	}
	d, err := removal.Open(ctx, filepath.Dir(j.input), removal.Options{State: c.app.state, InUse: c.use, LockWait: folderWait})
	if err != nil {
		return false, inFile(filepath.Dir(j.input), err)
	}
	_, err = d.Remove(ctx, removal.Item{
		Name: filepath.Base(j.input), Identity: id, Reason: "compressed to " + filepath.Base(j.output),
		Proof: func(context.Context) error { return unchanged(j.output, stored) },
	})
	if err := errors.Join(err, d.Close()); err != nil {
		if errors.Is(err, removal.ErrInUse) || errors.Is(err, removal.ErrLocked) || errors.Is(err, removal.ErrChanged) {
			err = &codedError{err, exitRetry}
		}
		return false, inFile(j.input, err)
	}
	return true, nil
}

// readBack proves that a stored file holds on the disk what m says.
func readBack(ctx context.Context, name string, m *archive.Manifest) (fs.FileInfo, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = archive.Restore(ctx, io.Discard, f, m)
	}
	return info, errors.Join(err, f.Close())
}

// unchanged wants the file to be the one that was read back.
func unchanged(name string, was fs.FileInfo) error {
	now, err := os.Stat(name)
	if err == nil && (!os.SameFile(now, was) || now.Size() != was.Size() || !now.ModTime().Equal(was.ModTime())) {
		err = fmt.Errorf("%s: another file since it was read back", name)
	}
	return err
}
