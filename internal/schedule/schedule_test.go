package schedule

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/memvault/memvault/internal/statedir"
)

func TestParse(t *testing.T) {
	now := time.Date(2026, 1, 31, 23, 55, 0, 0, time.FixedZone("west", -8*3600)) // Feb 1, 07:55 UTC
	tests := []struct{ spec, next, err string }{
		{"*/10 * * * *", "2026-02-01T08:00:00Z", ""},
		{" 0 3 * * * ", "2026-02-02T03:00:00Z", ""},
		{"CRON_TZ=Asia/Tokyo 0 3 * * *", "2026-02-01T18:00:00Z", ""},
		{"TZ=Asia/Tokyo 0 3 * * *", "2026-02-01T18:00:00Z", ""},
		{"0 0 * * SUN", "2026-02-08T00:00:00Z", ""},
		{"@hourly", "2026-02-01T08:00:00Z", ""},
		{"@every 10m", "2026-02-01T08:05:00Z", ""},
		{"@every 0s", "", "want 1s or more"},
		{"@every -5s", "", "want 1s or more"},
		{"CRON_TZ=UTC @every 5ms", "", "want 1s or more"},
		{"TZ=UTC", "", "a time zone stands alone"},
		{"CRON_TZ=UTC", "", "a time zone stands alone"},
		{"TZ=Nowhere/Land 0 3 * * *", "", "Nowhere/Land"},
		{"0 0 30 2 *", "", "such a time never comes"},
		{"0 0 * * 7", "", "Sunday is 0"},
		{"0 0 * *", "", "want five fields"},
		{"0 0 0 * * *", "", "want five fields"},
		{"60 * * * *", "", "above maximum"},
		{"", "", "want five fields"},
		{"@reboot", "", "want five fields"},
	}
	for _, tt := range tests {
		t.Run(tt.spec, func(t *testing.T) {
			s, err := Parse(tt.spec, now)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, %v, want an error with %q", s, err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Next(now).UTC().Format(time.RFC3339); got != tt.next {
				t.Errorf("next: got %s, want %s", got, tt.next)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("TZ=UTC")
	f.Add("*/10 * * * *")
	f.Add("@every 1h")
	f.Fuzz(func(_ *testing.T, spec string) {
		_, _ = Parse(spec, time.Unix(1_700_000_000, 0)) // must not panic
	})
}

func mustParse(t *testing.T, spec string) *Schedule {
	t.Helper()
	s, err := Parse(spec, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRun makes runs that take too long, and one that panics: no two overlap, and the
// panic does not stop those after it.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+time.Second)
		defer cancel()
		var running, runs atomic.Int32
		Run(ctx, Options{Schedule: mustParse(t, "* * * * *"), Log: slog.New(slog.DiscardHandler)}, func(context.Context) {
			if running.Add(1) != 1 {
				t.Error("two runs at once")
			}
			defer running.Add(-1)
			switch runs.Add(1) {
			case 2:
				panic("the second run")
			case 4:
				time.Sleep(150 * time.Second) // so two are left out
			}
		})
		if got := runs.Load(); got != 8 {
			t.Errorf("got %d runs in ten minutes, want 8", got)
		}
	})
}

// TestRunFinishes ends the context in the middle of a run.
func TestRunFinishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		finished := false
		Run(ctx, Options{Schedule: mustParse(t, "* * * * *"), Log: slog.New(slog.DiscardHandler)}, func(context.Context) {
			cancel()
			time.Sleep(time.Hour)
			finished = true
		})
		if !finished {
			t.Error("Run returned before the run in hand had ended")
		}
	})
}

func TestOverdue(t *testing.T) {
	state, err := statedir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	count := func(t *testing.T, last time.Duration) int {
		o := Options{Schedule: mustParse(t, "0 * * * *"), State: state, Entry: "s", Log: slog.New(slog.DiscardHandler)}
		if last != 0 {
			o.stamp(time.Now().Add(-last))
		} else if err := state.Remove("s"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		var mu sync.Mutex
		runs := 0
		Run(ctx, o, func(context.Context) {
			mu.Lock()
			defer mu.Unlock()
			runs++
		})
		return runs
	}
	if time.Now().Minute() == 59 && time.Now().Second() > 55 {
		time.Sleep(6 * time.Second) // a run that is due in between would count
	}
	if got := count(t, 0); got != 0 {
		t.Errorf("without a stamp: got %d runs, want none", got)
	}
	if got := count(t, 61*time.Minute); got != 1 {
		t.Errorf("an hour late: got %d runs, want 1", got)
	}
	if got := count(t, -2*time.Hour); got != 0 {
		t.Errorf("with a stamp of the future: got %d runs, want none", got)
	}
	o := Options{State: state, Entry: "s", Schedule: mustParse(t, "0 * * * *"), Log: slog.New(slog.DiscardHandler)}
	at := time.Date(2026, 1, 1, 12, 30, 0, 0, time.UTC)
	o.stamp(at)
	for after, want := range map[time.Duration]bool{time.Minute: false, 29 * time.Minute: false, 30 * time.Minute: true, 24 * time.Hour: true} {
		if got := o.overdue(at.Add(after)); got != want {
			t.Errorf("overdue %v after the last run: got %v, want %v", after, got, want)
		}
	}
}

func TestDelay(t *testing.T) {
	seen := map[time.Duration]bool{}
	for _, seed := range []string{"a", "b", "c", "d"} {
		d := Delay(seed, time.Hour)
		if d < 0 || d >= time.Hour || d != Delay(seed, time.Hour) {
			t.Errorf("Delay(%s, 1h): got %v, then %v", seed, d, Delay(seed, time.Hour))
		}
		seen[d] = true
	}
	if len(seen) < 2 || Delay("a", 0) != 0 {
		t.Errorf("delays %v and %v, want different ones, and 0 without jitter", seen, Delay("a", 0))
	}
}
