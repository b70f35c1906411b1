package watch

import (
	"math"
	"time"
)

// growthSpan is how far back the growth of a folder is measured.
const growthSpan = 5 * time.Minute

// A growth measures how fast a number of bytes grows.
type growth struct {
	samples []sample // of the last growthSpan, oldest first
}

type sample struct {
	at    time.Time
	bytes int64
}

// add takes in how many bytes there were at a time, and gives the growth in bytes a second;
// 0 while there is nothing to compare with.
func (g *growth) add(at time.Time, bytes int64) float64 {
	old := 0
	for old < len(g.samples) && at.Sub(g.samples[old].at) > growthSpan {
		old++
	}
	g.samples = append(g.samples[:0], g.samples[old:]...)
	if n := len(g.samples); n > 0 && !at.After(g.samples[n-1].at) {
		g.samples = g.samples[:0] // the clock was set back
	}
	g.samples = append(g.samples, sample{at, bytes})
	first := g.samples[0]
	if seconds := at.Sub(first.at).Seconds(); seconds > 0 {
		return float64(bytes-first.bytes) / seconds
	}
	return 0
}

// timeToFull gives the seconds until room bytes are used up at a rate; +Inf when they never are.
func timeToFull(room int64, rate float64) float64 {
	switch {
	case room <= 0:
		return 0
	case rate <= 0:
		return math.Inf(1)
	}
	return float64(room) / rate
}
