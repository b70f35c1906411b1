//go:build unix

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// become runs a command in place of memvault: same pid, same parent, and the signals as
// they were. It returns only an error.
func (a *app) become(ctx context.Context, command []string) error {
	path, err := exec.LookPath(command[0])
	if err == nil {
		if ctx.Err() != nil { // a signal came, which is not to be lost
			return context.Cause(ctx)
		}
		err = syscall.Exec(path, command, os.Environ())
	}
	code := 126
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		code = 127
	}
	return &codedError{inFile(command[0], err), code}
}
