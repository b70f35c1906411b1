package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/upload"
)

const s3VerifyLong = `verify reads stored captures again, unpacks them, and compares: the SHA-256 of the
stored bytes and of the raw stream with the manifest, the checksum with that of the
store. It needs no disk.

An object without a manifest is compared with the checksum of the store and with the
SHA-256 of the raw stream in its metadata; that the manifest is missing is told.

Exit codes: 0 all is as it should be, 1 failed, 2 wrong command line, 3 a manifest is
missing, or some could not be read, 4 bytes are wrong, 75 the store cannot be reached.`

const s3VerifyExample = `  memvault s3 verify s3://bucket/v1/scheduler/x.bin.zst
  memvault s3 verify -r --json s3://bucket/airflow`

func newS3Verify(a *app) *cobra.Command {
	var store storeFlags
	var recursive bool
	cmd := &cobra.Command{
		Use:     "verify s3://BUCKET/KEY...",
		Short:   "Read stored captures again and compare hashes",
		Long:    s3VerifyLong,
		Example: s3VerifyExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verifyStored(cmd.Context(), &store, args, recursive)
		},
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "verify all captures below the prefixes")
	store.addTo(cmd)
	a.addJSON(cmd)
	return cmd
}

func (a *app) verifyStored(ctx context.Context, flags *storeFlags, args []string, recursive bool) error {
	places, err := flags.places(args, recursive)
	if err != nil {
		return err
	}
	store, err := flags.dial(ctx, a)
	if err != nil {
		return err
	}
	var t objectTally
	err = a.eachObject(ctx, store, places, recursive, func(p upload.Place) error {
		got, err := store.Verify(ctx, p.Bucket, p.Prefix)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		t.add(a, p, err)
		return a.sayVerified(p, got, err)
	})
	if err != nil {
		return err
	}
	return t.err()
}

// sayVerified prints the facts of one object.
func (a *app) sayVerified(p upload.Place, got upload.Got, wrong error) error {
	if a.json {
		line := struct {
			upload.Got
			OK    bool   `json:"ok"`
			Error string `json:"error"`
		}{Got: got, OK: wrong == nil}
		if wrong != nil {
			line.Error = wrong.Error()
		}
		return a.printJSON(line)
	}
	if wrong != nil {
		return nil // told already
	}
	_, err := fmt.Fprintf(a.out, "%s: %s stored, %s raw; proved by %s\n",
		printable(p.String()), bytesText(got.Size), bytesText(got.RawSize), printable(provedText(got)))
	return err
}
