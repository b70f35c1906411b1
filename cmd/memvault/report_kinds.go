package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/report"
)

const statsLong = `stats prints a capture in figures, as memray stats does: allocations, bytes, the peak,
a histogram of sizes, the allocators, and the locations and packages that
allocated most. --json prints the object that memray stats --json writes.

All allocations are counted unless a view is chosen. Of an aggregated capture, which
does not know them, the view is the peak, and what it does not tell is null in JSON.`

func newReportStats(a *app) *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use: "stats FILE", Short: "Print figures of the whole capture", Long: statsLong,
		Example: "  memvault report stats scheduler_memory.bin\n  memvault report stats --json -n 20 scheduler_memory.bin",
		Args:    exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, read, err := f.resolve()
			if err != nil {
				return err
			}
			read.Sizes = true
			return a.printReport(cmd.Context(), args[0], read, f.strict, func(p *heap.Profile) (textReport, error) {
				if f.views[o.View] {
					if err := checkView(p, o.View); err != nil {
						return nil, err
					}
				}
				return report.NewStats(p, o, time.Local), nil
			})
		},
	}
	f.addTo(a, cmd, heap.Total, 5, "locations and packages")
	return cmd
}

const summaryLong = `summary prints functions by what they allocated, themselves (own) and with what they
called (total), as memray summary does. Memray ends once it has told of 95 % of the
bytes; this summary is complete, unless --like-memray says otherwise.`

func newReportSummary(a *app) *cobra.Command {
	var f reportFlags
	var sort string
	columns := map[string]report.Column{"total": report.TotalMemory, "own": report.OwnMemory, "count": report.Allocations}
	cmd := &cobra.Command{
		Use: "summary FILE", Short: "Print functions by what they allocated", Long: summaryLong,
		Example: "  memvault report summary -n 20 scheduler_memory.bin\n  memvault report summary --leaks --sort own scheduler_memory.bin",
		Args:    exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, read, err := f.resolve()
			if err != nil {
				return err
			}
			column, ok := columns[sort]
			if !ok {
				return usagef("--sort %q: want total, own or count", sort)
			}
			o.Sort = column
			f.inMemrayOrder(&read)
			return a.printReport(cmd.Context(), args[0], read, f.strict, viewed(o.View, func(p *heap.Profile) textReport {
				return report.NewSummary(p, o)
			}))
		},
	}
	f.addTo(a, cmd, heap.Peak, 0, "functions")
	cmd.Flags().StringVar(&sort, "sort", "total", "what comes largest first: total, own or count")
	complete(cmd, "sort", []string{"total", "own", "count"})
	return cmd
}

const tableLong = `table prints lines of code by what they allocated, and with which allocator, as memray
table does. The innermost frame of each stack counts.`

func newReportTable(a *app) *cobra.Command {
	return a.rowReport(&cobra.Command{
		Use: "table FILE", Short: "Print lines of code by what they allocated", Long: tableLong,
		Example: "  memvault report table -n 20 scheduler_memory.bin\n  memvault report table --split-threads --json scheduler_memory.bin",
	}, 0, "lines", func(p *heap.Profile, o report.Options) textReport { return report.NewTable(p, o) })
}

// rowReport completes the command of a report that has no flags but the common ones: n and what
// are the default of -n and what it counts.
func (a *app) rowReport(cmd *cobra.Command, n int, what string, make func(*heap.Profile, report.Options) textReport) *cobra.Command {
	var f reportFlags
	cmd.Args = exactlyOne
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, read, err := f.resolve()
		if err != nil {
			return err
		}
		return a.printReport(cmd.Context(), args[0], read, f.strict, viewed(o.View, func(p *heap.Profile) textReport {
			return make(p, o)
		}))
	}
	f.addTo(a, cmd, heap.Peak, n, what)
	return cmd
}

const treeLong = `tree prints who called whom, and what was allocated below each call, as memray tree
shows it. A call that is the only one of its caller is on the same level, so that
long chains stay readable; --depth says how many levels are printed, and calls below
--min-percent of all bytes are one line. --json is complete, down to 400 frames.`

func newReportTree(a *app) *cobra.Command {
	var f reportFlags
	o := report.TreeOptions{}
	cmd := &cobra.Command{
		Use: "tree FILE", Short: "Print who called whom, with what was allocated below", Long: treeLong,
		Example: "  memvault report tree scheduler_memory.bin\n  memvault report tree --leaks --depth 3 scheduler_memory.bin",
		Args:    exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			var read heap.Options
			var err error
			if o.Options, read, err = f.resolve(); err != nil {
				return err
			}
			if o.Depth < 0 || !(o.MinPercent >= 0) { // NaN is not
				return usagef("--depth %d, --min-percent %g: want 0 or more", o.Depth, o.MinPercent)
			}
			f.inMemrayOrder(&read)
			return a.printReport(cmd.Context(), args[0], read, f.strict, viewed(o.View, func(p *heap.Profile) textReport {
				return report.NewTree(p, o)
			}))
		},
	}
	f.addTo(a, cmd, heap.Peak, 0, "stacks, the largest")
	cmd.Flags().IntVar(&o.Depth, "depth", 8, "print so many levels; 0 for all")
	cmd.Flags().Float64Var(&o.MinPercent, "min-percent", 1, "print calls smaller than this share of all bytes as one line")
	return cmd
}

const topLong = `top prints the stacks that allocated most, each in full, innermost frame first.`

func newReportTop(a *app) *cobra.Command {
	return a.rowReport(&cobra.Command{
		Use: "top FILE", Short: "Print the stacks that allocated most", Long: topLong,
		Example: "  memvault report top -n 3 scheduler_memory.bin\n  memvault report top --temporary --json scheduler_memory.bin",
	}, 10, "stacks", func(p *heap.Profile, o report.Options) textReport { return report.NewTop(p, o) })
}
