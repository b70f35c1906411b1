// Package watch is the one process to put beside Airflow: it moves the captures of dead
// writers out of the way within a second, saves and cleans on a schedule and when space runs
// short, and says over HTTP, in its log and to whoever wants to be notified how it stands.
//
// What is done is given by the caller as Steps; each of them is also a command of its own.
// Watch only decides when. A step that fails or panics is told of and tried again, and never
// ends the watch: it must not be the reason that a component does not run.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/memvault/memvault/retention"
)

// Steps are what watch does. Without leave to change anything they are to say what they would do.
// They are never called two at a time, but for Rotate and Look.
type Steps struct {
	// Rotate moves captures off the names that their components need. It is called every
	// Options.Poll, so it has to be quick.
	Rotate func(context.Context) ([]Event, error)
	// Look finds out how the folders stand.
	Look func(context.Context) ([]Folder, error)
	// Save compresses and uploads what is not being written.
	Save func(context.Context) ([]Event, error)
	// Clean deletes what the policy lets go.
	Clean func(context.Context) ([]Event, error)
}

// A Folder is how one folder stood when Look looked. Sizes are in bytes.
type Folder struct {
	Path string
	// Captures counts them by component and state, and is nil where the folder could not be read.
	Captures map[Kind]int
	// Allocated is what all captures occupy, Trash what our trash does, and Live what those
	// do that are being written.
	Allocated, Trash, Live int64
	// Blocking names the components that would not start, as a capture lies in their way.
	Blocking []string
	Disk     retention.Disk
	// Budget is the ceiling of the folder, or 0.
	Budget int64
	// Level is what the policy says to that.
	Level retention.Level
	// Err says why the folder could not be looked at.
	Err error
}

// Kind is what captures are counted by.
type Kind struct {
	Component string
	State     retention.State
}

// Schedule says when Save and Clean are due next, as the schedules of robfig/cron do.
type Schedule interface {
	Next(time.Time) time.Time
}

// Options say how to watch. Steps and Schedule must be set.
type Options struct {
	Steps    Steps
	Schedule Schedule
	// Poll is how often Rotate runs, by default each second; Every is how often Look does,
	// by default each 10 s.
	Poll, Every time.Duration
	// Hint, which may be nil, tells that something has changed, so that Rotate need not wait for Poll.
	Hint <-chan struct{}
	// Drain is how long to wait, once the context has ended, until no capture is live.
	Drain time.Duration
	// Notify is called with each Event, one after the other.
	Notify []func(context.Context, Event) error
	// Metrics may be nil.
	Metrics *Metrics
	// Ready is called once, after the first Rotate and Look, whatever they found.
	Ready func()
	// Log must be set.
	Log *slog.Logger
}

// Retry says how long Save and Clean wait after a failure before they are tried out of turn:
// at first, doubled each time, and at most.
const (
	retryFirst = 30 * time.Second
	retryMost  = 15 * time.Minute
)

// lastWords is how long, at the end, whoever is to be notified may take for all that is left: a dead
// receiver must not keep watch from ending.
const lastWords = 10 * time.Second

// ErrLive is wrapped by the error of Run when captures were still live after Options.Drain.
var ErrLive = errors.New("captures are still being written")

// A Watch is a running watch. Its methods may be called at any time.
type Watch struct {
	o      Options
	work   chan struct{} // holds one wish to Save and Clean out of turn
	events chan Event

	live   atomic.Int64 // captures that are being written, at the last look
	ready  atomic.Bool
	ticked atomic.Int64 // Unix time in ns at which Rotate last returned

	mu     sync.Mutex
	failed map[string]string // what a step said when it failed the last time
	would  map[string]string // what was said of a file, where nothing may be changed

	// Only look uses these.
	growth  map[string]*growth
	level   map[string]retention.Level
	blocked map[string]bool // folder, zero byte, component
}

// New makes a Watch.
func New(o Options) *Watch {
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Every == 0 {
		o.Every = 10 * time.Second
	}
	return &Watch{
		o: o, work: make(chan struct{}, 1), events: make(chan Event, 1000),
		failed: map[string]string{}, would: map[string]string{},
		growth: map[string]*growth{}, level: map[string]retention.Level{}, blocked: map[string]bool{},
	}
}

