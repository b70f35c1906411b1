package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/report"
)

const diffLong = `diff tells how a capture differs from another, the base: bytes and allocations at the
peak, leaked, temporary and in total, by function, file or stack. What counts is what
the innermost frame allocated. Functions are matched by module and name, so the two
may come from different installations, and lines may have moved.

The text shows one view, what changed most coming first; --json has them all.

Captures of different length are hard to compare: --normalize duration scales the base
as if it had run as long as the other, --normalize allocations as if it had allocated
as often. --from and --until choose a part of both.

--fail-over 10% is for CI: when the bytes of the view are more than that above those of
the base, the exit code is 5.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 a capture is damaged, and its
beginning was compared, 5 more than --fail-over. With --strict a capture that is not
complete counts as damaged.`

const diffExample = `  memvault diff before.bin after.bin
  memvault diff --leaks --by stack -n 5 before.bin after.bin
  memvault diff --fail-over 10% --normalize duration main.bin branch.bin
  memvault convert --to pprof --base before.bin -o diff.pb.gz after.bin`

// diffFlags are the flags of diff.
type diffFlags struct {
	readFlags
	views                   viewFlags
	by, normalize, failOver string
	rows                    int
	exact                   bool
}

func newDiff(a *app) *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use: "diff BASE NEW", Short: "Tell how a capture differs from another",
		Long: diffLong, Example: diffExample, Args: exactlyTwo,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, read, err := f.resolve()
			if err != nil {
				return err
			}
			limit, err := parsePercent(f.failOver)
			if err != nil {
				return err
			}
			return a.diff(cmd.Context(), args[0], args[1], o, read, f.strict, limit)
		},
	}
	f.views.addTo(cmd, heap.Peak)
	flags := cmd.Flags()
	flags.StringVar(&f.by, "by", "function", "print a row for each "+wordList(report.DiffByNames))
	flags.StringVar(&f.normalize, "normalize", "none", "scale the base by "+wordList(report.NormalizeNames[1:]))
	flags.StringVar(&f.failOver, "fail-over", "", "exit with 5 when there are more bytes than in the base, by more than this percentage")
	flags.IntVarP(&f.rows, "rows", "n", 20, "print at most so many rows; 0 for all")
	flags.BoolVar(&f.exact, "bytes", false, "print sizes in bytes, exactly")
	f.readFlags.addTo(flags)
	a.addJSON(cmd)
	a.store.addTo(cmd)
	complete(cmd, "by", report.DiffByNames)
	complete(cmd, "normalize", report.NormalizeNames)
	return cmd
}

// exactlyTwo wants a BASE and a NEW.
func exactlyTwo(cmd *cobra.Command, args []string) error {
	if len(args) == 2 {
		return nil
	}
	return hintf(usagef("%s compares two captures, got %d", cmd.Name(), len(args)), "%s", cmd.UseLine())
}

func (f *diffFlags) resolve() (o report.DiffOptions, read heap.Options, err error) {
	o.N, o.Exact = f.rows, f.exact
	if f.rows < 0 {
		return o, read, usagef("--rows %d: want 0 or more", f.rows)
	}
	if o.View, err = f.views.view(heap.Peak); err != nil {
		return o, read, err
	}
	by, normalize := slices.Index(report.DiffByNames, f.by), slices.Index(report.NormalizeNames, f.normalize)
	switch {
	case by < 0:
		return o, read, usagef("--by %q: want %s", f.by, wordList(report.DiffByNames))
	case normalize < 0:
		return o, read, usagef("--normalize %q: want %s", f.normalize, wordList(report.NormalizeNames))
	}
	o.By, o.Normalize = report.DiffBy(by), report.Normalize(normalize)
	read, err = f.options()
	return o, read, err
}

// parsePercent reads "10%" or "10"; nil stands for no limit.
func parsePercent(s string) (*float64, error) {
	if s == "" {
		return nil, nil
	}
	p, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !(p >= 0 && p <= math.MaxFloat64) { // NaN is neither
		return nil, usagef("--fail-over %q: want a percentage, such as 10%%", s)
	}
	return &p, nil
}

// diff compares two captures, and judges the change by limit, in percent.
func (a *app) diff(ctx context.Context, baseFile, newFile string, o report.DiffOptions, read heap.Options, strict bool, limit *float64) error {
	if baseFile == standard && newFile == standard {
		return usagef("standard input holds one capture, not BASE and NEW")
	}
	var profiles [2]*heap.Profile
	for i, file := range []string{baseFile, newFile} {
		p, err := a.readProfile(ctx, file, read)
		if err != nil {
			return err
		}
		if err := checkView(p, o.View); err != nil {
			return inFile(file, err)
		}
		profiles[i] = p
	}
	d, err := report.NewDiff(profiles[0], profiles[1], o)
	if err != nil {
		return err
	}
	if err := a.print(d); err != nil {
		return err
	}
	damaged := a.judgeProfile(baseFile, profiles[0], strict)
	if err := a.judgeProfile(newFile, profiles[1], strict); err != nil || damaged != nil {
		return &toldError{exitPartly}
	}
	return a.judgeChange(d.Totals.Of(o.View), o.View, limit)
}

// judgeChange says so when there is more than the limit allows.
func (a *app) judgeChange(c *report.Change, v heap.View, limit *float64) error {
	if limit == nil || float64(c.DeltaBytes) <= *limit/100*float64(c.BaseBytes) {
		return nil
	}
	by := "from nothing"
	if c.Percent != nil {
		by = fmt.Sprintf("by %.2f%%", *c.Percent)
	}
	a.message("%s: grew %s, to %d bytes; --fail-over allows %g%%", v, by, c.NewBytes, *limit)
	return &toldError{exitFindings}
}
