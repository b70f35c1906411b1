package watch

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/memvault/memvault/retention"
)

// daily is due each day at midnight UTC.
type daily struct{}

func (daily) Next(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour) }

// A fake has steps that record when they are called, and what watch told.
type fake struct {
	mu     sync.Mutex
	calls  map[string][]time.Duration // since the start
	start  time.Time
	events []Event
	log    strings.Builder
	// What the steps give; each may be nil.
	rotate, save, clean func(n int) ([]Event, error)
	look                func(n int) ([]Folder, error)
}

// run watches for a time, in a bubble of synctest.
func (f *fake) run(t *testing.T, span, drain time.Duration) error {
	t.Helper()
	f.calls, f.start = map[string][]time.Duration{}, time.Now()
	step := func(name string, do func(int) ([]Event, error)) func(context.Context) ([]Event, error) {
		return func(context.Context) ([]Event, error) {
			n := f.called(name)
			if do == nil {
				return nil, nil
			}
			return do(n)
		}
	}
	w := New(Options{
		Steps: Steps{
			Rotate: step("rotate", f.rotate), Save: step("save", f.save), Clean: step("clean", f.clean),
			Look: func(context.Context) ([]Folder, error) {
				n := f.called("look")
				if f.look == nil {
					return []Folder{{Path: "/a"}}, nil
				}
				return f.look(n)
			},
		},
		Schedule: daily{}, Drain: drain,
		Notify: []func(context.Context, Event) error{func(_ context.Context, e Event) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.events = append(f.events, e)
			return nil
		}},
		Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	})
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	return w.Run(ctx)
}

// called notes a call, and gives how many came before it.
func (f *fake) called(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[name] = append(f.calls[name], time.Since(f.start))
	return len(f.calls[name]) - 1
}

func (f *fake) said(what What) []string {
	var texts []string
	for _, e := range f.events {
		if e.What == what {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fake
		if err := f.run(t, 30*time.Second+time.Millisecond, 0); err != nil {
			t.Fatal(err)
		}
		// One of each is before the rounds begin; rotate, look and save have one more at the end.
		for name, want := range map[string]int{"rotate": 1 + 30 + 1, "look": 1 + 3 + 1, "save": 1 + 1, "clean": 1} {
			if got := len(f.calls[name]); got != want {
				t.Errorf("calls of %s in 30 s: got %d, want %d", name, got, want)
			}
		}
	})
}

func TestScheduleIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins at midnight UTC
		var f fake
		if err := f.run(t, 49*time.Hour, 0); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, 24 * time.Hour, 48 * time.Hour}
		if got := f.calls["clean"]; !slices.Equal(got, want) {
			t.Errorf("cleaned at %v, want %v", got, want)
		}
	})
}

// What was rotated is saved at once, what would have been is told of once.
func TestRotated(t *testing.T) {
	for _, would := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := fake{rotate: func(n int) ([]Event, error) {
				if n < 5 || n > 8 {
					return nil, nil
				}
				return []Event{{What: Rotated, Path: "/a/x", Text: "moved", Would: would}}, nil
			}}
			if err := f.run(t, 20*time.Second, 0); err != nil {
				t.Fatal(err)
			}
			told, cleaned := len(f.said(Rotated)), len(f.calls["clean"])
			if would && (told != 1 || cleaned != 1) {
				t.Errorf("without leave: told %d times and cleaned %d times, want 1 and 1", told, cleaned)
			}
			if !would && (told != 4 || cleaned != 5) {
				t.Errorf("told %d times and cleaned %d times, want 4 and 5", told, cleaned)
			}
		})
	}
}

// A step that panics or fails is told of once, tried again, and does not keep the others.
func TestFailingSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fake{
			rotate: func(int) ([]Event, error) { panic("boom") },
			save:   func(int) ([]Event, error) { return nil, errors.New("no network") },
		}
		if err := f.run(t, time.Hour, 0); err == nil || !strings.Contains(err.Error(), "no network") {
			t.Errorf("Run: got %v, want the error of the last save", err)
		}
		if got := f.said(StepFailed); len(got) < 2 || len(got) > 3 {
			t.Errorf("told of failures: %q, want one of each step", got)
		}
		if got := len(f.calls["rotate"]); got < 3600 {
			t.Errorf("rotate was called %d times in an hour, want each second", got)
		}
		// At 0, then after 0.5, 1, 2, 4, 8, 15, 15 min, and when it drains.
		if got := len(f.calls["save"]); got != 1+7+1 {
			t.Errorf("save was called %d times, at %v, want 9", got, f.calls["save"])
		}
		if got := len(f.calls["clean"]); got != 8 {
			t.Errorf("clean was called %d times, want 8: a failing save does not keep it", got)
		}
	})
}

func TestLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fake{look: func(n int) ([]Folder, error) {
			folder := Folder{Path: "/a", Budget: 1000, Allocated: int64(100 * n), Disk: retention.Disk{Free: 1 << 40}}
			switch {
			case n >= 12:
				folder.Allocated, folder.Level = 0, retention.Fine
			case n >= 8:
				folder.Level, folder.Live = retention.Critical, 700
			case n >= 5:
				folder.Level = retention.High
			}
			return []Folder{folder}, nil
		}}
		if err := f.run(t, 150*time.Second, 0); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"/a: was fine, is high: 1.1 TB free, captures 500 B of a budget of 1.0 kB, full in 50s at the present rate",
			"/a: was high, is critical: 1.1 TB free, captures 800 B of a budget of 1.0 kB, full in 0s at the present rate",
			"/a: was critical, is fine: 1.1 TB free, captures 0 B of a budget of 1.0 kB",
		}
		if got := f.said(LevelChanged); !slices.Equal(got, want) {
			t.Errorf("levels:\ngot  %q\nwant %q", got, want)
		}
		if got := f.said(NoRoom); len(got) != 1 {
			t.Errorf("no room: got %q, want it once", got)
		}
		if got, want := len(f.calls["clean"]), 3; got != want {
			t.Errorf("cleaned %d times, want %d: at the start and at each rise", got, want)
		}
	})
}

func TestBlocking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fake{look: func(n int) ([]Folder, error) {
			folder := Folder{Path: "/a"}
			if n%4 >= 2 {
				folder.Blocking = []string{"scheduler"}
			}
			return []Folder{folder}, nil
		}}
		if err := f.run(t, 79*time.Second, 0); err != nil {
			t.Fatal(err)
		}
		if got := f.said(Blocking); len(got) != 2 {
			t.Errorf("blocking: got %q, want it twice: each time it begins", got)
		}
	})
}

// Draining waits for live captures, but not longer than it may, and saves.
func TestDrain(t *testing.T) {
	live := map[Kind]int{{"scheduler", retention.Live}: 1}
	for _, tt := range []struct {
		name   string
		ends   time.Duration // of the live capture, after the start
		took   time.Duration
		failed bool
	}{
		{"nothing live", 0, time.Minute, false},
		{"it ends", 90 * time.Second, 90 * time.Second, false},
		{"it does not", time.Hour, 3 * time.Minute, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				f := fake{look: func(int) ([]Folder, error) {
					if time.Since(start) < tt.ends {
						return []Folder{{Path: "/a", Captures: live}}, nil
					}
					return []Folder{{Path: "/a"}}, nil
				}}
				err := f.run(t, time.Minute, 2*time.Minute)
				if (err != nil) != tt.failed {
					t.Errorf("Run: got %v, want failed %v", err, tt.failed)
				}
				if got := time.Since(start); got != tt.took {
					t.Errorf("Run took %v, want %v", got, tt.took)
				}
				for i, at := range f.calls["rotate"][1:] {
					if gap := at - f.calls["rotate"][i]; gap > time.Second {
						t.Errorf("nothing was rotated for %v, want it each second, draining or not", gap)
					}
				}
				saves := f.calls["save"]
				if got := saves[len(saves)-1]; got != tt.took {
					t.Errorf("last saved after %v, want %v: when nothing is live", got, tt.took)
				}
			})
		})
	}
}

// A receiver that never answers does not keep watch from ending.
func TestDeadReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, told := time.Now(), 0
		w := New(Options{
			Steps: Steps{
				Rotate: func(context.Context) ([]Event, error) { return []Event{{What: Rotated, Text: "moved"}}, nil },
				Look:   func(context.Context) ([]Folder, error) { return nil, nil },
				Save:   func(context.Context) ([]Event, error) { return nil, nil },
				Clean:  func(context.Context) ([]Event, error) { return nil, nil },
			},
			Schedule: daily{}, Log: slog.New(slog.DiscardHandler),
			Notify: []func(context.Context, Event) error{func(ctx context.Context, _ Event) error {
				told++
				ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
				defer cancel()
				<-ctx.Done()
				return ctx.Err()
			}},
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got > time.Minute+lastWords || told == 0 {
			t.Errorf("Run ended after %v and %d notifications, want at most %v and some", got, told, time.Minute+lastWords)
		}
	})
}

func TestGrowth(t *testing.T) {
	var g growth
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, tt := range []struct {
		after time.Duration
		bytes int64
		want  float64
	}{
		{0, 1000, 0},
		{10 * time.Second, 2000, 100},
		{20 * time.Second, 2000, 50},
		{5*time.Minute + 20*time.Second, 2000, 0}, // the first two are too old
		{time.Second, 9000, 0},                    // the clock was set back
		{11 * time.Second, 8000, -100},
	} {
		if got := g.add(at.Add(tt.after), tt.bytes); got != tt.want {
			t.Errorf("sample %d: got %v bytes a second, want %v", i, got, tt.want)
		}
	}
}
