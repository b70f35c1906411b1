package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/memvault/memvault/codec"
)

// errDamaged ends the reading of a capture whose beginning was kept.
var errDamaged = errors.New("damaged")

// judge says on standard error what a capture that was read to its end lacks. The error
// is errDamaged when bytes are missing or wrong that Memray had written, or, if strict,
// when it is not complete for another reason.
func (a *app) judge(file string, s codec.Status, strict bool) error {
	if s.State.Finished() {
		return nil
	}
	a.warn(file, "%s", shortfall(s))
	if s.State.Damage() || strict {
		return errDamaged
	}
	return nil
}

// shortfall says in a line what is missing of a capture.
func shortfall(s codec.Status) string {
	text := s.State.String()
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	if s.Err != nil {
		text = s.Err.Error() // it begins with the offset
	}
	text += fmt.Sprintf("; read %d records up to offset %#x", s.Records, s.Bytes)
	if s.LastTime != 0 {
		text += ", the last memory record of " + timeText(time.UnixMilli(s.LastTime))
	}
	return text + "; what came after is missing"
}

// timeText prints a time to the millisecond, as captures have it.
func timeText(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
