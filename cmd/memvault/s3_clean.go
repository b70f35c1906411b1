package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

const s3CleanLong = `clean takes away uploads that were begun and never completed: their parts cost money
and are in no listing of objects. It aborts those whose keys are as memvault makes
them, whose newest part (else their beginning) is old enough by the clock of the
store, and on which no upload on this machine is at work. Without --yes it says what
it would abort.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 some failed, 75 the store cannot
be reached.`

const s3CleanExample = `  memvault s3 clean s3://bucket
  memvault s3 clean --older-than 6h --yes s3://bucket/airflow`

func newS3Clean(a *app) *cobra.Command {
	var store storeFlags
	var olderThan time.Duration
	var del deleteFlags
	cmd := &cobra.Command{
		Use:     "clean [s3://BUCKET[/PREFIX]]",
		Short:   "Abort uploads that were never completed",
		Long:    s3CleanLong,
		Example: s3CleanExample,
		Args:    atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.cleanUploads(cmd.Context(), &store, firstOf(args), olderThan, del.really())
		},
	}
	durationVar(cmd.Flags(), &olderThan, "older-than", "24h", "how long ago the newest part must have come")
	del.addTo(cmd, "abort")
	store.addTo(cmd)
	a.addJSON(cmd)
	return cmd
}

func (a *app) cleanUploads(ctx context.Context, flags *storeFlags, arg string, olderThan time.Duration, yes bool) error {
	place, err := flags.place(arg)
	if err != nil {
		return err
	}
	store, err := flags.dial(ctx, a)
	if err != nil {
		return err
	}
	state := a.openState("uploads at work on this machine are not seen")
	orphans, others, err := store.Orphans(ctx, place, upload.OrphanOptions{OlderThan: olderThan, State: state})
	if err != nil {
		return storeError(err)
	}
	if others > 0 {
		a.warn(place.String(), "%d unfinished uploads are none of memvault's below this place", others)
	}
	upload.ByAge(orphans)
	var t tally
	for i := range orphans {
		if yes {
			err := store.Abort(ctx, state, &orphans[i])
			t.add(inFile("s3://"+orphans[i].Bucket+"/"+orphans[i].Key, storeError(err)), a)
		}
	}
	if err := a.sayOrphans(orphans); err != nil {
		return err
	}
	a.hintOrphans(orphans, yes)
	return t.err()
}

func (a *app) hintOrphans(orphans []upload.Orphan, yes bool) {
	due := 0
	for _, o := range orphans {
		if o.Kept == "" {
			due++
		}
	}
	if !yes && due > 0 && !a.quiet {
		a.message("nothing was changed: %d uploads would be aborted", due)
		a.message("hint: --yes aborts them")
	}
}

func (a *app) sayOrphans(orphans []upload.Orphan) error {
	if a.json {
		for _, o := range orphans {
			if err := a.printJSON(o); err != nil {
				return err
			}
		}
		return nil
	}
	if len(orphans) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AGE\tPARTS\tSIZE\tWHAT\tKEY")
	for _, o := range orphans {
		fmt.Fprintln(t, strings.Join([]string{
			retention.FormatDuration(max(o.Age, 0).Round(time.Second)), fmt.Sprint(o.Parts), humanize.Bytes(uint64(max(o.Bytes, 0))),
			printable(orphanText(o)), printable(o.Key),
		}, "\t"))
	}
	return t.Flush()
}

func orphanText(o upload.Orphan) string {
	switch {
	case o.Kept != "":
		return "kept: " + o.Kept
	case o.Aborted:
		return "aborted"
	}
	return "would be aborted"
}
