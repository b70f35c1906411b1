package main

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/report"
)

const seriesLong = `series prints the memory of the process over time: resident size and heap, as CSV in the
columns of the file that Memray's pages offer (trace, timestamp in milliseconds since
1970 UTC, memory_size_bytes), as JSON with --json, or as a picture with --plot.

A capture holds a memory record every 10 ms. Of more than 20,000, each point stands
for several records and has the maximum of each figure; a line says of how many. With
--like-memray there are at most 10,000 points, each the first of its records.`

const seriesExample = `  memvault report series scheduler_memory.bin > memory.csv
  memvault report series --from -10m --json scheduler_memory.bin
  memvault report series --plot memory.svg scheduler_memory.bin`

// seriesFlags are the flags of report series.
type seriesFlags struct {
	readFlags
	plot  string
	force bool
}

func newReportSeries(a *app) *cobra.Command {
	var f seriesFlags
	cmd := &cobra.Command{
		Use: "series FILE", Short: "Print or draw the memory over time", Long: seriesLong,
		Example: seriesExample,
		Args:    exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.series(cmd.Context(), args[0], &f)
		},
	}
	f.readFlags.addTo(cmd.Flags())
	cmd.Flags().StringVar(&f.plot, "plot", "", "draw a picture into this file instead, its name ending in .svg or .png")
	cmd.Flags().BoolVarP(&f.force, "force", "f", false, "overwrite the picture")
	a.addJSON(cmd)
	a.store.addTo(cmd)
	return cmd
}

func (a *app) series(ctx context.Context, file string, f *seriesFlags) error {
	read, err := f.options()
	if err != nil {
		return err
	}
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(f.plot)), ".")
	if f.plot != "" {
		if !slices.Contains(report.PlotFormats, format) {
			return usagef("--plot %q: want a name that ends in .svg or .png", f.plot)
		}
		if err := checkFree(f.plot, f.force); err != nil {
			return err
		}
	}
	if f.likeMemray {
		read.Points = report.SeriesPoints
	}
	p, err := a.readProfile(ctx, file, read)
	if err != nil {
		return err
	}
	s := report.NewSeries(p, report.Options{})
	if err := a.writeSeries(ctx, s, f, format); err != nil {
		return err
	}
	a.warn(file, "%s", s.StrideText())
	if a.judgeProfile(file, p, f.strict) != nil {
		return &toldError{exitPartly}
	}
	return nil
}

func (a *app) writeSeries(ctx context.Context, s *report.Series, f *seriesFlags, format string) error {
	if f.plot == "" {
		return a.print(csvSeries{s})
	}
	return a.writeOutput(ctx, f.plot, f.force, func(w io.Writer) error { return s.WritePlot(w, format) })
}

// csvSeries is a series whose text is CSV.
type csvSeries struct{ *report.Series }

func (s csvSeries) WriteText(w io.Writer) error { return s.WriteCSV(w) }
