package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/internal/removal"
)

const gcUndoLong = `undo puts the captures back that gc, compress --rm and upload --delete-after have moved
into .memvault-trash of the folder, and whose time there is not over. Without --yes it
prints them.

A capture gets the name that it had, unless Airflow itself writes to that name, or
another file has it now: then it gets one with its start and pid, as memvault rotate
gives.

Exit codes: 0 done, 1 failed, 2 wrong command line, 75 the folder is locked.`

const gcUndoExample = `  memvault gc undo /opt/airflow
  memvault gc undo --yes /opt/airflow`

type gcUndoOptions struct {
	lockWait    time.Duration
	yes, dryRun bool
}

func newGCUndo(a *app) *cobra.Command {
	var o gcUndoOptions
	cmd := &cobra.Command{
		Use:     "undo DIR",
		Short:   "Put back what gc has deleted, within its time",
		Long:    gcUndoLong,
		Example: gcUndoExample,
		Args:    exactlyOneFolder,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.gcUndo(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.DurationVar(&o.lockWait, "lock-wait", 30*time.Second, "how long to wait for another memvault in the folder")
	f.BoolVar(&o.yes, "yes", false, "do it: without, nothing is changed")
	f.BoolVar(&o.dryRun, "dry-run", false, "change nothing, even with --yes")
	a.addJSON(cmd)
	return cmd
}

func exactlyOneFolder(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return hintf(usagef("%s works on one folder, got %d", cmd.Name(), len(args)), "%s", cmd.UseLine())
	}
	return atLeastOneFolder(cmd, args)
}

// undone is one line of gc undo --json.
type undone struct {
	File string `json:"file"`
	Done bool   `json:"done"`
}

func (a *app) gcUndo(ctx context.Context, dir string, o gcUndoOptions) error {
	do := o.yes && !o.dryRun
	a.writing.Lock()
	defer a.writing.Unlock()
	folder, err := removal.Open(ctx, dir, removal.Options{State: a.state, LockWait: o.lockWait, DryRun: !do, Log: a.logger()})
	if err != nil {
		return inFolder(dir, err)
	}
	names, err := folder.Undo(ctx)
	if closeErr := folder.Close(); err == nil {
		err = closeErr
	}
	for _, name := range names {
		if err := a.printUndone(filepath.Join(dir, name), do); err != nil {
			return err
		}
	}
	if err == nil && len(names) == 0 && !a.json {
		fmt.Fprintln(a.out, printable(dir+": nothing to put back"))
	}
	if !do && len(names) > 0 && !a.quiet {
		a.message("nothing was changed; --yes does it")
	}
	return inFolder(dir, err)
}

func (a *app) printUndone(file string, done bool) error {
	if a.json {
		return a.printJSON(undone{file, done})
	}
	verb := "would be put back"
	if done {
		verb = "put back"
	}
	_, err := fmt.Fprintln(a.out, printable(file+": "+verb))
	return err
}
