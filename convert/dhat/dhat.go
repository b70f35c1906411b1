// Package dhat writes a heap.Profile as a file of DHAT, Valgrind's heap profiler, for its viewer
// (dh_view.html) and for the Firefox Profiler.
//
// A program point is a stack as it reads; for each there are the bytes and blocks of all that was
// allocated (tb, tbk), of the moment at which it held most (mb, mbk), of the heap's
// high-water mark (gb, gbk) and of the end (eb, ebk), and for how long its blocks lived (tl).
// Memory records tell the time, about every 10 ms, so blocks that live for less mostly count
// as living for no time at all. The format is that of valgrind's dhat/dh_main.c, version 2.
package dhat

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/internal/stacks"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/safetext"
)

// shortLived is how long blocks live at most on average, in microseconds, for the viewer to call
// them so: as long as it takes from one memory record to the next.
const shortLived = 10_000

// Options select how frames are named.
type Options struct {
	// BareNames leaves the module out of names.
	BareNames bool
}

// preamble is what comes before the program points.
type preamble struct {
	Version  int    `json:"dhatFileVersion"`
	Mode     string `json:"mode"`
	Verb     string `json:"verb"`
	Lifetime bool   `json:"bklt"`
	Accesses bool   `json:"bkacc"`
	Unit     string `json:"tu"`
	Million  string `json:"Mtu"`
	Short    int64  `json:"tuth"`
	Command  string `json:"cmd"`
	PID      int32  `json:"pid"`
	Peak     int64  `json:"tg"`
	End      int64  `json:"te"`
}

// point is a program point.
type point struct {
	total, peak, end heap.Value
	max              heap.Maximum
	seen             bool
}

// Check tells why p cannot be written, or nil.
func Check(p *heap.Profile) error {
	switch {
	case p.Aggregated:
		return errors.New("an aggregated capture knows neither totals nor maxima")
	case p.Maxima == nil:
		return errors.New("the profile was read without maxima")
	}
	return nil
}

// Write writes p, which must have been read with heap.Options.Maxima, to w. It fails for
// aggregated captures, which know neither totals nor maxima, and if the stacks would fill more
// than any disk.
func Write(w io.Writer, p *heap.Profile, o Options) error {
	if err := Check(p); err != nil {
		return err
	}
	t := stacks.New(p, stacks.Options{BareNames: o.BareNames})
	points := collect(p, t)
	frames := uint64(0)
	for i := range points {
		if points[i].seen {
			frames += uint64(t.Nodes[i].Depth)
		}
	}
	if err := stacks.CheckSize(frames); err != nil {
		return fmt.Errorf("write program points: %w", err)
	}
	buf := bufio.NewWriterSize(w, 1<<16)
	head, err := json.Marshal(describe(p))
	if err != nil {
		return err
	}
	buf.Write(head[:len(head)-1])
	if err := writePoints(buf, t, points); err != nil {
		return err
	}
	if err := writeFrames(buf, t); err != nil {
		return err
	}
	return buf.Flush()
}

// describe gives the times from the beginning on, in microseconds.
func describe(p *heap.Profile) preamble {
	h := &p.Header
	from, end := h.StartTime, max(h.StartTime, p.Status.LastTime)
	if p.Status.State == codec.StateComplete {
		end = max(end, h.EndTime)
	}
	if p.Window != nil {
		from, end = p.Window.From, p.Window.Until
	}
	return preamble{
		Version: 2, Mode: "heap", Verb: "Allocated", Lifetime: true, Unit: "µs", Million: "s", Short: shortLived,
		Command: cmp.Or(h.CommandLine, "unknown"), PID: h.PID, Peak: micros(p.PeakTime, from), End: micros(end, from),
	}
}

// micros is the time from one moment to another in microseconds; a peak before the first memory
// record has the time 0.
func micros(ms, from int64) int64 {
	if ms <= from {
		return 0
	}
	return int64(min(uint64(ms-from), math.MaxInt64/1000)) * 1000
}

// collect makes a point of each node that allocated. Samples of one node share a maximum; should
// they not, the sum is the best that can be said.
func collect(p *heap.Profile, t *stacks.Tree) []point {
	points := make([]point, len(t.Nodes))
	done := make([]bool, len(p.Maxima))
	for i := range p.Samples {
		s := &p.Samples[i]
		x := &points[t.Node(s)]
		x.seen = true
		x.total = stacks.Add(x.total, s.Values[heap.Total])
		x.peak = stacks.Add(x.peak, s.Values[heap.Peak])
		x.end = stacks.Add(x.end, s.Values[heap.Live])
		if k := p.MaximumOf[i]; !done[k] {
			done[k] = true
			m := &p.Maxima[k]
			x.max.Value = stacks.Add(x.max.Value, m.Value)
			x.max.Lifetime = stacks.AddSaturated(x.max.Lifetime, m.Lifetime)
		}
	}
	return points
}

func writePoints(w *bufio.Writer, t *stacks.Tree, points []point) error {
	w.WriteString(`,"pps":[`)
	var line []byte
	var path []uint32
	first := true
	for i := range points {
		x := &points[i]
		if !x.seen {
			continue
		}
		line = line[:0]
		if !first {
			line = append(line, ',')
		}
		first = false
		for _, f := range []struct {
			name  string
			value uint64
		}{
			{"\n{\"tb\":", x.total.Bytes}, {",\"tbk\":", x.total.Count}, {",\"tl\":", lifetime(x.max.Lifetime)},
			{",\"mb\":", x.max.Bytes}, {",\"mbk\":", x.max.Count}, {",\"gb\":", x.peak.Bytes}, {",\"gbk\":", x.peak.Count},
			{",\"eb\":", x.end.Bytes}, {",\"ebk\":", x.end.Count},
		} {
			line = strconv.AppendUint(append(line, f.name...), f.value, 10)
		}
		path = t.AppendPath(path[:0], uint32(i))
		if _, err := w.Write(appendStack(line, path)); err != nil {
			return err
		}
	}
	_, err := w.WriteString("],\n")
	return err
}

// appendStack appends the frames, innermost first. Frame 0 is the root.
func appendStack(line []byte, path []uint32) []byte {
	line = append(line, `,"fs":[`...)
	for i := len(path) - 1; i >= 0; i-- {
		line = strconv.AppendUint(line, uint64(path[i])+1, 10)
		if i > 0 {
			line = append(line, ',')
		}
	}
	return append(line, "]}"...)
}

// lifetime turns milliseconds into microseconds.
func lifetime(ms uint64) uint64 { return min(ms, math.MaxUint64/1000) * 1000 }

// writeFrames writes the table of frames, as "0x2A: etl.load (/srv/etl.py:12)": the Firefox Profiler
// takes only those apart that begin with an address. Here that is the frame's number.
func writeFrames(w *bufio.Writer, t *stacks.Tree) error {
	w.WriteString(`"ftbl":["[root]"`)
	for i := range t.Frames {
		f := &t.Frames[i]
		text := fmt.Sprintf("0x%X: %s", i+1, safetext.Printable(f.Name))
		switch {
		case f.File != "" && f.Line > 0:
			text += fmt.Sprintf(" (%s:%d)", safetext.Printable(f.File), f.Line)
		case f.File != "":
			text += fmt.Sprintf(" (%s)", safetext.Printable(f.File))
		}
		b, err := json.Marshal(text)
		if err != nil {
			return err
		}
		w.WriteString(",\n")
		w.Write(b)
	}
	_, err := w.WriteString("]}\n")
	return err
}
