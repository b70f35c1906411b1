package heap_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// What a Profile says of the time between is what replaying says, and asking for it changes nothing else.
func TestHistoryModel(t *testing.T) {
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 6))
		tr := makeTrace(r.IntN, r.IntN(80), 1+r.IntN(8))
		tr.options.Slices, tr.options.Maxima = 1+r.IntN(5), true
		if !checkTrace(t, tr) || !checkHistory(t, tr) {
			t.Fatalf("seed %d", seed)
		}
	}
}

func checkHistory(t *testing.T, tr trace) bool {
	t.Helper()
	p, err := readBytes(t, tr)
	if err != nil {
		return true // compared by checkTrace
	}
	tr.complete = p.Status.State == codec.StateComplete
	m := newModel(tr)
	bounds, _ := m.snap()
	end := m.endTime(bounds)
	ends := p.History.Ends
	if n := len(ends); n > tr.options.Slices || ends[n-1] != end {
		t.Errorf("got slices %v, want at most %d, the last until %d\n%s", ends, tr.options.Slices, end, m)
		return false
	}
	want := m.overTime(ends, end)
	got := observeTime(p)
	for k, v := range got {
		if w, ok := want[k]; v != w && (ok || v != noTime(len(ends))) {
			t.Errorf("%+v:\n   got %s\n  want %s\n%s", k, v, w, m)
			return false
		}
		delete(want, k)
	}
	for k, w := range want {
		if w != noTime(len(ends)) {
			t.Errorf("%+v: got nothing, want %s\n%s", k, w, m)
			return false
		}
	}
	return true
}

// timeText is a sample's history and maximum as text.
func timeText(history []heap.Value, m heap.Maximum) string {
	return fmt.Sprintf("%v max %v lived %d ms", history, m.Value, m.Lifetime)
}

func noTime(slices int) string { return timeText(make([]heap.Value, slices), heap.Maximum{}) }

func observeTime(p *heap.Profile) map[place]string {
	out := map[place]string{}
	for i := range p.Samples {
		s := &p.Samples[i]
		var stack []string
		for _, f := range slices.Backward(p.AppendStack(nil, s)) {
			stack = append(stack, p.Frames[f].Function)
		}
		k := place{
			stack: fmt.Sprintf("%q", stack), native: uint64(s.Native),
			thread: p.Threads[s.Thread].ID, allocator: s.Allocator,
		}
		out[k] = timeText(p.History.Append(nil, i), p.Maxima[i])
	}
	return out
}

// endTime is that of the last memory record, or of the end of the capture.
func (m *model) endTime(bounds *heap.Window) int64 {
	if bounds != nil {
		return bounds.Until
	}
	end := m.header.StartTime
	for _, x := range m.items {
		if x.memory {
			end = x.time
		}
	}
	if m.complete {
		end = max(end, m.header.EndTime)
	}
	return end
}

// overTime replays everything up to each moment, by place.
func (m *model) overTime(ends []int64, end int64) map[place]string {
	history, most, lived := map[place][]heap.Value{}, map[place]heap.Value{}, map[place]uint64{}
	for slice, at := range ends {
		for k, v := range m.snapshot(m.moment(at, slice == len(ends)-1)) {
			if history[k] == nil {
				history[k] = make([]heap.Value, len(ends))
			}
			history[k][slice] = v
		}
	}
	clock := m.header.StartTime
	if m.begin > 0 {
		clock = m.items[m.begin-1].time
	}
	for i := m.begin; i <= m.end; i++ {
		for k, v := range m.snapshot(i) {
			if b := most[k]; v.Bytes > b.Bytes || v.Bytes == b.Bytes && v.Count > b.Count {
				most[k] = v
			}
		}
		now := end
		if i < m.end {
			if !m.items[i].memory {
				continue
			}
			now = m.items[i].time
		}
		for k, n := range m.own(i) {
			lived[k] += n * uint64(now-clock)
		}
		clock = now
	}
	out := map[place]string{}
	for _, x := range m.items {
		h := history[x.place]
		if h == nil {
			h = make([]heap.Value, len(ends))
		}
		out[x.place] = timeText(h, heap.Maximum{Value: most[x.place], Lifetime: lived[x.place]})
	}
	return out
}

// moment is the number of items before a slice ends.
func (m *model) moment(at int64, last bool) int {
	if last {
		return m.end
	}
	return m.begin + slices.IndexFunc(m.items[m.begin:], func(x item) bool { return x.memory && x.time == at })
}

// own counts what was made in the window and is alive before items[upTo].
func (m *model) own(upTo int) map[place]uint64 {
	out := map[place]uint64{}
	s := m.replay(upTo)
	for _, i := range s.blocks {
		if i >= m.begin {
			out[m.items[i].place]++
		}
	}
	for _, p := range s.pieces {
		if p.by >= m.begin {
			out[m.items[p.by].place]++
		}
	}
	return out
}

// A heap that grows by 1 byte a millisecond, with a memory record every 10: the slices are equal,
// as far as the records allow, whether or not the end is known before.
func TestSlices(t *testing.T) {
	tests := []struct {
		name        string
		length, gap int64 // milliseconds; no records in the last gap
		slices      int
		known       bool
		want        string
	}{
		{"known end", 1000, 0, 4, true, "250 500 750 1000"},
		{"unknown end", 1000, 0, 4, false, "320 480 800 1000"},
		{"one slice", 1000, 0, 1, false, "1000"},
		{"fewer records than slices", 30, 0, 10, true, "10 20 30"},
		{"no records", 5, 0, 10, true, "5"},
		{"uneven", 1000, 0, 3, true, "340 670 1000"},
		{"long, unknown end", 163_840, 0, 4, false, "40960 81920 122880 163840"},
		{"nothing at the end", 1000, 600, 4, true, "250 1000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := growing(t, tt.length, tt.gap, tt.slices, tt.known)
			var got []string
			for i, end := range p.History.Ends {
				at := end - p.History.From
				got = append(got, fmt.Sprint(at))
				if v := p.History.Append(nil, 0)[i]; int64(v.Bytes) != at/10*10 {
					t.Errorf("alive at %d ms: got %v", at, v)
				}
			}
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("slices until: got %s, want %s", text, tt.want)
			}
		})
	}
}

// growing makes a Profile of the heap of TestSlices.
func growing(t *testing.T, length, gap int64, slices int, known bool) *heap.Profile {
	t.Helper()
	h := &codec.Header{Version: 13, Word: 8, StartTime: 1_700_000_000_000, EndTime: 1_700_000_000_001}
	if known {
		h.EndTime, h.Allocations = h.StartTime+length, 1
	}
	b, err := heap.NewBuilder(h, heap.Options{Slices: slices})
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(10); at <= length; at += 10 {
		b.Add(&codec.Record{Kind: codec.KindAllocation, Allocator: codec.Malloc, Address: uint64(at) << 10, Size: 10})
		if at <= length-gap {
			b.Add(&codec.Record{Kind: codec.KindMemory, Time: h.StartTime + at})
		}
	}
	if length < 10 {
		b.Add(&codec.Record{Kind: codec.KindAllocation, Allocator: codec.Malloc, Address: 8, Size: 0})
	}
	h.EndTime = h.StartTime + length
	p, err := b.Profile(codec.Status{State: codec.StateComplete})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	return p
}
