package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/memvault/memvault/internal/atomicfile"
)

// checkTerminal refuses to send binary output to a terminal.
func (a *app) checkTerminal(jobs []job) error {
	for _, j := range jobs {
		if j.output == standard && isTerminal(a.out) {
			return hintf(usagef("the output is binary, and standard output a terminal"),
				"-o FILE writes a file")
		}
	}
	return nil
}

// checkFree refuses an output that is there already, before the work that would be lost.
func checkFree(output string, force bool) error {
	if output == standard {
		return nil
	}
	info, err := os.Stat(output)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return inFile(output, err)
	case info.IsDir():
		return inFile(output, errFolder)
	case isDevice(info) || force:
		return nil
	}
	return errExists(output)
}

func errExists(output string) error {
	return hintf(inFile(output, fs.ErrExist), "--force overwrites it, -o FILE writes elsewhere")
}

// isDevice reports whether the file is written in place, as /dev/null and pipes are:
// replacing it would be wrong, and nothing in it is lost.
func isDevice(info fs.FileInfo) bool { return !info.Mode().IsRegular() && !info.IsDir() }

// writeOutput makes the output with what write gives it. It appears only when it is
// whole, and not at all when ctx ends before.
func (a *app) writeOutput(ctx context.Context, output string, force bool, write func(io.Writer) error) error {
	if output == standard {
		return write(a.out)
	}
	if info, err := os.Stat(output); err == nil && isDevice(info) {
		return inFile(output, writeDevice(output, write))
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	err := atomicfile.Write(output, atomicfile.Options{Overwrite: force}, func(w io.Writer) error {
		return write(&contextWriter{ctx, w})
	})
	if errors.Is(err, fs.ErrExist) {
		return errExists(output)
	}
	return inFile(output, err)
}

func writeDevice(output string, write func(io.Writer) error) error {
	f, err := os.OpenFile(output, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// A contextWriter fails once ctx has ended.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c *contextWriter) Write(b []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.w.Write(b)
}
