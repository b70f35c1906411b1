package pprof

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// input is what is said of one capture.
type input struct {
	pid   int32
	lines []string
}

// note takes down the time and the facts of p.
func (m *Merger) note(p *heap.Profile) {
	start, end := bounds(p)
	if len(m.inputs) == 0 {
		m.start, m.end = start, end
	}
	m.start, m.end = min(m.start, start), max(m.end, end)
	m.inputs = append(m.inputs, input{pid: p.Header.PID, lines: facts(p)})
}

// bounds gives the time that p covers, in milliseconds since 1970 UTC. Unless tracking ended
// regularly, the header's end is that of its first writing, so the last memory record tells.
func bounds(p *heap.Profile) (start, end int64) {
	switch {
	case p.Window != nil:
		return p.Window.From, p.Window.Until
	case p.Status.State == codec.StateComplete:
		return p.Header.StartTime, p.Header.EndTime
	}
	return p.Header.StartTime, max(p.Header.EndTime, p.Status.LastTime)
}

// nanos turns milliseconds into nanoseconds within what the format holds.
func nanos(ms int64) int64 {
	const milli = int64(time.Millisecond)
	return min(max(ms, 0), math.MaxInt64/milli) * milli
}

// facts are the comments for one capture, one fact a line.
func facts(p *heap.Profile) []string {
	h := &p.Header
	lines := []string{
		"command line: " + h.CommandLine,
		fmt.Sprintf("pid: %d", h.PID),
		"Python allocator: " + h.AllocatorName(),
		fmt.Sprintf("recorded by: Memray %s (header version %d)", h.Releases(), h.Version),
	}
	if h.PythonVersion != 0 {
		lines = append(lines, "Python version: "+h.Python())
	}
	lines = append(lines, "state: "+state(&p.Status), "peak: "+peak(p))
	if w := p.Window; w != nil {
		lines = append(lines, fmt.Sprintf("window: %s to %s, %.3fs to %.3fs after the start",
			stamp(w.From), stamp(w.Until), seconds(w.From-h.StartTime), seconds(w.Until-h.StartTime)))
	}
	if p.Aggregated {
		lines = append(lines, "aggregated capture: alloc and temporary values are not known")
	}
	if p.LikeMemray {
		lines = append(lines, "numbers: Memray's own, also where it is wrong or arbitrary")
	}
	for i := range lines {
		lines[i] = oneLine(lines[i])
	}
	return lines
}

func state(s *codec.Status) string {
	if s.Reason == "" {
		return s.State.String()
	}
	return fmt.Sprintf("%s (%s)", s.State, s.Reason)
}

func peak(p *heap.Profile) string {
	if p.PeakTime == 0 {
		return fmt.Sprintf("%d bytes", p.PeakBytes)
	}
	return fmt.Sprintf("%d bytes at %s", p.PeakBytes, stamp(p.PeakTime))
}

func stamp(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

// oneLine makes text of a capture fit for a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// comments gives the facts of one input as they are; of several, those that are true of all
// once and the others behind the pid they belong to.
func (m *Merger) comments() []string {
	if !m.merging {
		return m.inputs[0].lines
	}
	out := []string{fmt.Sprintf("merged: %d captures; the peak is a sum of peaks at different times", len(m.inputs))}
	count := map[string]int{}
	for _, in := range m.inputs {
		for _, line := range in.lines {
			count[line]++
		}
	}
	for i, in := range m.inputs {
		for _, line := range in.lines {
			switch {
			case count[line] < len(m.inputs) && strings.HasPrefix(line, "pid: "):
				out = append(out, line)
			case count[line] < len(m.inputs):
				out = append(out, fmt.Sprintf("pid %d: %s", in.pid, line))
			case i == 0:
				out = append(out, line)
			}
		}
	}
	return out
}
