package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/memvault/memvault/airflow"
	"github.com/memvault/memvault/internal/schedule"
	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/watch"
)

const watchLong = `watch is the one process to put beside Airflow. Until it is ended it

  - rotates: twice a second it looks whether a capture lies in the way of a component
    whose writer is dead, and moves it off its name, as memvault rotate does;
  - saves: with --archive it uploads what is not being written, as memvault upload s3
    does; without, it compresses captures in place once the disk is at the level "warn";
  - cleans: by the policy of memvault gc, on its schedule, and at once when space runs
    short;
  - watches the disk: free bytes and inodes, growth, time until it is full, and the room
    that Memray will need to compress captures at their end;
  - says so: in its log, as metrics for Prometheus (/metrics) and health (/livez,
    /readyz, /healthz) on --listen, to --notify URL and to the command of --on-pressure.

Without --yes nothing is changed: the same decisions are logged. Without arguments it
watches $AIRFLOW_HOME, else ~/airflow. "Full" is what is reached first: --budget, or all
but --min-free of the file system (10% unless given). In a pod, set --budget well below
the limit of the volume: who breaks that limit loses the volume within a second.

A step that fails is told of and tried again; it never ends watch. On SIGTERM or SIGINT
watch waits for --drain until no capture is live, saves them, and ends; a second signal
ends it at once. The limits of free space need a --keep or --max rule beside them to
drop more.

Exit codes: 0 ended after saving everything, 1 something could not be saved, 2 wrong
command line, 3 captures were still live.`

const watchExample = `  memvault watch --yes /opt/airflow
  memvault watch --yes --archive s3://captures/prod --max-age 0s /captures
  memvault watch --yes --budget 16GiB --listen :9560 --in-use lease /captures
  memvault watch --min-free 20GiB --notify https://hooks.example/memvault /opt/airflow`

// defaultListen is where watch serves, and health asks.
const defaultListen = "127.0.0.1:9560"

// watchOptions are the flags of watch.
type watchOptions struct {
	clean      cleanFlags
	store      archiveFlags
	schedule   string
	drain      time.Duration
	listen     string
	notify     []string
	onPressure string
	bandwidth  int64
}

func newWatch(a *app) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:     "watch [DIR...]",
		Short:   "Rotate, save and clean beside Airflow, and watch the disk",
		Long:    watchLong,
		Example: watchExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.resolve(cmd); err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{airflow.Home()}
			}
			return a.watch(cmd.Context(), &o, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.schedule, "schedule", "*/10 * * * *", "when to save and clean besides, in five fields of cron")
	f.DurationVar(&o.drain, "drain", 5*time.Minute, "at the end, how long to wait for live captures")
	f.StringVar(&o.listen, "listen", defaultListen, "address for metrics and health, as :9560; off for none")
	f.StringArrayVar(&o.notify, "notify", nil, "POST each event to this `URL` as JSON; may be given several times")
	f.StringVar(&o.onPressure, "on-pressure", "", "run this command when the level of a disk changes; split at blanks, no shell")
	parsedVar(f, &o.bandwidth, "bwlimit", "", "size", retention.ParseSize, "send at most so much a second, as 20MiB")
	o.store.addTo(cmd)
	o.clean.addTo(cmd)
	a.addJSON(cmd)
	return cmd
}

// resolve checks the flags, and sets what depends on others: an empty policy is one that
// keeps a tenth of the disk free.
func (o *watchOptions) resolve(cmd *cobra.Command) error {
	if o.drain < 0 {
		return usagef("--drain %v: want 0 or more", o.drain)
	}
	if o.clean.policy.p.MinFree.IsZero() {
		o.clean.policy.p.MinFree = retention.Amount{Percent: 10}
	}
	if o.listen != "off" {
		if _, _, err := net.SplitHostPort(o.listen); err != nil {
			return hintf(usagef("--listen: %w", err), "an address is HOST:PORT or :PORT, or off")
		}
	}
	return o.clean.resolve(cmd)
}

