package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/upload"
)

const s3RemoveLong = `rm deletes stored captures: each manifest first, which is the mark that the capture is
whole, then its object. Without --yes it says what it would delete, and changes
nothing.

Objects that are no captures of memvault are refused. In a bucket that keeps versions
nothing is freed until the old versions go: memvault bucket apply --noncurrent sees to
that.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 some failed, 4 another object
had taken the place of one, 75 the store cannot be reached.`

const s3RemoveExample = `  memvault s3 rm s3://bucket/v1/scheduler/x.bin.zst
  memvault s3 rm --yes -r s3://bucket/airflow/v1/triggerer`

func newS3Remove(a *app) *cobra.Command {
	var store storeFlags
	var recursive bool
	var del deleteFlags
	cmd := &cobra.Command{
		Use:     "rm s3://BUCKET/KEY...",
		Short:   "Delete stored captures with their manifests",
		Long:    s3RemoveLong,
		Example: s3RemoveExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.removeStored(cmd.Context(), &store, args, recursive, del.really())
		},
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "delete all captures below the prefixes")
	del.addTo(cmd, "delete")
	store.addTo(cmd)
	a.addJSON(cmd)
	return cmd
}

func (a *app) removeStored(ctx context.Context, flags *storeFlags, args []string, recursive, yes bool) error {
	places, err := flags.places(args, recursive)
	if err != nil {
		return err
	}
	store, err := flags.dial(ctx, a)
	if err != nil {
		return err
	}
	var t objectTally
	var sum upload.Removed
	err = a.eachObject(ctx, store, places, recursive, func(p upload.Place) error {
		r, err := store.Remove(ctx, p.Bucket, p.Prefix, yes)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		t.add(a, p, err)
		sum.Bytes += r.Bytes
		sum.Hidden = sum.Hidden || r.Hidden
		return a.sayRemoved(p, r, yes, err)
	})
	if err != nil {
		return err
	}
	switch {
	case sum.Hidden:
		a.warn(places[0].String(), "the bucket keeps versions: this frees nothing until the old ones go (bucket apply --noncurrent)")
	case !yes && t.done > 0 && !a.quiet:
		a.message("nothing was changed: %s in %d captures would go", bytesText(sum.Bytes), t.done)
		a.message("hint: --yes deletes them")
	}
	return t.err()
}

func (a *app) sayRemoved(p upload.Place, r upload.Removed, yes bool, failed error) error {
	if a.json {
		line := struct {
			Bucket  string `json:"bucket"`
			Key     string `json:"key"`
			Bytes   int64  `json:"bytes"`
			Removed bool   `json:"removed"`
			Hidden  bool   `json:"hidden"`
			Error   string `json:"error"`
		}{Bucket: p.Bucket, Key: p.Prefix, Bytes: r.Bytes, Removed: yes && failed == nil, Hidden: r.Hidden}
		if failed != nil {
			line.Error = failed.Error()
		}
		return a.printJSON(line)
	}
	if failed != nil {
		return nil // told already
	}
	did := "would delete"
	if yes {
		did = "deleted"
	}
	_, err := fmt.Fprintf(a.out, "%s %s (%s)\n", did, printable(p.String()), bytesText(r.Bytes))
	return err
}
