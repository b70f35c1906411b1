package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/memvault/memvault/upload"
)

// An app is one run of the command line: where it reads and writes, and the flags
// that more than one command has.
type app struct {
	in, out, err *os.File

	json       bool
	quiet      bool
	noProgress bool
	// state is the folder that statedir.Open gets.
	state string
	// store says where s3:// inputs are.
	store storeFlags
	// dialled is the store once it has been; see openRemote.
	dialled *upload.Store

	// writing is held while an output file is unfinished on the disk.
	writing sync.Mutex
	// serving tells that the work is to serve until it is interrupted.
	serving atomic.Bool
	// draining tells that the work ends by itself, soon enough, when its context does.
	draining atomic.Bool
}

// tell prints err, if there is one, and its hint, unless it has been told or is told
// by run.
func (a *app) tell(err error) {
	var told *toldError
	var signal interruptError
	if err == nil || errors.As(err, &told) || errors.As(err, &signal) {
		return
	}
	a.message("%v", err)
	var hint *hintError
	if errors.As(err, &hint) {
		a.message("hint: %s", hint.hint)
	}
}

// warn prints what the user should know although the work is done.
func (a *app) warn(file, format string, args ...any) {
	if !a.quiet {
		a.message("%s: %s", file, fmt.Sprintf(format, args...))
	}
}

// message prints a line on standard error. Names from captures may be in it.
func (a *app) message(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		fmt.Fprintf(a.err, "memvault: %s\n", printable(strings.TrimSuffix(line, "\n")))
	}
}

// tellInterrupt says why memvault ends, after the line of a progress bar or of the ^C.
func (a *app) tellInterrupt(err error) {
	if isTerminal(a.err) {
		fmt.Fprintln(a.err)
	}
	a.message("%v", err)
}
