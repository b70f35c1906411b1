package retention

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/internal/bootclock"
	"github.com/memvault/memvault/internal/statedir"
)

func TestDoubtClock(t *testing.T) {
	at := func(wall, up time.Duration, boot string, unsynced bool) bootclock.Moment {
		return bootclock.Moment{Wall: testNow.Add(wall), Up: up, Boot: boot, Unsynced: unsynced}
	}
	last := at(0, 10*time.Hour, "one", false)
	tests := []struct {
		name  string
		stamp *bootclock.Moment
		now   bootclock.Moment
		want  string // part of it; "" is trust
	}{
		{"no stamp", nil, at(0, 0, "one", true), ""},
		{"a week later", &last, at(7*day, 10*time.Hour+7*day, "one", true), ""},
		{"adjusted by an hour", &last, at(5*time.Hour, 14*time.Hour, "one", false), ""},
		{"set forward", &last, at(5*time.Hour+time.Second, 14*time.Hour, "one", false), "set by 1h1s"},
		{"set back", &last, at(time.Hour, 13*time.Hour+time.Second, "one", false), "set by -2h"},
		{"set back a little, before the stamp", &last, at(-time.Second, 10*time.Hour+time.Minute, "one", false), "before the last run"},
		{"another boot", &last, at(6*day, time.Minute, "two", true), ""},
		{"another boot, long off, synced", &last, at(8*day, time.Minute, "two", false), ""},
		{"another boot, long off, unsynced", &last, at(8*day, time.Minute, "two", true), "nothing keeps it right"},
		{"another boot, before the stamp", &last, at(-day, time.Minute, "two", false), "before the last run"},
		{"unknown boots", &bootclock.Moment{Wall: testNow}, bootclock.Moment{Wall: testNow.Add(day)}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := DoubtClock(tt.stamp, tt.now)
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestClockStamp: a doubt lasts until the clock is trusted, and then is gone.
func TestClockStamp(t *testing.T) {
	state, err := statedir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	c := readClock(state, false, log)
	if c.doubt != "" {
		t.Fatalf("the first run doubts: %s", c.doubt)
	}
	c.now.Wall = c.now.Wall.Add(48 * time.Hour) // as if the last run had been with a clock two days ahead
	c.keep()
	for range 2 {
		c = readClock(state, false, log)
		if !strings.Contains(c.doubt, "the clock") {
			t.Fatalf("with a stamp of the future: got doubt %q", c.doubt)
		}
		c.keep()
	}
	c = readClock(state, true, log)
	c.keep()
	if c = readClock(state, false, log); c.doubt != "" {
		t.Errorf("after --trust-clock: got doubt %q", c.doubt)
	}
	if err := state.Put(stampEntry, []byte("{")); err != nil {
		t.Fatal(err)
	}
	if c = readClock(state, false, log); c.doubt != "" {
		t.Errorf("with a damaged stamp: got doubt %q", c.doubt)
	}
}
