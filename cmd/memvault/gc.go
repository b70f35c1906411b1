package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/internal/removal"
	"github.com/memvault/memvault/internal/schedule"
	"github.com/memvault/memvault/internal/statedir"
	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

const gcLong = `gc deletes captures by a policy, and gives a reason for each one, kept or not. Without
--yes it changes nothing, and prints what it would do.

Captures are found by name and content in the folders; what else lies there is never
touched. One that is being written never goes, nor does one of which that cannot be
told.

The policy. With --keep rules alone, all else goes. With limits (--max-age, --max-total,
--max-count, --budget, --min-free, --min-inodes) only what breaks them goes, the oldest
first, and what a --keep rule wants stays: gc then says what is unmet and exits with 3.
The rules count for each component by itself (--group-by); --budget, --min-free and
--min-inodes for all together: whichever component occupies most gives its oldest. A
file NAME.keep keeps the capture NAME beside it. Sizes and durations need a unit: 20GiB,
30d, 90min.

--max-age counts from the end: of the header, or, where tracking did not end regularly,
the last change. --keep-within counts from the newest of the group. What lies in the
future stays. When the clock was set since the last run, nothing goes by age until
--trust-clock.

With --archive, only what is proved to be in the bucket goes; when free space is below
--critical-free, also what --sacrifice names. What goes lies in .memvault-trash for
--undo, and memvault gc undo puts it back; when space is short, it is gone at once.

Of s3://BUCKET/PREFIX the stored captures go by the same policy, each manifest before
its object; age counts from the later of the end and the upload, by the clock of the
store, in days of UTC. --keep-tag knows labels and the tags of objects. Deleting goes
under a lease in the bucket, one gc at a time, and is refused where a store ignores
conditions of writes. gc undo cannot bring objects back.

--schedule runs gc until it is ended, in five fields of cron, in UTC unless CRON_TZ= and
a zone stand before. A run that was missed is made up for at the start; runs do not
overlap.

--check deletes nothing, and exits with 5 when something is due or space is short.

Exit codes: 0 done; 1 failed; 2 wrong command line; 3 done in part, or a limit is unmet;
5 findings of --check; 75 the folder is locked or the archive out of reach; 130, 143
interrupted: the file in hand is finished.`

const gcExample = `  memvault gc --keep-last 5 --keep-daily 7 /opt/airflow
  memvault gc --max-age 30d --min-free 10% --yes /opt/airflow
  memvault gc --archive s3://captures/prod --max-age 0s --yes /opt/airflow
  memvault gc --keep-daily 30 --keep-tag keep=hold --yes s3://bucket/airflow
  memvault gc --schedule "*/10 * * * *" --budget 8GiB --yes /captures
  memvault gc --check --min-free 20GiB /opt/airflow
  memvault gc undo --yes /opt/airflow`

// gcOptions are the flags of gc.
type gcOptions struct {
	clean    cleanFlags
	schedule string
	jitter   time.Duration
	check    bool
}

func newGC(a *app) *cobra.Command {
	var o gcOptions
	cmd := &cobra.Command{
		Use:     "gc DIR...|s3://BUCKET/PREFIX...",
		Short:   "Delete captures by a policy that gives reasons",
		Long:    gcLong,
		Example: gcExample,
		Args:    atLeastOneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.clean.resolve(cmd); err != nil {
				return err
			}
			if o.schedule == "" && cmd.Flags().Changed("schedule") {
				return usagef("--schedule is empty: want five fields, as in \"*/10 * * * *\", or no --schedule for one run")
			}
			return a.gc(cmd.Context(), args, &o)
		},
	}
	f := cmd.Flags()
	o.clean.addTo(cmd)
	f.StringVar(&o.schedule, "schedule", "", "stay, and run by this cron expression")
	f.DurationVar(&o.jitter, "jitter", 0, "delay each scheduled run by a part of this, another on each host")
	f.BoolVar(&o.check, "check", false, "delete nothing; exit with 5 when something is due")
	a.addJSON(cmd)
	cmd.AddCommand(newGCUndo(a))
	return cmd
}

func atLeastOneFolder(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return hintf(usagef("%s needs a folder", cmd.Name()), "%s", cmd.UseLine())
}

