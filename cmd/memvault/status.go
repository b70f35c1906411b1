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
		text += ", the last memory record of " + timestamp(s.LastTime)
	}
	return text + "; what came after is missing"
}

// timestamp prints milliseconds since 1970 as RFC 3339, in UTC.
func timestamp(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
