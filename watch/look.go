package watch

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/memvault/memvault/retention"
)

// compressedShare is the part of a capture's size that Memray's last pass needs beside it:
// LZ4 makes captures a third to a quarter of their size.
const compressedShare = 0.35

// look finds out how the folders stand, and tells what has changed.
func (w *Watch) look(ctx context.Context) {
	var folders []Folder
	err := w.step(ctx, "look", func(ctx context.Context) (err error) {
		folders, err = w.o.Steps.Look(ctx)
		return err
	})
	if err != nil && folders == nil {
		return // nothing is known, so nothing is said to have changed
	}
	live, now, urgent := 0, time.Now(), false
	for _, f := range folders {
		if f.Err != nil {
			w.step(ctx, "look at "+f.Path, func(context.Context) error { return f.Err })
			continue
		}
		live += f.live()
		rate := w.growthOf(f.Path).add(now, f.Allocated)
		w.o.Metrics.see(f, rate)
		urgent = w.levelOf(f, rate) || urgent
		w.blockedIn(f)
	}
	w.live.Store(int64(live))
	if urgent {
		w.soon()
	}
}

func (f *Folder) live() int {
	n := 0
	for kind, count := range f.Captures {
		if kind.State == retention.Live {
			n += count
		}
	}
	return n
}

// room is how many bytes captures may still grow by, less what Memray's last pass over
// the live ones will need.
func (f *Folder) room() int64 {
	room := f.Disk.Free
	if f.Budget > 0 {
		room = min(room, f.Budget-f.Allocated-f.Trash)
	}
	return room - int64(compressedShare*float64(f.Live))
}

func (w *Watch) growthOf(path string) *growth {
	if w.growth[path] == nil {
		w.growth[path] = &growth{}
	}
	return w.growth[path]
}

// levelOf tells when the level of a folder has changed, and reports whether there is
// something to be done about it at once.
func (w *Watch) levelOf(f Folder, rate float64) bool {
	was, known := w.level[f.Path]
	w.level[f.Path] = f.Level
	if f.Level == was && (known || f.Level == retention.Fine) {
		return false
	}
	text := fmt.Sprintf("%s: was %s, is %s: %s free, captures %s", f.Path, was, f.Level, size(f.Disk.Free), size(f.Allocated))
	if f.Budget > 0 {
		text += fmt.Sprintf(" of a budget of %s", size(f.Budget))
	}
	if left := timeToFull(f.room(), rate); !math.IsInf(left, 1) {
		text += fmt.Sprintf(", full in %s at the present rate", time.Duration(left*float64(time.Second)).Round(time.Second))
	}
	events := []Event{{What: LevelChanged, Path: f.Path, Level: f.Level.String(), Text: text}}
	if f.Live > 0 && f.room() <= 0 {
		events = append(events, Event{What: NoRoom, Path: f.Path, Text: fmt.Sprintf(
			"%s: captures of %s are being written; there may be no room for Memray to compress them at their end", f.Path, size(f.Live))})
	}
	w.emit(events)
	return f.Level > was
}

// blockedIn tells which components a capture has begun to keep from starting.
func (w *Watch) blockedIn(f Folder) {
	now := map[string]bool{}
	for _, component := range f.Blocking {
		key := f.Path + "\x00" + component
		now[key] = true
		if !w.blocked[key] {
			w.emit([]Event{{What: Blocking, Path: f.Path, Component: component, Text: fmt.Sprintf(
				"%s: Airflow 3.2 to 3.3.2 would not start the %s: the last run's capture is in the way", f.Path, component)}})
		}
	}
	for key := range w.blocked {
		if strings.HasPrefix(key, f.Path+"\x00") && !now[key] {
			delete(w.blocked, key)
		}
	}
	for key := range now {
		w.blocked[key] = true
	}
}

// size gives a size for people.
func size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }
