package heap

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/memvault/memvault/codec"
)

// DefaultThreshold is how many other allocations of its thread may lie between a
// temporary allocation and its free, unless told otherwise.
const DefaultThreshold = 1

// MaxSeries is how many points the memory series has at most, unless Options.Points asks for more.
const MaxSeries = 20_000

// Options select what is read out of a capture. The zero value reads all of it.
type Options struct {
	// Threshold is the N of "temporary: freed with at most N other allocations of its
	// thread between". 0 means DefaultThreshold, and a negative number means none between.
	Threshold int
	// LikeMemray gives Memray's figures also where Memray is wrong or arbitrary (facts: section 14).
	LikeMemray bool
	// Native keeps the native stacks of allocations apart. Without it they are left out:
	// there may be many times as many samples with them.
	Native bool
	// From and Until bound the window that is read; their zero values are the ends of the capture.
	From, Until Bound
	// End is the time of the end of the capture in milliseconds since 1970 UTC, if it is
	// known better than the header knows it; see EndTime.
	End int64
	// Sizes asks for Profile.Sizes.
	Sizes bool
	// Slices asks for Profile.History of at most so many slices, at most MaxSlices. It costs up to
	// 48 bytes a slice and sample, less where a sample does not change in a slice.
	Slices int
	// Maxima asks for Profile.Maxima.
	Maxima bool
	// Points is how many points Profile.Series has at most, up to 4 million; 0 means MaxSeries.
	Points int
	// Oldest asks for Profile.Oldest, by which Rows are then in Memray's order. It costs
	// about as much again as all else.
	Oldest bool

	some quirk // for tests: these in place of all
}

func (o *Options) quirks() quirk {
	if o.LikeMemray {
		return allQuirks
	}
	return o.some
}

func (o *Options) threshold() int {
	switch {
	case o.Threshold == 0:
		return DefaultThreshold
	case o.Threshold < 0:
		return 0
	}
	return min(o.Threshold, 1<<30)
}

// Bound is one end of a window. The zero Bound is that end of the capture.
type Bound struct {
	set    bool
	at     time.Time     // absolute, if not zero
	offset time.Duration // from the start, or from the end if negative
}

// ParseBound reads an offset from the start such as "90s", from the end such as "-5min"
// or "-300s", or a time in RFC 3339.
func ParseBound(s string) (Bound, error) {
	if s == "" {
		return Bound{}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return Bound{set: true, at: t}, nil
	}
	d, err := time.ParseDuration(strings.Replace(s, "min", "m", 1))
	if err != nil {
		return Bound{}, fmt.Errorf("bound %q: want an offset such as 90s or -5m, or a time such as 2026-01-02T15:04:05Z", s)
	}
	if d == 0 && strings.HasPrefix(s, "-") {
		return Bound{}, nil
	}
	return Bound{set: true, offset: d}, nil
}

// IsZero reports whether b is an end of the capture.
func (b Bound) IsZero() bool { return !b.set }

// FromEnd reports whether b counts from the end of the capture.
func (b Bound) FromEnd() bool { return b.set && b.at.IsZero() && b.offset < 0 }

// millis gives b in milliseconds since 1970 UTC.
func (b Bound) millis(start, end int64) int64 {
	switch {
	case !b.at.IsZero():
		return b.at.UnixMilli()
	case b.offset < 0:
		return end + b.offset.Milliseconds()
	}
	return start + b.offset.Milliseconds()
}

// Refusals of a window.
var (
	// ErrNeedsEnd: a bound counts from the end, and the header does not know when that is.
	// EndTime finds out, by reading the capture once more.
	ErrNeedsEnd = errors.New("the header of an unfinished capture does not tell when it ends")
	// ErrNoWindow wraps the reasons for which a capture has no such window.
	ErrNoWindow = errors.New("no such window")
)

// NeedsEnd reports whether o cannot be resolved for a capture with header h before its
// end is known.
func (o *Options) NeedsEnd(h *codec.Header) bool {
	return o.End == 0 && (o.From.FromEnd() || o.Until.FromEnd()) && h.Allocations == 0
}

// window is Options.From and Until in milliseconds since 1970 UTC, as asked for.
type window struct {
	from, until       int64
	hasFrom, hasUntil bool
}

func (o *Options) window(h *codec.Header) (window, error) {
	w := window{hasFrom: o.From.set, hasUntil: o.Until.set}
	if !w.hasFrom && !w.hasUntil {
		return w, nil
	}
	if h.Format == codec.AggregatedAllocations {
		return w, fmt.Errorf("%w: an aggregated capture holds no events, only their sums", ErrNoWindow)
	}
	if o.NeedsEnd(h) {
		return w, ErrNeedsEnd
	}
	end := o.End
	if end == 0 {
		end = h.EndTime
	}
	w.from = o.From.millis(h.StartTime, end)
	w.until = o.Until.millis(h.StartTime, end)
	if w.hasFrom && w.hasUntil && w.from >= w.until {
		return w, fmt.Errorf("%w: it would end before it begins", ErrNoWindow)
	}
	if w.hasUntil && w.until < h.StartTime {
		return w, fmt.Errorf("%w: it would end before the capture begins", ErrNoWindow)
	}
	return w, nil
}
