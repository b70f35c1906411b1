package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/upload"
)

const s3GetLong = `get fetches the stored bytes of a capture as they are, and proves them: by the SHA-256
in the manifest, and by the checksum that the store has of the whole object. The file
appears only when it is whole. memvault restore fetches and unpacks in one go.

Without -o the file gets the last part of the key, in the current folder.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 the bytes came, but neither
manifest nor checksum is there to prove them, 4 they are wrong, 75 the store cannot be
reached.`

const s3GetExample = `  memvault s3 get -o leak.bin.zst s3://bucket/v1/scheduler/x.bin.zst
  memvault s3 get -o - s3://bucket/v1/scheduler/x.bin.zst | zstd -d > x.bin`

func newS3Get(a *app) *cobra.Command {
	var store storeFlags
	var output string
	var force bool
	cmd := &cobra.Command{
		Use:     "get s3://BUCKET/KEY",
		Short:   "Fetch stored bytes as they are, and prove them",
		Long:    s3GetLong,
		Example: s3GetExample,
		Args:    exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.getStored(cmd.Context(), &store, args[0], output, force)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&output, "output", "o", "", "file to write, or - for standard output")
	f.BoolVar(&force, "force", false, "overwrite a file that is there already")
	store.addTo(cmd)
	a.addJSON(cmd)
	return cmd
}

func (a *app) getStored(ctx context.Context, flags *storeFlags, arg, output string, force bool) error {
	place, err := flags.object(arg)
	if err != nil {
		return err
	}
	if output == "" {
		if output, err = localName(place.Prefix); err != nil {
			return err
		}
	}
	if output == standard && a.json {
		return usagef("--json and -o - both write to standard output")
	}
	if err := a.checkTerminal([]job{{arg, output}}); err != nil {
		return err
	}
	if err := checkFree(output, force); err != nil {
		return err
	}
	store, err := flags.dial(ctx, a)
	if err != nil {
		return err
	}
	var got upload.Got
	progress, stop := a.storeProgress(place.Prefix)
	err = a.writeOutput(ctx, output, force, func(w io.Writer) (err error) {
		got, err = store.Get(ctx, w, place.Bucket, place.Prefix, progress)
		return storeError(err)
	})
	stop()
	if err != nil {
		return inFile(place.String(), err)
	}
	return a.sayGot(place, got, output)
}

// sayGot prints what was fetched, and warns when nothing proves it.
func (a *app) sayGot(place upload.Place, got upload.Got, output string) error {
	if a.json {
		if err := a.printJSON(struct {
			upload.Got
			File string `json:"file"`
		}{got, output}); err != nil {
			return err
		}
	}
	if len(got.Proved) == 0 {
		a.warn(place.String(), "there is no manifest, and the store has no checksum: nothing proves these bytes")
		return &toldError{exitPartly}
	}
	return nil
}

// localName gives the file name for a key, if its last part is fit for one everywhere.
func localName(key string) (string, error) {
	name := path.Base(key)
	odd := strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`\:*?"<>|`, r) })
	if odd || !filepath.IsLocal(name) || name == "." || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
		return "", hintf(usagef("the key %q gives no file name", key), "-o FILE says where to write")
	}
	return name, nil
}

// provedText says by what an object was proved.
func provedText(g upload.Got) string {
	if len(g.Proved) == 0 {
		return "nothing"
	}
	text := strings.Join(g.Proved, ", ")
	if g.Checksum != "" {
		text += fmt.Sprintf(" (%s)", g.Checksum)
	}
	return text
}
