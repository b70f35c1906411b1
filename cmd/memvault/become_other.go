//go:build !unix

package main

import (
	"context"
	"errors"
	"runtime"
)

// become fails: no process takes the place of another here.
func (a *app) become(_ context.Context, command []string) error {
	return &codedError{inFile(command[0], errors.New("cannot run in place of memvault on "+runtime.GOOS)), 126}
}
