package flamegraph

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/safetext"
)

// facts is what the head of the page says of a capture.
type facts struct {
	CommandLine string
	Facts       []fact
	// Warning says what the capture lacks; empty when it is complete.
	Warning string
	// Notes say what to know about the numbers.
	Notes []string
}

// fact is one thing known of a capture. Detail is shown on demand.
type fact struct{ Name, Value, Detail string }

func describe(p *heap.Profile) *facts {
	h := &p.Header
	end := captureEnd(p)
	f := &facts{CommandLine: safetext.Printable(h.CommandLine), Warning: warning(&p.Status), Notes: notes(p)}
	f.Facts = []fact{
		{"Peak", size(p.PeakBytes), peakDetail(p)},
		{"Duration", after(end - h.StartTime), "until " + instant(end)},
		{"Started", instant(h.StartTime), stamp(h.StartTime)},
		{"PID", strconv.Itoa(int(h.PID)), ""},
		{"Python", cmp.Or(h.Python(), "not recorded"), "allocator: " + h.AllocatorName()},
		{"Memray", h.Releases(), fmt.Sprintf("header version %d is what these releases write", h.Version)},
		{"Threads", number(uint64(len(p.Threads))), ""},
		{"State", p.Status.State.String(), p.Status.Reason},
	}
	if !p.Aggregated {
		f.Facts = append(f.Facts, fact{"Events", number(p.Events), "allocations and deallocations read"})
	}
	return f
}

func peakDetail(p *heap.Profile) string {
	exact := number(p.PeakBytes) + " bytes"
	if p.PeakTime == 0 {
		return exact
	}
	return exact + ", after " + stamp(p.PeakTime)
}

func stamp(ms int64) string { return instant(ms) + " (" + strconv.FormatInt(ms, 10) + " ms)" }

// captureEnd gives the end of the recording in milliseconds since 1970 UTC. Unless tracking
// ended regularly, the header's end is that of its first writing, so the last memory record tells.
func captureEnd(p *heap.Profile) int64 {
	if p.Status.State == codec.StateComplete {
		return p.Header.EndTime
	}
	return max(p.Header.EndTime, p.Status.LastTime)
}

// warning says what of a capture is missing.
func warning(s *codec.Status) string {
	if s.State.Finished() {
		return ""
	}
	text := cmp.Or(s.Reason, s.State.String())
	if s.Err != nil {
		text = s.Err.Error()
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	text += fmt.Sprintf(". Read: %s records, up to offset %#x", number(s.Records), s.Bytes)
	if s.LastTime != 0 {
		text += ", the last memory record of " + instant(s.LastTime)
	}
	return safetext.Printable(text + ". What came after is missing.")
}

func notes(p *heap.Profile) []string {
	var out []string
	if w := p.Window; w != nil {
		out = append(out, fmt.Sprintf("Only a window of the capture: from %s to %s after its start.",
			after(w.From-p.Header.StartTime), after(w.Until-p.Header.StartTime)))
	}
	if p.Aggregated {
		out = append(out, "An aggregated capture: it knows what was alive at the peak and at the end, not what was allocated in total or was temporary.")
	}
	if p.Header.NativeTraces {
		out = append(out, "The capture has native stacks; the page shows the Python stacks only.")
	}
	if len(p.Series) == 0 {
		out = append(out, "The capture has no memory records, so nothing is known of the memory over time.")
	}
	if p.LikeMemray {
		out = append(out, "The numbers are Memray's own, also where it is wrong or arbitrary.")
	}
	if p.Unknown > 0 {
		out = append(out, number(p.Unknown)+" references to frames, code, stacks or images that the capture does not define.")
	}
	return out
}