func (a *app) gc(ctx context.Context, dirs []string, o *gcOptions) error {
	collectLess()
	if o.check {
		o.clean.dryRun = true
	}
	if o.jitter != 0 && o.schedule == "" || o.jitter < 0 {
		return usagef("--jitter %v: want 0 or more, and a --schedule", o.jitter)
	}
	if o.check && o.schedule != "" {
		return usagef("--check looks once: it does not go with --schedule")
	}
	if err := o.checkPlaces(dirs); err != nil {
		return err
	}
	options, keep, err := o.clean.options(ctx, a, a.logger())
	if err != nil {
		return err
	}
	g := &gcRun{app: a, gcOptions: o, options: options, keep: keep, levels: map[string]retention.Level{}}
	if o.schedule == "" {
		return g.once(ctx, dirs)
	}
	return g.scheduled(ctx, dirs)
}

// collectLess undoes gcPercent: a list of captures is small and has many pointers, so collecting it
// over and over costs more than it saves.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(100)
	}
}

// A gcRun is one run of the command, or many with --schedule.
type gcRun struct {
	*app
	*gcOptions
	options retention.CleanOptions
	keep    func()
	levels  map[string]retention.Level // at the end of the last run, by folder
}

// once cleans the folders. A signal has to wait until the file in hand is finished, which is what
// holding app.writing makes it do.
func (g *gcRun) once(ctx context.Context, dirs []string) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	defer g.keep()
	var worst gcOutcome
	for _, dir := range dirs {
		o := g.options
		o.Level = g.levels[dir]
		report, err := g.pass(ctx, dir, o)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if report != nil {
			g.levels[dir] = report.Plan.Level
			if err := g.print(report); err != nil {
				return err
			}
		}
		worst.add(report, err)
		g.tell(inFolder(dir, err))
	}
	return worst.err(len(dirs), g.check)
}

// inFolder adds the folder's name to err, and what can be done about it.
func inFolder(dir string, err error) error {
	if errors.Is(err, removal.ErrLocked) {
		return inFile(dir, &codedError{err, exitRetry})
	}
	return inFile(dir, err)
}

// A gcOutcome counts how the folders ended.
type gcOutcome struct{ failed, retry, partly, findings int }

func (o *gcOutcome) add(r *retention.Report, err error) {
	switch {
	case errors.Is(err, removal.ErrLocked), errors.Is(err, upload.ErrLeased), errors.Is(err, upload.ErrUnreachable):
		o.retry++
	case err != nil:
		o.failed++
	}
	if r == nil {
		return
	}
	p := r.Plan
	if r.Unasked > 0 {
		o.retry++
	}
	if len(p.Unmet) > 0 || r.Failed() > 0 || r.Stopped != "" {
		o.partly++
	}
	if len(p.Deletions) > 0 || len(p.Unmet) > 0 || len(p.Warnings) > 0 || p.Level > retention.Fine {
		o.findings++
	}
}

// err gives the error with the exit code; everything has been said already.
func (o *gcOutcome) err(folders int, check bool) error {
	switch {
	case o.failed == folders:
		return &toldError{exitFailed}
	case o.failed > 0:
		return &toldError{exitPartly}
	case o.retry > 0:
		return &toldError{exitRetry}
	case check && o.findings > 0:
		return &toldError{exitFindings}
	case o.partly > 0 && !check:
		return &toldError{exitPartly}
	}
	return nil
}

// scheduled cleans the folders whenever it is time, until a signal ends it.
func (g *gcRun) scheduled(ctx context.Context, dirs []string) error {
	times, err := schedule.Parse(g.schedule, time.Now())
	if err != nil {
		return &usageError{err}
	}
	host, _ := os.Hostname() // without a name the delay is the same everywhere
	o := schedule.Options{Schedule: times, Jitter: g.jitter, Seed: host, Log: g.options.Log}
	if g.options.Yes {
		o.Entry = gcEntry(g.schedule, dirs)
		if o.State, err = statedir.Open(g.state); err != nil {
			g.warn("--schedule", "a run that is missed cannot be made up for: %v", err)
		}
	}
	if !g.quiet {
		g.message("gc runs at %q, next at %s", g.schedule, timeText(times.Next(time.Now())))
	}
	schedule.Run(ctx, o, func(ctx context.Context) {
		if err := g.once(ctx, dirs); ctx.Err() == nil && !g.quiet {
			g.message("gc ended with exit code %d; next at %s", exitCode(err), timeText(times.Next(time.Now())))
		}
	})
	return context.Cause(ctx)
}

// gcEntry names the stamp of a schedule over some folders.
func gcEntry(spec string, dirs []string) string {
	sum := sha256.Sum256([]byte(spec + "\x00" + strings.Join(slices.Sorted(slices.Values(dirs)), "\x00")))
	return fmt.Sprintf("gc-%x", sum[:8])
}