// A watcher is one run of watch: the steps, and what they share.
type watcher struct {
	*app
	o     *watchOptions
	dirs  []string
	log   *slog.Logger
	clean retention.CleanOptions
	gate  rotateGate
	up    *uploads     // nil without an archive
	press *compression // nil with one
	// saved are the files that are saved as they are now, and warned what was said of a folder.
	saved  map[string]bool
	warned map[string]map[string]bool
	seen   levels
}

func (a *app) watch(ctx context.Context, o *watchOptions, dirs []string) error {
	times, err := schedule.Parse(o.schedule, time.Now())
	if err != nil {
		return &usageError{err}
	}
	w := &watcher{app: a, o: o, dirs: dirs, log: a.watchLogger(slog.LevelInfo), saved: map[string]bool{}, warned: map[string]map[string]bool{}}
	var keep func()
	if w.clean, keep, err = o.clean.options(ctx, a, a.watchLogger(slog.LevelWarn)); err != nil {
		return err
	}
	defer keep()
	if err := w.prepareSaving(ctx); err != nil {
		return err
	}
	notify, err := o.notifiers()
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	running := watch.New(watch.Options{
		Steps:    watch.Steps{Rotate: w.rotate, Look: w.look, Save: w.save, Clean: w.cleanAll},
		Schedule: times, Poll: 500 * time.Millisecond, Drain: o.drain, Notify: notify, Log: w.log,
		Metrics: watch.NewMetrics(registry, moduleVersion(), runtime.Version()),
		Ready:   func() { w.notifySystemd(daemon.SdNotifyReady) },
	})
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	w.serve(serving, running.Handler(registry))
	go w.feedWatchdog(serving, running)
	context.AfterFunc(ctx, func() { w.notifySystemd(daemon.SdNotifyStopping) })
	a.draining.Store(true)
	w.log.Info("watching", "folders", strings.Join(dirs, ", "), "yes", w.clean.Yes, "schedule", o.schedule)
	err = running.Run(ctx)
	if errors.Is(err, watch.ErrLive) {
		return &codedError{err, exitPartly}
	}
	return err
}

func (o *watchOptions) notifiers() ([]func(context.Context, watch.Event) error, error) {
	var all []func(context.Context, watch.Event) error
	for _, address := range o.notify {
		send, err := watch.Webhook(address)
		if err != nil {
			return nil, usagef("--notify: %w", err)
		}
		all = append(all, send)
	}
	if command := strings.Fields(o.onPressure); len(command) > 0 {
		all = append(all, watch.OnPressure(command))
	}
	return all, nil
}

// serve answers on --listen until ctx ends. An address that cannot be had is told of, but is no reason to
// end: what watch does for Airflow matters more.
func (w *watcher) serve(ctx context.Context, h http.Handler) {
	if w.o.listen == "off" {
		return
	}
	l, err := net.Listen("tcp", w.o.listen)
	if err != nil {
		w.log.Warn("no metrics and no health are served", "error", err)
		return
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			w.log.Warn("metrics and health are not served any more", "error", err)
		}
	}()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	w.log.Info("serving metrics and health", "address", l.Addr().String())
}

// notifySystemd tells the service manager, if there is one, how it stands.
func (w *watcher) notifySystemd(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		w.log.Warn("the service manager could not be told", "state", state, "error", err)
	}
}

// feedWatchdog tells systemd that the watch is alive, as often as it wants to know.
func (w *watcher) feedWatchdog(ctx context.Context, running *watch.Watch) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every <= 0 {
		return
	}
	tick := time.NewTicker(every / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if running.Alive() == nil {
				w.notifySystemd(daemon.SdNotifyWatchdog)
			}
		}
	}
}

// watchLogger logs what goes on: with --json as JSON on standard output, else as messages.
func (a *app) watchLogger(least slog.Level) *slog.Logger {
	if a.json {
		return slog.New(slog.NewJSONHandler(a.out, &slog.HandlerOptions{Level: least}))
	}
	return slog.New(&messageHandler{app: a, least: least})
}

// absolute gives the path of a folder that does not depend on where memvault was started.
func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// exists reports whether there is such a folder: Airflow's own may be still to come.
func exists(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}
