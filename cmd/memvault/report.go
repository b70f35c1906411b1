package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/report"
)

const reportLong = `report prints what is in a capture, in the figures and words of Memray's own reports,
but of captures of any release, whole or cut short, in one pass and without Python.

--json prints the same for programs, in the keys of Memray. Where Memray leaves
something out or is arbitrary, the report is complete; --like-memray does as Memray does.
Sizes are in SI units as Memray's are, 1 kB being 1000 bytes; --bytes prints them exactly.

One view is counted:

    --peak       what was alive at the high-water mark
    --leaks      what is alive at the end; in a window, only what was made in it
    --temporary  what was freed again at once
    --total      all that was allocated

Aggregated captures know only leaks and peak.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 the capture is damaged and the
report is of its beginning. With --strict a capture that is not complete counts as
damaged.`

const reportExample = `  memvault report stats scheduler_memory.bin
  memvault report summary --leaks scheduler_memory.bin
  memvault report top --peak -n 3 scheduler_memory.bin
  memvault report series --plot memory.svg scheduler_memory.bin`

func newReport(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "report KIND FILE",
		Short:   "Print what is in a capture: statistics, functions, lines, calls, memory over time",
		Long:    reportLong,
		Example: reportExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hintf(usagef("report needs a KIND"), "memvault report --help lists them")
			}
			return unknownCommand(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newReportStats(a), newReportSummary(a), newReportTable(a), newReportTree(a), newReportTop(a), newReportSeries(a))
	return cmd
}

// reportFlags are the flags of the reports, but of series.
type reportFlags struct {
	readFlags
	views     viewFlags
	byDefault heap.View

	splitThreads bool
	rows         int
	exact        bool
}

// addTo adds the flags. The default number of rows may be 0 for all.
func (f *reportFlags) addTo(a *app, cmd *cobra.Command, byDefault heap.View, rows int, what string) {
	f.byDefault = byDefault
	f.views.addTo(cmd, byDefault)
	flags := cmd.Flags()
	flags.BoolVar(&f.splitThreads, "split-threads", false, "keep threads apart")
	flags.IntVarP(&f.rows, "rows", "n", rows, "print at most so many "+what+"; 0 for all")
	flags.BoolVar(&f.exact, "bytes", false, "print sizes in bytes, exactly")
	f.readFlags.addTo(flags)
	a.addJSON(cmd)
	a.store.addTo(cmd)
}

// resolve gives what the flags mean.
func (f *reportFlags) resolve() (o report.Options, read heap.Options, err error) {
	if f.rows < 0 {
		return o, read, usagef("--rows %d: want 0 or more", f.rows)
	}
	o = report.Options{SplitThreads: f.splitThreads, N: f.rows, Exact: f.exact}
	if o.View, err = f.views.view(f.byDefault); err != nil {
		return o, read, err
	}
	read, err = f.options()
	return o, read, err
}

// inMemrayOrder has rows as Memray has them, for reports that leave out what comes late. It
// takes about half as long again as the pass.
func (f *reportFlags) inMemrayOrder(read *heap.Options) {
	read.Oldest, read.Native = f.likeMemray, f.likeMemray
}

// textReport is a report that can be printed; it is its own JSON, too.
type textReport interface {
	WriteText(io.Writer) error
}

// printReport reads a capture, makes a report of it and prints it.
func (a *app) printReport(ctx context.Context, file string, read heap.Options, strict bool, make func(*heap.Profile) (textReport, error)) error {
	p, err := a.readProfile(ctx, file, read)
	if err != nil {
		return err
	}
	r, err := make(p)
	if err != nil {
		return inFile(file, err)
	}
	if p.Header.NativeTraces {
		a.warn(file, "native stacks are left out; the stacks are those of Python")
	}
	if err := a.print(r); err != nil {
		return err
	}
	if a.judgeProfile(file, p, strict) != nil {
		return &toldError{exitPartly}
	}
	return nil
}

// print prints a report as text or as JSON.
func (a *app) print(r textReport) error {
	if a.json {
		return a.printJSON(r)
	}
	out := bufio.NewWriterSize(a.out, 1<<16)
	err := r.WriteText(out)
	if err == nil {
		err = out.Flush()
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil // as with head: nobody wants more
	}
	return err
}

// viewed gives what makes a report of a view, refusing views that the capture does not tell.
func viewed(v heap.View, make func(*heap.Profile) textReport) func(*heap.Profile) (textReport, error) {
	return func(p *heap.Profile) (textReport, error) {
		if err := checkView(p, v); err != nil {
			return nil, err
		}
		return make(p), nil
	}
}
