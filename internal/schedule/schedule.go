// Package schedule runs work at the times of a cron expression, by robfig/cron v3.0.1. It keeps
// off that version's traps: a parser that panics, times that never come, and
// a run that blocks all later ones once it has panicked (facts/storage.md 0.3).
package schedule

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/memvault/memvault/internal/statedir"
)

// A Schedule says when work is due.
type Schedule struct {
	spec  string
	times cron.Schedule
}

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Parse reads five fields (minute, hour, day of the month, month, day of the week), or a descriptor as
// @hourly or @every 10m. CRON_TZ=Europe/Berlin and a space may stand before; without it times are UTC. What
// is never due after now is refused.
func Parse(spec string, now time.Time) (*Schedule, error) {
	times, err := parse(strings.TrimSpace(spec))
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w; want five fields, as in \"*/10 * * * *\" (Sunday is 0), or @hourly, @daily, @every 10m", spec, err)
	}
	if times.Next(now.UTC()).IsZero() {
		return nil, fmt.Errorf("schedule %q: such a time never comes", spec)
	}
	return &Schedule{spec, times}, nil
}

// parse turns the parser's panics into errors, as that of "TZ=UTC" with no space behind it.
func parse(spec string) (times cron.Schedule, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("a time zone stands alone")
		}
	}()
	times, err = parser.Parse(spec)
	_, every, _ := strings.Cut(spec, "@every ")
	// The parser turns what is below a second, and so what is below zero, into one second.
	if d, bad := time.ParseDuration(every); err == nil && bad == nil && d < time.Second {
		err = fmt.Errorf("every %v is no schedule: want 1s or more", d)
	}
	return times, err
}

// Next is when work is due after a time.
func (s *Schedule) Next(after time.Time) time.Time { return s.times.Next(after.UTC()) }

// String is what Parse read.
func (s *Schedule) String() string { return s.spec }

// Options say how Run works.
type Options struct {
	Schedule *Schedule
	// Jitter delays each run by a time of up to as much, which is always the same for the same Seed: so
	// many machines with one schedule do not all begin at once.
	Jitter time.Duration
	Seed   string
	// State keeps when the work was done last, under the name Entry: a run that was missed while
	// nothing ran is made up for at the start. Nil keeps nothing.
	State *statedir.Dir
	Entry string
	Log   *slog.Logger
}

// Run calls work whenever it is due, until ctx ends; it returns when the run in hand has ended. Runs do not
// overlap: what is due meanwhile is left out. A panic ends one run, and is logged.
func Run(ctx context.Context, o Options, work func(context.Context)) {
	log := logger{o.Log}
	// Recover must be the inner one: else a panic never gives back what SkipIfStillRunning takes.
	c := cron.New(cron.WithLocation(time.UTC), cron.WithLogger(log),
		cron.WithChain(cron.SkipIfStillRunning(log), cron.Recover(log)))
	id := c.Schedule(o.Schedule.times, cron.FuncJob(func() {
		if sleep(ctx, Delay(o.Seed, o.Jitter)) {
			o.stamp(time.Now())
			work(ctx)
		}
	}))
	due := o.overdue(time.Now())
	c.Start()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if due {
			o.Log.Info("a run was missed, and is made up for")
			c.Entry(id).WrappedJob.Run() // wrapped: so it counts as running
		}
	}()
	<-ctx.Done()
	<-c.Stop().Done()
	<-done
}

// Delay is a part of most, which depends on seed alone.
func Delay(seed string, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(seed))
	return time.Duration(h.Sum64() % uint64(most))
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}

// overdue tells whether a run was due between the last one and now.
func (o *Options) overdue(now time.Time) bool {
	if o.State == nil {
		return false
	}
	text, err := o.State.Get(o.Entry)
	if err != nil {
		return false // the first run is not late
	}
	last, err := time.Parse(time.RFC3339Nano, string(text))
	return err == nil && last.Before(now) && !o.Schedule.Next(last).After(now)
}

func (o *Options) stamp(now time.Time) {
	if o.State == nil {
		return
	}
	if err := o.State.Put(o.Entry, []byte(now.UTC().Format(time.RFC3339Nano))); err != nil {
		o.Log.Warn("when this run was cannot be kept: after a restart it may be made up for", "error", err)
	}
}

// A logger is what cron tells.
type logger struct{ log *slog.Logger }

// Info implements cron.Logger.
func (l logger) Info(msg string, keys ...any) { l.log.Debug("schedule: "+msg, keys...) }

// Error implements cron.Logger; the panic of a run comes here.
func (l logger) Error(err error, msg string, keys ...any) {
	l.log.Error("schedule: "+msg, append(keys, "error", err)...)
}
