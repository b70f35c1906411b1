package retention

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/memvault/memvault/internal/bootclock"
	"github.com/memvault/memvault/internal/statedir"
)

const (
	// maxJump is how far the wall clock may move against that of the boot.
	maxJump = time.Hour
	// maxOff is how long a machine may have been off, when nothing keeps its clock right.
	maxOff = 7 * 24 * time.Hour
	// stampEntry is the entry of the state folder that holds the moment of the last run.
	stampEntry = "clock"
)

// DoubtClock says why ages cannot be trusted at now, when the last run was at stamp; empty when
// they can. Without a stamp nothing is known, and ages are trusted.
func DoubtClock(stamp *bootclock.Moment, now bootclock.Moment) string {
	if stamp == nil {
		return ""
	}
	passed := now.Wall.Sub(stamp.Wall)
	sameBoot := stamp.Boot != "" && stamp.Boot == now.Boot
	jump := passed - (now.Up - stamp.Up)
	switch {
	case sameBoot && (jump > maxJump || jump < -maxJump):
		return fmt.Sprintf("the clock was set by %s since the last run", FormatDuration(jump.Round(time.Second)))
	case passed < 0:
		return fmt.Sprintf("the clock stands before the last run, which was at %s", stamp.Wall.UTC().Format(time.RFC3339))
	case !sameBoot && passed > maxOff && now.Unsynced:
		return fmt.Sprintf("after a start of the machine the clock is %s past the last run, and nothing keeps it right (adjtimex)",
			FormatDuration(passed.Round(time.Second)))
	}
	return ""
}

// A clockwork is the stamp of the last run, and what it says.
type clockwork struct {
	state *statedir.Dir // nil where no state can be kept
	now   bootclock.Moment
	doubt string
	log   *slog.Logger
}

// readClock compares the clock with the stamp of the last run.
func readClock(state *statedir.Dir, trust bool, log *slog.Logger) *clockwork {
	c := &clockwork{state: state, now: bootclock.Read(), log: log}
	if state == nil || trust {
		return c
	}
	text, err := state.Get(stampEntry)
	if err != nil {
		return c // there is none, which the first run is not to blame for
	}
	var stamp bootclock.Moment
	if err := json.Unmarshal(text, &stamp); err != nil || stamp.Wall.IsZero() {
		log.Warn("the stamp of the last run cannot be read, and is replaced", "error", err)
		return c
	}
	c.doubt = DoubtClock(&stamp, c.now)
	return c
}

// keep writes the stamp, unless the clock is in doubt: the doubt would be gone at the next run.
func (c *clockwork) keep() {
	if c.state == nil || c.doubt != "" {
		return
	}
	text, err := json.Marshal(c.now)
	if err == nil {
		err = c.state.Put(stampEntry, text)
	}
	if err != nil {
		c.log.Warn("the stamp of this run cannot be kept: the next one cannot tell whether the clock was set", "error", err)
	}
}
