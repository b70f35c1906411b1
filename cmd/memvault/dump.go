package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/codec"
)

const dumpLong = `dump prints the header of a capture and then its records, one a line, in the words
of "memray parse": where the releases that write a header version differ, in those of
the newest.

--extended adds what those lines leave out (line tables, whether an object was created
or destroyed, the size of a word) and quotes strings that would be ambiguous. On a
terminal control characters are escaped; in a pipe the bytes are those of the capture.

Exit codes: 0 done, 1 nothing could be read, 2 wrong command line, 3 the capture is
damaged.`

const dumpExample = `  memvault dump scheduler_memory.bin | head
  memvault dump --extended scheduler_memory.bin > scheduler_memory.txt
  zstdcat scheduler_memory.bin.zst | memvault dump -`

func newDump(a *app) *cobra.Command {
	var extended bool
	cmd := &cobra.Command{
		Use:     "dump FILE",
		Short:   "Print the records of a capture",
		Long:    dumpLong,
		Example: dumpExample,
		Args:    exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.dump(cmd.Context(), args[0], extended)
		},
	}
	cmd.Flags().BoolVarP(&extended, "extended", "x", false, "print also what memray parse leaves out")
	a.store.addTo(cmd)
	return cmd
}

func (a *app) dump(ctx context.Context, file string, extended bool) error {
	d := dumper{extended: extended, escape: isTerminal(a.out), out: bufio.NewWriterSize(a.out, 1<<16)}
	var status codec.Status
	err := a.readCapture(ctx, file, func(r *codec.Reader) error {
		err := d.records(r)
		status = r.Status()
		return err
	})
	if errors.Is(err, syscall.EPIPE) {
		return nil // as with head: nobody wants more
	}
	if err != nil {
		return err
	}
	if a.judge(file, status, false) != nil {
		return &toldError{exitPartly}
	}
	return nil
}

// A dumper prints lines.
type dumper struct {
	extended, escape bool
	out              *bufio.Writer
	line             []byte
}

// records prints the header and all records. A damaged capture is no error: Status tells.
func (d *dumper) records(r *codec.Reader) error {
	h := r.Header()
	if err := d.print(h.AppendText(d.line[:0], d.extended)); err != nil {
		return err
	}
	for {
		rec, err := r.Next()
		var damage *codec.FormatError
		if err == io.EOF || errors.As(err, &damage) {
			return d.out.Flush()
		}
		if err != nil {
			return errors.Join(d.out.Flush(), err)
		}
		if err := d.print(rec.AppendText(d.line[:0], h, d.extended)); err != nil {
			return err
		}
	}
}

// print writes a line and keeps its bytes for the next one.
func (d *dumper) print(line []byte) error {
	d.line = line
	if d.escape {
		line = []byte(printable(string(line)))
	}
	if _, err := d.out.Write(line); err != nil {
		return err
	}
	return d.out.WriteByte('\n')
}