// Run watches until ctx ends; then it drains: it waits for live captures, for at most
// Options.Drain, saves them, and returns. The error says what could not be saved.
func (w *Watch) Run(ctx context.Context) error {
	w.rotate(ctx)
	w.look(ctx)
	w.ready.Store(true)
	if w.o.Ready != nil {
		w.o.Ready()
	}
	// What draining has to tell comes after the end of ctx.
	lasting := context.WithoutCancel(ctx)
	var telling, loops sync.WaitGroup
	patience, hangUp := context.WithCancel(lasting)
	defer hangUp()
	telling.Go(func() { w.tellAll(patience) })
	loops.Go(func() { w.every(ctx, w.o.Poll, w.o.Hint, w.rotate) })
	loops.Go(func() { w.every(ctx, w.o.Every, nil, w.look) })
	loops.Go(func() { w.keepWorking(ctx) })
	loops.Wait()
	err := w.drain(lasting)
	close(w.events)
	defer time.AfterFunc(lastWords, hangUp).Stop()
	telling.Wait()
	return err
}

// every runs do each period, and when there is a hint, until ctx ends.
func (w *Watch) every(ctx context.Context, period time.Duration, hint <-chan struct{}, do func(context.Context)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-hint:
		}
		do(ctx)
	}
}

// rotate runs Rotate, and wishes for what it moved to be saved.
func (w *Watch) rotate(ctx context.Context) {
	var events []Event
	w.step(ctx, "rotate", func(ctx context.Context) (err error) {
		events, err = w.o.Steps.Rotate(ctx)
		return err
	})
	w.ticked.Store(time.Now().UnixNano())
	if w.emit(events) {
		w.soon()
	}
}

// soon wishes for Save and Clean before their schedule.
func (w *Watch) soon() {
	select {
	case w.work <- struct{}{}:
	default: // somebody has wished for it already
	}
}

// keepWorking saves and cleans on the schedule, when it is wished for, and after a failure.
// An overdue run is the caller's to wish for: the first run is at once.
func (w *Watch) keepWorking(ctx context.Context) {
	pause := time.Duration(0)
	for {
		next := w.o.Schedule.Next(time.Now())
		wait := time.Until(next)
		if ok := w.saveAndClean(ctx); ok {
			pause = 0
		} else {
			pause = min(max(2*pause, retryFirst), retryMost)
			wait = min(wait, pause)
		}
		timer := time.NewTimer(max(wait, 0))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-w.work:
			timer.Stop()
		}
	}
}

// saveAndClean runs both steps, and reports whether both succeeded. What is not saved is
// not cleaned, by the policy: a failing Save does not keep Clean from running.
func (w *Watch) saveAndClean(ctx context.Context) bool {
	ok := true
	for _, s := range []struct {
		name string
		do   func(context.Context) ([]Event, error)
	}{{"save", w.o.Steps.Save}, {"clean", w.o.Steps.Clean}} {
		if ctx.Err() != nil {
			return false
		}
		ok = w.step(ctx, s.name, func(ctx context.Context) error {
			events, err := s.do(ctx)
			w.emit(events)
			return err
		}) == nil && ok
	}
	w.o.Metrics.ran()
	return ok
}

// drain waits until nothing is live, moves it off its names and saves it.
func (w *Watch) drain(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, w.o.Drain)
	defer cancel()
	w.look(ctx)
	if n := w.live.Load(); n > 0 {
		w.o.Log.Info("waiting for live captures", "captures", n, "atMost", w.o.Drain)
	}
	for w.live.Load() > 0 && waiting.Err() == nil {
		select {
		case <-waiting.Done():
		case <-time.After(min(w.o.Poll, time.Second)):
			w.rotate(ctx) // what has ended makes way, also for those who restart while others are waited for
			w.look(ctx)
		}
	}
	w.rotate(ctx)
	var events []Event
	err := w.step(ctx, "save", func(ctx context.Context) (err error) {
		events, err = w.o.Steps.Save(ctx)
		return err
	})
	w.emit(events)
	if n := w.live.Load(); n > 0 && err == nil {
		err = fmt.Errorf("%w: %d of them stay where they are", ErrLive, n)
	}
	return err
}

// step runs do, which may fail or panic, and tells of an error when it is new.
func (w *Watch) step(ctx context.Context, name string, do func(context.Context) error) error {
	err := protect(ctx, do)
	if err != nil && ctx.Err() != nil {
		return err // it was told to stop
	}
	text := ""
	if err != nil {
		text = err.Error()
		w.o.Metrics.failed(name)
	}
	w.mu.Lock()
	news := w.failed[name] != text
	w.failed[name] = text
	w.mu.Unlock()
	switch {
	case news && err != nil:
		if p := (*panicError)(nil); errors.As(err, &p) {
			w.o.Log.Error("panic", "step", name, "stack", string(p.stack))
		}
		w.emit([]Event{{What: StepFailed, Text: name + ": " + text}})
	case news:
		w.o.Log.Info("works again", "step", name)
	}
	return err
}

// A panicError is a panic in a step. Its text says nothing of the stack, which differs each time.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// protect turns a panic into an error.
func protect(ctx context.Context, do func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		}
	}()
	return do(ctx)
}
