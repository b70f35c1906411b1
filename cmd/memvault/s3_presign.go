package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

const s3PresignLong = `presign prints a URL by which anybody can fetch a stored capture until it expires,
without credentials. Captures hold file names and command lines: give the URL to
nobody who should not see them.

Exit codes: 0 done, 1 failed or no such object, 2 wrong command line, 75 the store
cannot be reached.`

const s3PresignExample = `  memvault s3 presign --expires 1h s3://bucket/v1/scheduler/x.bin.zst
  curl -fO "$(memvault s3 presign s3://bucket/v1/scheduler/x.bin.zst)"`

func newS3Presign(a *app) *cobra.Command {
	var store storeFlags
	var expires time.Duration
	cmd := &cobra.Command{
		Use:     "presign s3://BUCKET/KEY",
		Short:   "Print a URL that fetches a stored capture for a while",
		Long:    s3PresignLong,
		Example: s3PresignExample,
		Args:    exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.presign(cmd.Context(), &store, args[0], expires)
		},
	}
	durationVar(cmd.Flags(), &expires, "expires", "1h", "how long the URL is good, up to 7d")
	store.addTo(cmd)
	a.addJSON(cmd)
	return cmd
}

func (a *app) presign(ctx context.Context, flags *storeFlags, arg string, expires time.Duration) error {
	place, err := flags.object(arg)
	if err != nil {
		return err
	}
	store, err := flags.dial(ctx, a)
	if err != nil {
		return err
	}
	signed, err := store.Presign(ctx, place.Bucket, place.Prefix, expires)
	if err != nil {
		return inFile(place.String(), storeError(err))
	}
	if signed.Temporary {
		a.warn(place.String(), "the credentials are temporary: the URL ends when they do, or at %s", timeText(signed.Expires))
	}
	if a.json {
		return a.printJSON(signed)
	}
	_, err = fmt.Fprintln(a.out, printable(signed.URL))
	return err
}
