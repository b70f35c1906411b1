package main

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

const inspectLong = `inspect tells what a capture is: which Memray and Python wrote it, of which process,
when, and how the writing ended. It looks at the header and the end of the file only,
so it takes no longer for a large one; what that cannot prove is marked as such.

--full reads all of it, which proves the state, and adds what only that tells: records by
kind, allocations, the peak, what was alive at the end, threads, stacks.

Several captures give a table (a state with ? is not proved), --json an object a line.

States:

    complete           tracking ended regularly
    stale header       so it did, but for the header; all records are there
    running or killed  the process still runs, or was killed: the bytes cannot tell
    write error        Memray could not write on, as on a full disk
    cut                bytes are missing that were once there
    damaged            bytes in the middle are wrong
    empty              0 bytes: tracking never started, or an aggregated capture whose
                       process still runs or was killed
    never started      the tracker was made but never entered
    unknown            within zstd or gzip: only --full can tell

Exit codes: 0 done, 1 no capture could be read, 2 wrong command line, 3 a capture is not
complete or could not be read.`

const inspectExample = `  memvault inspect scheduler_memory.bin
  memvault inspect --full --json *.bin
  kubectl exec airflow-0 -- cat scheduler_memory.bin | memvault inspect -`

func newInspect(a *app) *cobra.Command {
	var full bool
	cmd := &cobra.Command{
		Use:     "inspect FILE...",
		Short:   "Tell what captures are, and how their writing ended",
		Long:    inspectLong,
		Example: inspectExample,
		Args:    atLeastOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspect(cmd.Context(), args, full)
		},
	}
	cmd.Flags().BoolVar(&full, "full", false, "read all of each capture")
	a.addJSON(cmd)
	a.store.addTo(cmd)
	return cmd
}

func (a *app) inspect(ctx context.Context, files []string, full bool) error {
	var t tally
	var all []*facts
	for _, file := range files {
		f, err := a.factsOf(ctx, file, full)
		if err == nil && f.Complete != nil && !*f.Complete {
			t.partly++
		} else {
			t.add(err, a)
		}
		if a.json {
			if err := a.printJSON(f); err != nil {
				return err
			}
		}
		all = append(all, f)
	}
	if !a.json {
		if err := a.printAll(all, full); err != nil {
			return err
		}
	}
	return t.err()
}

func (a *app) printAll(all []*facts, full bool) error {
	switch {
	case len(all) > 1:
		return printTable(a.out, all, full)
	case all[0].Error != "":
		return nil // told already
	}
	return printFacts(a.out, all[0])
}

// factsOf looks at one capture, or reads all of it. The facts are never nil; with an
// error they hold its text.
func (a *app) factsOf(ctx context.Context, file string, full bool) (*facts, error) {
	f := &facts{File: file}
	err := a.fillFacts(ctx, f, full)
	if err != nil {
		f.Error = withoutFile(err).Error()
	}
	return f, err
}

func (a *app) fillFacts(ctx context.Context, f *facts, full bool) error {
	in, err := a.open(ctx, f.File)
	if err != nil {
		return err
	}
	if in.size >= 0 {
		f.Size = &in.size
	}
	switch {
	case full, in.at == nil, in.begin != 0:
		err = f.read(in)
	default:
		err = f.glance(in.at, in.size)
	}
	if closeErr := in.Close(); err == nil && !errors.Is(closeErr, fs.ErrClosed) {
		err = closeErr
	}
	return inInput(f.File, err)
}

// glance takes what the header and the end of the file tell.
func (f *facts) glance(r io.ReaderAt, size int64) error {
	s, err := archive.Inspect(r, size)
	if err != nil {
		return err
	}
	f.Container = s.Container
	f.setState(s.State, s.Reason, s.Proved)
	if s.Header.Version != 0 {
		f.headerFacts = factsOfHeader(&s.Header)
	}
	return nil
}

// read takes what all of the capture tells.
func (f *facts) read(in *input) error {
	err := readFrom(in, func(r *codec.Reader) error {
		p, err := heap.Read(r, heap.Options{})
		if err != nil {
			return err
		}
		f.Container = r.Container()
		f.headerFacts, f.fullFacts = factsOfHeader(&p.Header), factsOfProfile(p)
		f.setState(p.Status.State, p.Status.Reason, true)
		if p.Unknown > 0 && !p.Status.State.Damage() {
			f.setState(codec.StateDamaged, undefined(p), true)
		}
		return nil
	})
	switch {
	case errors.Is(err, codec.ErrEmpty):
		f.setState(codec.StateEmpty, codec.ErrEmpty.Error(), true)
	case errors.Is(err, codec.ErrNeverStarted):
		f.setState(codec.StateNeverStarted, codec.ErrNeverStarted.Error(), true)
	default:
		return err
	}
	return nil
}

func (f *facts) setState(s codec.State, reason string, proved bool) {
	f.State, f.Reason, f.Proved = s.String(), reason, proved
	if s != codec.StateUnknown {
		complete := s.Finished()
		f.Complete = &complete
	}
}
