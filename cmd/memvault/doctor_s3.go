package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

const doctorS3Long = `doctor s3 asks a bucket for all that uploading, proving, cleaning and reading rely upon,
and says of each whether the store honours it, and if not, what memvault does about it.

It writes some objects of a few bytes, and one of 5 MiB, in the folder .memvault-doctor
below the prefix, and removes them again, also after an interrupt; what a killed run
left is removed by the next one that comes an hour later. It changes no settings. Where
objects could not be removed (no s3:DeleteObject, or a bucket that locks them) it writes
none, and the checks that need some end as unknown. To be told the truth, run it with
the rights of the uploaders.

A note is what memvault can do without. A finding weakens a promise or makes a command
fail.

Exit codes: 0 no findings, 1 it could not look, 2 wrong command line, 5 findings, 75 the
store cannot be reached. With --strict notes and unknown checks count as findings.`

const doctorS3Example = `  memvault doctor s3 s3://captures/production
  memvault doctor s3 --endpoint https://minio.example:9000 --bucket captures
  memvault doctor s3 --json s3://captures | jq '.checks[] | select(.verdict != "ok")'`

type doctorS3Flags struct {
	store   storeFlags
	minLife string
	strict  bool
}

func newDoctorS3(a *app) *cobra.Command {
	var d doctorS3Flags
	cmd := &cobra.Command{
		Use:     "s3 [s3://BUCKET/PREFIX]",
		Short:   "Say what an object store honours",
		Long:    doctorS3Long,
		Example: doctorS3Example,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return hintf(usagef("%s takes one place, got %d", cmd.Name(), len(args)), "%s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			where := ""
			if len(args) > 0 {
				where = args[0]
			}
			return a.doctorS3(cmd.Context(), d, where)
		},
	}
	f := cmd.Flags()
	f.StringVar(&d.minLife, "min-archive-life", "7d", "how long objects must stay to be proof")
	f.BoolVar(&d.strict, "strict", false, "count notes and unknown checks as findings")
	d.store.addTo(cmd)
	a.addJSON(cmd)
	return cmd
}

// doctorRetry is less patient than uploads are: each check may fail.
var doctorRetry = upload.Retry{Attempts: 5, Cap: 2 * time.Second, Stall: 30 * time.Second}

func (a *app) doctorS3(ctx context.Context, d doctorS3Flags, where string) error {
	place, err := d.store.place(where)
	if err != nil {
		return err
	}
	life, err := retention.ParseDuration(d.minLife)
	if err != nil {
		return usagef("--min-archive-life: %w", err)
	}
	if life <= 0 {
		return usagef("--min-archive-life %s: want more than 0", d.minLife)
	}
	config, err := d.store.config(a)
	if err != nil {
		return err
	}
	config.Retry = doctorRetry
	store, err := dialStore(ctx, config)
	if err != nil {
		return err
	}
	found, err := store.Examine(ctx, place, life)
	if found == nil {
		return storeError(err)
	}
	if printErr := a.printExamination(found); printErr != nil {
		return printErr
	}
	worst := found.Worst()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return storeError(err)
	case worst == upload.Found, d.strict && worst != upload.Honoured:
		return &toldError{exitFindings}
	}
	return nil
}

func (a *app) printExamination(e *upload.Examination) error {
	if a.json {
		return a.printJSON(e)
	}
	fmt.Fprintf(a.out, "%s at %s\n\n", printable(upload.Place{Bucket: e.Bucket, Prefix: e.Prefix}.String()), printable(e.Endpoint))
	t := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, c := range e.Checks {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.Verdict, c.Name, c.Asks, printable(c.Found))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return printEffects(a.out, e)
}

// printEffects says what to expect, below the table.
func printEffects(w io.Writer, e *upload.Examination) error {
	for _, left := range e.Left {
		fmt.Fprintf(w, "\nnot removed: %s\n", printable(left))
	}
	first := "\n"
	for _, c := range e.Checks {
		if c.Effect == "" {
			continue
		}
		fmt.Fprintf(w, "%s%s: %s\n", first, c.Name, c.Effect)
		first = ""
	}
	if e.Worst() != upload.Honoured {
		return nil
	}
	_, err := fmt.Fprintln(w, "\nthe store honours all that memvault relies upon")
	return err
}
