// Command memvault reads the captures of Memray, the memory profiler for Python, and
// turns them into what other tools show.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// The exit codes, as in --help and README.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitPartly = 3
	// exitConflict: bytes are not what they should be, or something else has their place.
	exitConflict = 4
	// exitFindings: what was asked for is beyond a limit.
	exitFindings = 5
	// exitRetry: nothing is wrong with the command; it may do later.
	exitRetry = 75
	// exitSignal is added to the number of the signal that ended memvault.
	exitSignal = 128
)

// gcPercent trades a little time for memory: nearly all of it is tables that are not
// garbage and hold no pointers, so collecting early is cheap.
const gcPercent = 5

// storeMemory is up to how many bytes of memory storing captures collects garbage at ease. What it
// holds is mostly buffers of a fixed size, so collecting early would cost a third of the time.
const storeMemory = 80 << 20

// easeGC suits the garbage collector to storing captures.
func easeGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetMemoryLimit(storeMemory)
		debug.SetGCPercent(100)
	}
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(a.run(os.Args[1:]))
}

// run obeys the command line and gives the exit code. When a signal tells memvault to
// end it does so at once, but not while an output file is unfinished on the disk:
// writing notices the end of the context, and takes the file away. A server that is
// interrupted has done what it was to do, and what drains ends by itself. A second
// signal ends the process in any case.
func (a *app) run(args []string) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := catchSignals()
	defer signal.Stop(signals)
	done := make(chan error, 1)
	go func() { done <- a.execute(ctx, args) }()

	var err error
	select {
	case err = <-done:
		a.tell(err)
	case s := <-signals:
		signal.Stop(signals)
		err = interruptError(s.(syscall.Signal))
		cancel(err)
		if s == os.Interrupt && a.serving.Load() || a.draining.Load() {
			err = <-done
			a.tell(err)
			break
		}
		a.writing.Lock()
		a.tellInterrupt(err)
	}
	return exitCode(err)
}

func (a *app) execute(ctx context.Context, args []string) error {
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	return root.ExecuteContext(ctx)
}

// catchSignals gives the signals that end memvault, but for those that whoever started
// it wants ignored, as nohup does.
func catchSignals() chan os.Signal {
	c := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
	return c
}

// exitCode says with which code err ends the process.
func exitCode(err error) int {
	var usage *usageError
	var told *toldError
	var coded *codedError
	var signal interruptError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &signal):
		return exitSignal + int(signal)
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &told):
		return told.code
	case errors.As(err, &coded):
		return coded.code
	default:
		return exitFailed
	}
}
