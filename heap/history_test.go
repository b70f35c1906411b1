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
	gotHistory, gotMaxima := observeTime(p)
	return equalMaps(t, "history", m, gotHistory, m.history(ends)) && equalMaps(t, "maxima", m, gotMaxima, m.maxima(end))
}

// equalMaps compares what is kept of places or stacks.
func equalMaps[K comparable](t *testing.T, what string, m *model, got, want map[K]string) bool {
	t.Helper()
	for k, v := range got {
		if w, ok := want[k]; v != w {
			t.Errorf("%s of %+v:\n   got %s\n  want %s (%t)\n%s", what, k, v, w, ok, m)
			return false
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: got %v, want %v\n%s", what, got, want, m)
		return false
	}
	return true
}

// observeTime gives the history by place, and the maxima by stack; what never held anything is left out.
func observeTime(p *heap.Profile) (history map[place]string, maxima map[string]string) {
	history, maxima = map[place]string{}, map[string]string{}
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
		h := p.History.Append(nil, i)
		if slices.ContainsFunc(h, func(v heap.Value) bool { return v != (heap.Value{}) }) {
			history[k] = fmt.Sprint(h)
		}
		if m := p.Maxima[p.MaximumOf[i]]; m != (heap.Maximum{}) {
			maxima[k.stack] = fmt.Sprint(m)
		}
	}
	return history, maxima
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

// history replays everything up to the end of each slice, by place.
func (m *model) history(ends []int64) map[place]string {
	values := map[place][]heap.Value{}
	for slice, at := range ends {
		for k, v := range m.snapshot(m.moment(at, slice == len(ends)-1)) {
			if values[k] == nil {
				values[k] = make([]heap.Value, len(ends))
			}
			values[k][slice] = v
		}
	}
	out := map[place]string{}
	for k, v := range values {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// maxima replays everything up to each moment, by stack.
func (m *model) maxima(end int64) map[string]string {
	most := map[string]heap.Maximum{}
	clock := m.header.StartTime
	if m.begin > 0 {
		clock = m.items[m.begin-1].time
	}
	for i := m.begin; i <= m.end; i++ {
		for k, v := range byStack(m.snapshot(i)) {
			if b := most[k]; v.Bytes > b.Bytes || v.Bytes == b.Bytes && v.Count > b.Count {
				b.Value = v
				most[k] = b
			}
		}
		now := end
		if i < m.end {
			if !m.items[i].memory {
				continue
			}
			now = m.items[i].time
		}
		for k, v := range byStack(m.own(i)) {
			b := most[k]
			b.Lifetime += v.Count * uint64(now-clock)
			most[k] = b
		}
		clock = now
	}
	out := map[string]string{}
	for k, v := range most {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// byStack sums what differs in thread, allocator or native stack.
func byStack(values map[place]heap.Value) map[string]heap.Value {
	out := map[string]heap.Value{}
	for k, v := range values {
		out[k.stack] = heap.Value{Count: out[k.stack].Count + v.Count, Bytes: out[k.stack].Bytes + v.Bytes}
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
func (m *model) own(upTo int) map[place]heap.Value {
	out := map[place]heap.Value{}
	s := m.replay(upTo)
	for _, i := range s.blocks {
		if i >= m.begin {
			addValue(out, m.items[i].place, 0)
		}
	}
	for _, p := range s.pieces {
		if p.by >= m.begin {
			addValue(out, m.items[p.by].place, 0)
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

// What stacks show is what maxima are kept by: not the thread, the allocator or the instruction, nor
// the outer frames of the main thread that are hidden.
func TestMaximaOfStacks(t *testing.T) {
	h := &codec.Header{Version: 13, Word: 8, PythonVersion: 0x030c0100, MainThread: 1, SkippedFrames: 1}
	b, err := heap.NewBuilder(h, heap.Options{Maxima: true})
	if err != nil {
		t.Fatal(err)
	}
	b.Add(&codec.Record{Kind: codec.KindCode, Code: 1, Function: []byte("outer"), File: []byte("a.py")})
	b.Add(&codec.Record{Kind: codec.KindCode, Code: 2, Function: []byte("f"), File: []byte("a.py")})
	push := func(thread, code uint64, instruction int64) {
		b.Add(&codec.Record{Kind: codec.KindFramePush, Thread: thread, Frame: code, Instruction: instruction, Entry: true})
	}
	add := func(thread, address, size uint64, a codec.Allocator) {
		b.Add(&codec.Record{Kind: codec.KindAllocation, Thread: thread, Address: address, Size: size, Allocator: a})
	}
	add(1, 8, 1, codec.Malloc) // no stack
	push(1, 1, 0)
	add(1, 16, 2, codec.Malloc) // none that is shown
	push(1, 2, 0)
	add(1, 24, 100, codec.Malloc)
	b.Add(&codec.Record{Kind: codec.KindFramePop, Thread: 1, Count: 1})
	push(1, 2, 2)
	add(1, 1<<20, 4096, codec.Mmap)
	push(2, 2, 0)
	add(2, 1<<20, 4096, codec.Munmap)
	add(2, 32, 50, codec.Calloc)
	push(2, 1, 0)
	add(2, 40, 7, codec.Calloc)

	p, err := b.Profile(codec.Status{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range p.Samples {
		var stack strings.Builder
		for _, f := range p.AppendStack(nil, &p.Samples[i]) {
			stack.WriteString(p.Frames[f].Function + " ")
		}
		got = append(got, fmt.Sprintf("%s%v", stack.String(), p.Maxima[p.MaximumOf[i]].Value))
	}
	want := []string{"{2 3}", "{2 3}", "f {2 4196}", "f {2 4196}", "f {2 4196}", "outer f {1 7}"}
	if !slices.Equal(got, want) || len(p.Maxima) != 3 {
		t.Errorf("got %d maxima, %q, want 3, %q", len(p.Maxima), got, want)
	}
}
