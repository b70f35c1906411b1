package heap_test

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// model says what a Profile should hold, by replaying the events from the first for every question.
// It was written from the facts (sections 8 to 10 and 14) and shares no code with package heap.
type model struct {
	trace
	items []item
	begin int // the window: the state before items[begin] is that at its beginning
	end   int // items[end:] are after it
	names map[uint64]string
	// unpushed counts the frames that were popped but never pushed.
	unpushed uint64
}

// place is what identifies a sample; stack is its frames, outermost first.
type place struct {
	stack     string
	native    uint64
	thread    uint64
	allocator codec.Allocator
}

// item is an event or, with memory set, a memory record.
type item struct {
	memory bool
	time   int64
	rss    uint64

	place
	address, size uint64
	// failed calls gave no memory; only Memray counts them.
	failed bool
}

func newModel(t trace) *model {
	m := &model{trace: t, names: map[uint64]string{}}
	frames := map[uint64]string{}
	stacks := map[uint64][]string{}
	for i := range t.records {
		switch r := &t.records[i]; r.Kind {
		case codec.KindFrame:
			frames[r.Frame] = string(r.Function)
		case codec.KindCode:
			frames[r.Code] = string(r.Function)
		case codec.KindFramePush:
			stacks[r.Thread] = append(stacks[r.Thread], frames[r.Frame])
		case codec.KindFramePop:
			s := stacks[r.Thread]
			keep := max(0, len(s)-int(r.Count))
			m.unpushed += r.Count - uint64(len(s)-keep)
			stacks[r.Thread] = s[:keep]
		case codec.KindThreadName:
			m.names[r.Thread] = string(r.Name)
		case codec.KindMemory:
			m.items = append(m.items, item{memory: true, time: r.Time, rss: r.RSS})
		case codec.KindAllocation:
			m.items = append(m.items, m.event(r, fmt.Sprintf("%q", stacks[r.Thread])))
		}
	}
	m.end = len(m.items)
	return m
}

func (m *model) event(r *codec.Record, stack string) item {
	failed := r.Address == 0
	if r.Allocator == codec.Mmap {
		failed = r.Address == mapFailed(m.header.Word)
	}
	return item{
		place:   place{stack: stack, native: r.Native, thread: r.Thread, allocator: r.Allocator},
		address: r.Address, size: r.Size, failed: failed && !r.Allocator.Frees(),
	}
}

// mapFailed is (void *)-1.
func mapFailed(word int) uint64 {
	if word == 4 {
		return math.MaxUint32
	}
	return math.MaxUint64
}

// allocates reports whether the item counts as an allocation.
func (m *model) allocates(i int) bool {
	x := &m.items[i]
	return !x.memory && !x.allocator.Frees() && (m.like || !x.failed)
}

func (m *model) frees(i int) bool { return !m.items[i].memory && m.items[i].allocator.Frees() }

// snap finds the window: it begins at the first memory record at or after from, and ends at the
// first at or after until; of such that are no later than its beginning the next one, so
// that no window is empty.
func (m *model) snap() (bounds *heap.Window, err string) {
	if m.from == nil && m.until == nil {
		return nil, ""
	}
	if !slices.ContainsFunc(m.items, func(x item) bool { return x.memory }) {
		return nil, "no memory records"
	}
	bounds = &heap.Window{From: m.header.StartTime}
	if m.from != nil {
		i := slices.IndexFunc(m.items, func(x item) bool { return x.memory && x.time >= *m.from })
		if i < 0 {
			return nil, "after the last memory record"
		}
		m.begin, bounds.From = i+1, m.items[i].time
	}
	for i, x := range m.items {
		if x.memory {
			bounds.Until = x.time
		}
		if i >= m.begin && x.memory && m.until != nil && x.time >= *m.until && x.time > bounds.From {
			m.end = i
			return bounds, ""
		}
	}
	if m.complete {
		bounds.Until = max(bounds.Until, m.header.EndTime)
	}
	return bounds, ""
}

// state is what is alive.
type state struct {
	blocks map[uint64]int // by address; the value is the item that allocated
	pieces []modelPiece
}

// modelPiece is what is left of the mapping that item by made. When the mapping failed its
// range is empty: no munmap meets it.
type modelPiece struct {
	start, end, bytes uint64
	by                int
	cut               bool
}

// replay carries out the items before upTo.
func (m *model) replay(upTo int) *state {
	s := &state{blocks: map[uint64]int{}}
	for i := range upTo {
		x := &m.items[i]
		switch {
		case m.allocates(i) && x.allocator == codec.Mmap:
			p := modelPiece{start: x.address, end: x.address + x.size, bytes: x.size, by: i}
			if x.failed {
				p.end = p.start
			}
			if x.size > 0 {
				s.pieces = append(s.pieces, p)
			}
		case m.allocates(i):
			s.blocks[x.address] = i
		case m.frees(i) && x.allocator == codec.Munmap:
			s.unmap(x.address, x.address+x.size)
		case m.frees(i):
			delete(s.blocks, x.address)
		}
	}
	return s
}

// unmap takes [start, end) out of all pieces.
func (s *state) unmap(start, end uint64) {
	hit := func(p modelPiece) bool { return max(p.start, start) < min(p.end, end) }
	if !slices.ContainsFunc(s.pieces, hit) {
		return
	}
	var left []modelPiece
	for _, p := range s.pieces {
		if !hit(p) {
			left = append(left, p)
			continue
		}
		if p.start < start {
			left = append(left, modelPiece{start: p.start, end: start, bytes: start - p.start, by: p.by, cut: true})
		}
		if end < p.end {
			left = append(left, modelPiece{start: end, end: p.end, bytes: p.end - end, by: p.by, cut: true})
		}
	}
	s.pieces = left
}

// snapshot is what is alive before items[upTo], by place. Each piece counts as an allocation.
func (m *model) snapshot(upTo int) map[place]heap.Value {
	out := map[place]heap.Value{}
	s := m.replay(upTo)
	for _, i := range s.blocks {
		addValue(out, m.items[i].place, m.items[i].size)
	}
	for _, p := range s.pieces {
		addValue(out, m.items[p.by].place, p.bytes)
	}
	return out
}

func addValue(m map[place]heap.Value, k place, bytes uint64) {
	m[k] = heap.Value{Count: m[k].Count + 1, Bytes: m[k].Bytes + bytes}
}

// sizes gives the size of the heap before each item, and after the last one.
func (m *model) sizes() []uint64 {
	if m.like {
		return m.driftingSizes()
	}
	sizes := make([]uint64, len(m.items)+1)
	for i := range sizes {
		s := m.replay(i)
		for _, by := range s.blocks {
			sizes[i] += m.items[by].size
		}
		for _, p := range s.pieces {
			sizes[i] += p.bytes
		}
	}
	return sizes
}

// driftingSizes is the procedure of the facts' section 10.1 to the letter: what is allocated twice at one address
// is never subtracted.
func (m *model) driftingSizes() []uint64 {
	sizes := []uint64{0}
	current, blocks := uint64(0), map[uint64]uint64{}
	ranges := &state{}
	for i := range m.items {
		x := &m.items[i]
		switch {
		case x.memory:
		case x.allocator == codec.Munmap:
			before := ranges.bytes()
			ranges.unmap(x.address, x.address+x.size)
			current -= before - ranges.bytes()
		case x.allocator.Frees():
			current -= blocks[x.address]
			delete(blocks, x.address)
		case x.allocator == codec.Mmap:
			current += x.size
			if !x.failed {
				ranges.pieces = append(ranges.pieces, modelPiece{start: x.address, end: x.address + x.size})
			}
		default:
			current += x.size
			blocks[x.address] = x.size
		}
		sizes = append(sizes, current)
	}
	return sizes
}

func (s *state) bytes() uint64 {
	sum := uint64(0)
	for _, p := range s.pieces {
		sum += p.end - p.start
	}
	return sum
}

// peak finds the highest moment of the window, as the number of items before it: the last of
// several, and every event is looked at, also one that changes nothing.
func (m *model) peak(sizes []uint64) int {
	best := m.begin
	for i := m.begin; i < m.end; i++ {
		if !m.items[i].memory && sizes[i+1] >= sizes[best] {
			best = i + 1
		}
	}
	return best
}

// temporary finds the allocations of the window that were freed in it at once.
func (m *model) temporary() map[place]heap.Value {
	out := map[place]heap.Value{}
	for i := m.begin; i < m.end; i++ {
		if !m.frees(i) {
			continue
		}
		find := m.freedAtOnce
		if m.like {
			find = m.inRing
		}
		if made := find(i); made >= 0 {
			addValue(out, m.items[made].place, m.items[made].size)
		}
	}
	return out
}

// freedAtOnce gives the item that made what items[i] frees, if that is temporary, else -1: a live
// block or a live whole mapping of just this range, made in the window by the same
// thread with at most n other allocations of it between; the newest of several.
func (m *model) freedAtOnce(i int) int {
	x, s := &m.items[i], m.replay(i)
	made := []int{}
	if x.allocator != codec.Munmap {
		if by, ok := s.blocks[x.address]; ok {
			made = append(made, by)
		}
	} else {
		for _, p := range s.pieces {
			if !p.cut && p.start == x.address && p.end-p.start == x.size {
				made = append(made, p.by)
			}
		}
	}
	made = slices.DeleteFunc(made, func(by int) bool {
		return by < m.begin || m.items[by].thread != x.thread || m.between(by, i) > m.n
	})
	return slices.Max(append(made, -1))
}

