package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// A usageError is a command line that cannot be obeyed.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// A hintError adds what the user can do, which is told on a line of its own.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

func hintf(err error, format string, args ...any) error {
	return &hintError{err, fmt.Sprintf(format, args...)}
}

// A codedError ends the process with a code of its own, after being told.
type codedError struct {
	err  error
	code int
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// A toldError ends the process with a code, everything having been said already.
type toldError struct{ code int }

func (e *toldError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// An interruptError is the signal that ended the work.
type interruptError syscall.Signal

func (e interruptError) Error() string {
	if syscall.Signal(e) == syscall.SIGINT {
		return "interrupted"
	}
	return "ended by signal: " + syscall.Signal(e).String()
}

// A fileError says which file an error is about.
type fileError struct {
	file string
	err  error
}

func (e *fileError) Error() string { return e.file + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// inFile adds the name of the file to err, in place of the one that the operating
// system's errors carry.
func inFile(file string, err error) error {
	if err == nil {
		return nil
	}
	var path *fs.PathError
	if errors.As(err, &path) && path.Path == file {
		err = path.Err
	}
	return &fileError{file, err}
}

// withoutFile takes away what inFile added.
func withoutFile(err error) error {
	var file *fileError
	if errors.As(err, &file) {
		return file.err
	}
	return err
}

var errFolder = errors.New("is a folder")

// A tally counts how the inputs of a command ended.
type tally struct{ done, partly, failed int }

// err gives the error that the command returns: nil when all is done, else one that
// carries the exit code.
func (t tally) err() error {
	switch {
	case t.failed == 0 && t.partly == 0:
		return nil
	case t.done == 0 && t.partly == 0:
		return &toldError{exitFailed}
	default:
		return &toldError{exitPartly}
	}
}
