package watch

import (
	"context"
	"log/slog"
	"time"
)

// What happened.
type What string

// What may happen. The words are those of logs, webhooks and metrics.
const (
	Rotated      What = "rotated"       // a capture was moved off its fixed name
	RotateFailed What = "rotate failed" // it lies in the way, and could not be moved
	Compressed   What = "compressed"
	Uploaded     What = "uploaded" // or found in the archive
	UploadFailed What = "upload failed"
	Deleted      What = "deleted"
	DeleteFailed What = "delete failed"
	LevelChanged What = "level changed"
	Blocking     What = "blocking start" // a component would not start
	NoRoom       What = "no room"        // for Memray's last pass
	StepFailed   What = "step failed"
)

// bad tells the events that are logged as warnings.
var bad = map[What]bool{
	RotateFailed: true, UploadFailed: true, DeleteFailed: true, Blocking: true, NoRoom: true, StepFailed: true,
}

// An Event is something that happened. It is the JSON that a webhook gets.
type Event struct {
	Time time.Time `json:"time"`
	What What      `json:"event"`
	// Path is the capture or the folder it happened to.
	Path      string `json:"path,omitempty"`
	Component string `json:"component,omitempty"`
	// Level is that of the folder, where that is what changed.
	Level string `json:"level,omitempty"`
	// Bytes are those that were uploaded or freed.
	Bytes int64 `json:"bytes,omitempty"`
	// Text says it in a sentence.
	Text string `json:"text"`
	// Would tells that nothing was done, as nothing may be changed.
	Would bool `json:"would,omitempty"`
	// Once tells that each round may find it again; like what would be done, it is told when it is new.
	Once bool `json:"-"`
}

// emit logs, counts and passes on what is new, and reports whether anything was done.
func (w *Watch) emit(events []Event) bool {
	done := false
	for _, e := range events {
		if (e.Would || e.Once) && !w.isNew(e) {
			continue
		}
		done = done || !e.Would && !bad[e.What]
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
		w.log(e)
		w.o.Metrics.count(e)
		select {
		case w.events <- e:
		default:
			w.o.Log.Warn("too many events wait to be notified of, one is left out", "event", e.What)
		}
	}
	return done
}

// isNew reports whether something else, or nothing, was last said of the file.
func (w *Watch) isNew(e Event) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	key, text := string(e.What)+"\x00"+e.Path, e.Text
	if w.would[key] == text {
		return false
	}
	const most = 10_000 // files come and go
	if len(w.would) >= most {
		clear(w.would)
	}
	w.would[key] = text
	return true
}

func (w *Watch) log(e Event) {
	level := slog.LevelInfo
	if bad[e.What] || e.Level == "high" || e.Level == "critical" {
		level = slog.LevelWarn
	}
	what := string(e.What)
	if e.Would {
		what = "not " + what + ", without --yes"
	}
	w.o.Log.LogAttrs(context.Background(), level, e.Text, slog.String("event", what))
}

// tellAll passes events on until there are no more, or ctx ends.
func (w *Watch) tellAll(ctx context.Context) {
	for e := range w.events {
		if ctx.Err() != nil {
			w.o.Log.Warn("not notified: it takes too long", "event", e.What, "moreEvents", len(w.events))
			return
		}
		for _, notify := range w.o.Notify {
			if err := notify(ctx, e); err != nil {
				w.o.Log.Warn("not notified", "event", e.What, "error", err)
			}
		}
	}
}