// between counts the allocations of the thread of items[to] after from and before to.
func (m *model) between(from, to int) int {
	n := 0
	for i := from + 1; i < to; i++ {
		if m.allocates(i) && m.items[i].thread == m.items[to].thread {
			n++
		}
	}
	return n
}

// inRing does the same as Memray: it looks through the thread's n+1 latest allocations, newest
// first, whether they are alive or not (facts: section 10.3).
func (m *model) inRing(i int) int {
	x, seen := &m.items[i], 0
	for k := i - 1; k >= m.begin && seen <= m.n; k-- {
		y := &m.items[k]
		if !m.allocates(k) || y.thread != x.thread {
			continue
		}
		seen++
		ranged := x.allocator == codec.Munmap
		if y.address == x.address && (y.allocator == codec.Mmap) == ranged && (!ranged || y.size == x.size) {
			return k
		}
	}
	return -1
}

// result is what the model and the Profile are compared by.
type result struct {
	samples   map[place][heap.Views]heap.Value
	peakBytes uint64
	peakTime  int64
	events    uint64
	series    []heap.Point
	window    string
	names     map[uint64]string
	unknown   uint64
	kept      map[place]heap.Value // nil unless older blocks can be told apart
	sizes     []heap.SizeCount
	oldest    map[place][heap.Views]uint64
}

func (m *model) result(bounds *heap.Window) result {
	sizes := m.sizes()
	peak := m.peak(sizes)
	r := result{
		samples: map[place][heap.Views]heap.Value{}, peakBytes: sizes[peak],
		window: windowText(bounds), names: m.names, unknown: m.unpushed,
	}
	total := map[place]heap.Value{}
	for i := m.begin; i < m.end; i++ {
		if !m.items[i].memory {
			r.events++
		}
		if m.allocates(i) {
			addValue(total, m.items[i].place, m.items[i].size)
		}
	}
	views := map[heap.View]map[place]heap.Value{
		heap.Total: total, heap.Temporary: m.temporary(), heap.Live: m.snapshot(m.end), heap.Peak: m.snapshot(peak),
	}
	for v, values := range views {
		for k, value := range values {
			all := r.samples[k]
			all[v] = value
			r.samples[k] = all
		}
	}
	for i, x := range m.items {
		if x.memory && i < peak {
			r.peakTime = x.time
		}
		if x.memory && i >= m.begin-1 && i <= m.end {
			r.series = append(r.series, heap.Point{Time: x.time, RSS: x.rss, Heap: sizes[i]})
		}
	}
	if m.from != nil {
		r.kept = m.kept()
	}
	r.sizes = m.sizeCounts()
	if m.options.Oldest {
		r.oldest = m.oldest(peak)
	}
	return r
}

// kept is what was made in the window and is alive at its end, calls that failed apart.
func (m *model) kept() map[place]heap.Value {
	out := map[place]heap.Value{}
	s := m.replay(m.end)
	for _, i := range s.blocks {
		if i >= m.begin {
			addValue(out, m.items[i].place, m.items[i].size)
		}
	}
	for _, p := range s.pieces {
		if p.by >= m.begin && !(m.items[p.by].failed) {
			addValue(out, m.items[p.by].place, p.bytes)
		}
	}
	return out
}

// oldest gives the number of the event that made the oldest allocation of each view.
func (m *model) oldest(peak int) map[place][heap.Views]uint64 {
	out := map[place][heap.Views]uint64{}
	see := func(v heap.View, made int) {
		number := uint64(0)
		for _, x := range m.items[:made+1] {
			if !x.memory {
				number++
			}
		}
		all := out[m.items[made].place]
		if all[v] == 0 || number < all[v] {
			all[v] = number
		}
		out[m.items[made].place] = all
	}
	for i := m.begin; i < m.end; i++ {
		if m.allocates(i) {
			see(heap.Total, i)
		}
		if m.like && m.frees(i) {
			if made := m.inRing(i); made >= 0 {
				see(heap.Temporary, made)
			}
		}
	}
	for v, upTo := range map[heap.View]int{heap.Live: m.end, heap.Peak: peak} {
		s := m.replay(upTo)
		for _, i := range s.blocks {
			see(v, i)
		}
		for _, p := range s.pieces {
			see(v, p.by)
		}
	}
	return out
}

// sizeCounts counts the allocations of the window by size.
func (m *model) sizeCounts() []heap.SizeCount {
	counts := map[uint64]uint64{}
	for i := m.begin; i < m.end; i++ {
		if m.allocates(i) {
			counts[m.items[i].size]++
		}
	}
	out := []heap.SizeCount{}
	for _, size := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, heap.SizeCount{Size: size, Count: counts[size]})
	}
	return out
}

func windowText(w *heap.Window) string {
	if w == nil {
		return "whole"
	}
	return fmt.Sprintf("%d to %d", w.From, w.Until)
}
