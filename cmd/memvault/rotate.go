package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/airflow"
	"github.com/memvault/memvault/internal/inuse"
)

const rotateLong = `rotate moves captures that nobody writes any more off the names that Airflow gave
them: scheduler_memory.bin becomes scheduler_memory.20260102T150405Z.77.bin, with the
start time and the pid in its own header. Airflow 3.2.0 to 3.3.2 does not start while
the capture of the last run is in its place; so rotate belongs before each start.

Of a folder it takes the files named *_memory.bin. Without arguments it takes the
folder $AIRFLOW_HOME, else ~/airflow. It never takes a name that exists, never moves a
capture that is live, and waits for one that Memray still compresses. One whose writer
is dead is moved although forked processes hold it; rotate says which. A file without
a header gets the time of its last change and pid 0.

After -- comes a command, which then takes the place of memvault, with the same pid.

What goes wrong is told, and the exit code is 0 all the same, since nothing here
should keep Airflow from starting; --strict thinks otherwise, and does not run the
command then.

Exit codes: 0 done, 2 wrong command line; with --strict: 1 failed, 3 done in part, 75
a FILE is live, or it cannot be told; 126 and 127 the command cannot be run, or is not
there.`

const rotateExample = `  memvault rotate
  memvault rotate --dry-run /opt/airflow
  memvault rotate /captures -- airflow scheduler`

type rotateFlags struct {
	wait           time.Duration
	strict, dryRun bool
	inUse          inUseFlags
}

func newRotate(a *app) *cobra.Command {
	var r rotateFlags
	cmd := &cobra.Command{
		Use:     "rotate [FILE|DIR...] [-- COMMAND...]",
		Short:   "Move left-over captures out of Airflow's way",
		Long:    rotateLong,
		Example: rotateExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, command := args, []string(nil)
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				paths, command = args[:dash], args[dash:]
			}
			return a.rotate(cmd.Context(), r, paths, command)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&r.wait, "wait", time.Minute, "how long to wait for Memray to end a compression")
	f.BoolVar(&r.strict, "strict", false, "exit with an error when a capture stays in the way")
	f.BoolVar(&r.dryRun, "dry-run", false, "change nothing, say what would be done")
	r.inUse.addTo(f)
	a.addJSON(cmd)
	return cmd
}

func (a *app) rotate(ctx context.Context, r rotateFlags, paths, command []string) error {
	if r.wait < 0 {
		return usagef("--wait %v: want 0 or more", r.wait)
	}
	use, keep, err := r.inUse.options(a)
	if err != nil {
		return err
	}
	missing := error(nil) // Airflow's own folder may be still to come
	if len(paths) == 0 {
		paths, missing = []string{airflow.Home()}, fs.ErrNotExist
	}
	list, err := airflow.Rotate(ctx, paths, airflow.RotateOptions{Wait: r.wait, InUse: use, DryRun: r.dryRun})
	keep()
	if err != nil {
		return context.Cause(ctx)
	}
	failure := a.printRotations(list, missing, len(command) == 0, r.dryRun)
	if r.strict && failure != nil {
		return failure
	}
	if len(command) > 0 && !r.dryRun {
		return a.become(ctx, command)
	}
	return nil
}

// rotationFacts is one line of rotate --json.
type rotationFacts struct {
	File    string `json:"file"`
	Action  string `json:"action"`
	To      string `json:"to,omitempty"`
	State   string `json:"state,omitempty"`
	Start   string `json:"start,omitempty"`
	PID     int    `json:"pid"`
	Size    int64  `json:"size"`
	Holders []int  `json:"holders,omitempty"`
	Reason  string `json:"reason,omitempty"`
	DryRun  bool   `json:"dry_run,omitempty"`
}

// printRotations says what became of the files, and gives the error with which --strict ends.
// Standard output belongs to the command that comes after, if one does.
func (a *app) printRotations(list []airflow.Rotation, missing error, ours, dryRun bool) error {
	var t tally
	live := false // in the way, or named: a live one in a folder is as it should be
	for _, r := range list {
		if r.Action == airflow.Failed && missing != nil && errors.Is(r.Err, missing) {
			a.warn(filepath.Join(r.Dir, r.From), "there is no such folder, so nothing is in the way")
			continue
		}
		switch r.Action {
		case airflow.Failed:
			t.failed++
		case airflow.Blocked:
			live = live || r.Named || r.State != inuse.Live.String()
		default:
			t.done++
		}
		a.printRotation(r, ours, dryRun)
	}
	if t.failed == 0 && live {
		return &toldError{exitRetry}
	}
	return t.err()
}

func (a *app) printRotation(r airflow.Rotation, ours, dryRun bool) {
	file := filepath.Join(r.Dir, r.From)
	if a.json && ours {
		_ = a.printJSON(factsOfRotation(r, dryRun))
	}
	verb := "renamed"
	if dryRun {
		verb = "would be renamed"
	}
	switch {
	case r.Action == airflow.Failed:
		a.message("%v", inFile(file, withoutName(file, r.Err)))
	case r.Action != airflow.Rotated:
		a.warn(file, "%s: %s", r.Action, r.Reason)
	case !ours:
		a.warn(file, "%s to %s (%s)", verb, r.To, r.Reason)
	case !a.json:
		fmt.Fprintln(a.out, printable(fmt.Sprintf("%s: %s to %s (%s)", file, verb, r.To, r.Reason)))
	}
}

// withoutName takes off the path that the operating system's errors carry, and memvault puts before them.
func withoutName(file string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) && filepath.Clean(path.Path) == file {
		return path.Err
	}
	return err
}

func factsOfRotation(r airflow.Rotation, dryRun bool) rotationFacts {
	f := rotationFacts{
		File: filepath.Join(r.Dir, r.From), Action: string(r.Action), State: r.State,
		PID: r.PID, Size: r.Size, Reason: r.Reason, DryRun: dryRun,
	}
	if r.To != "" {
		f.To = filepath.Join(r.Dir, r.To)
	}
	if y := r.Start.Year(); y > 1 && y <= 9999 {
		f.Start = r.Start.UTC().Format(time.RFC3339)
	}
	for _, h := range r.Verdict.Holders {
		f.Holders = append(f.Holders, h.PID)
	}
	return f
}
