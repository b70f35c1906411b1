package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/internal/progress"
	"github.com/memvault/memvault/internal/statedir"
	"github.com/memvault/memvault/upload"
)

const s3Long = `s3 shows and fetches captures that memvault upload has stored, proves that they are
whole, and takes them away. It works on captures only: an object that has neither a
manifest nor a key as memvault makes them is left alone.

Where the store is, and with which credentials, is taken from the environment as the AWS
tools read it; flags count more.`

const s3Example = `  memvault s3 ls --sort peak s3://bucket/airflow
  memvault s3 verify -r s3://bucket/airflow
  memvault s3 clean --yes s3://bucket`

func newS3(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "s3 ls|get|verify|rm|presign|clean",
		Short:   "List, get, verify and remove stored captures",
		Long:    s3Long,
		Example: s3Example,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hintf(usagef("s3 needs a command"), "memvault s3 --help lists them")
			}
			return unknownCommand(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newS3List(a), newS3Get(a), newS3Verify(a), newS3Remove(a), newS3Presign(a), newS3Clean(a))
	return cmd
}

// atMostOne refuses a second place.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return hintf(usagef("%s takes one place, got %d", cmd.Name(), len(args)), "%s", cmd.UseLine())
	}
	return nil
}

// firstOf gives the first argument, else nothing: then --bucket says where.
func firstOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// object gives the object that an argument names.
func (s *storeFlags) object(arg string) (upload.Place, error) {
	p, err := s.place(arg)
	if err == nil && p.Prefix == "" {
		err = hintf(usagef("%s names no object", p), "want s3://BUCKET/KEY; memvault s3 ls %s lists them", p)
	}
	return p, err
}

// openState opens the folder of state; without one the work goes on, and the user is told.
func (a *app) openState(what string) *statedir.Dir {
	d, err := statedir.Open(a.state)
	if err != nil {
		a.warn(what, "%v", err)
		return nil
	}
	return d
}

// storeProgress shows a bar for the reading of an object, where bars are shown.
func (a *app) storeProgress(key string) (p upload.Progress, stop func()) {
	if a.quiet || a.noProgress || !isTerminal(a.err) {
		return nil, func() {}
	}
	var bar *progress.Bar
	p = func(n, size int64) {
		if bar == nil {
			bar = progress.New(size, a.err, label(key))
		}
		bar.Add(n)
	}
	return p, func() {
		if bar != nil {
			_ = bar.Close()
		}
	}
}

// deleteFlags are those of commands that delete: without yes they only say what they would
// do, and dry-run beats yes.
type deleteFlags struct{ yes, dryRun bool }

func (d *deleteFlags) addTo(cmd *cobra.Command, does string) {
	cmd.Flags().BoolVar(&d.yes, "yes", false, "really "+does+"; without it nothing is changed")
	cmd.Flags().BoolVar(&d.dryRun, "dry-run", false, "change nothing, also with --yes")
}

func (d deleteFlags) really() bool { return d.yes && !d.dryRun }

// An objectTally counts how the objects of a command ended. Wrong bytes are the gravest.
type objectTally struct {
	tally
	wrong bool // one is not what it should be
}

// add tells what is wrong with an object, and counts it.
func (t *objectTally) add(a *app, place upload.Place, err error) {
	switch {
	case err == nil:
		t.done++
		return
	case errors.Is(err, upload.ErrNoManifest):
		t.partly++
	default:
		t.failed++
	}
	t.wrong = t.wrong || errors.Is(err, upload.ErrIntegrity) || errors.Is(err, upload.ErrConflict)
	a.tell(inFile(place.String(), storeError(err)))
}

func (t *objectTally) err() error {
	if t.wrong {
		return &toldError{exitConflict}
	}
	return t.tally.err()
}

// eachObject calls do for the objects that args name, or, recursively, for the captures
// below them.
func (a *app) eachObject(ctx context.Context, store *upload.Store, places []upload.Place, recursive bool, do func(upload.Place) error) error {
	for _, p := range places {
		if !recursive {
			if err := do(p); err != nil {
				return err
			}
			continue
		}
		for e, err := range store.List(ctx, p, upload.ListOptions{KeysOnly: true}) {
			if err != nil {
				return storeError(err)
			}
			if err := do(upload.Place{Bucket: e.Bucket, Prefix: e.Key}); err != nil {
				return err
			}
		}
	}
	return nil
}

// places reads the arguments of a command that takes several objects, or prefixes.
func (s *storeFlags) places(args []string, recursive bool) ([]upload.Place, error) {
	read := s.object
	if recursive {
		read = s.place
	}
	if len(args) == 0 {
		args = []string{""}
	}
	var all []upload.Place
	for _, arg := range args {
		p, err := read(arg)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
