package heap

import (
	"slices"
)

// boundary is a memory record that a slice may end at.
type boundary struct {
	id   uint32 // from 1, never given twice
	time int64
}

// pastRun is what a sample held at the boundaries after those of the run before it, up to
// the one with id until.
type pastRun struct {
	Value
	until  uint32
	before uint32 // an index into past.runs; 0 is none
}

// past keeps what samples held at boundaries:
//
//  1. Memory records at least stride apart are boundaries, numbered from 1.
//  2. At a boundary, what each sample holds is noted; equal values in succession are one run.
//  3. When 2*slices boundaries are kept, every second one is forgotten with the runs that tell of
//     no other, and stride is what is then between them. So a sample has at most
//     2*slices runs, and fewer if it changes seldom.
//
// The number of boundaries grows with the logarithm of the time at most, so noting all samples
// at each costs less than looking at each event would.
type past struct {
	slices int
	start  int64
	stride uint64
	next   int64 // no boundary comes before
	kept   []boundary
	latest uint32   // id of the latest boundary
	heads  []uint32 // by sample: its latest run; 0 is none
	runs   []pastRun
	spare  []pastRun
	list   []pastRun // scratch
}

// begin starts the time at start; end is when it will end, as far as that is known already, else 0.
func (p *past) begin(start, end int64) {
	p.start, p.stride = start, 1
	if end > start {
		p.stride = max(uint64(end-start)/uint64(p.slices), 1)
	}
	p.next = after(start, p.stride)
	p.runs, p.heads, p.kept = make([]pastRun, 1), nil, nil
}

// after is a time that comes so many milliseconds after t, at most the last that there is.
func after(t int64, ms uint64) int64 {
	if sum := t + int64(ms); sum >= t && ms < 1<<63 {
		return sum
	}
	return 1<<63 - 1
}

// tick takes in the time of a memory record, which must not be before next, and what each sample holds.
func (p *past) tick(at int64, counts []count) {
	p.latest++
	p.kept = append(p.kept, boundary{p.latest, at})
	for i := range p.heads {
		p.heads[i] = p.add(p.heads[i], p.latest, counts[i].now)
	}
	for i := len(p.heads); i < len(counts); i++ {
		head := uint32(0)
		if p.latest > 1 { // it held nothing before
			head = p.add(0, p.latest-1, Value{})
		}
		p.heads = append(p.heads, p.add(head, p.latest, counts[i].now))
	}
	elapsed := uint64(at - p.start)
	if len(p.kept) >= 2*p.slices {
		p.stride = max(elapsed/uint64(p.slices), 1)
		p.forget()
	}
	p.next = after(p.start, satAdd(elapsed-elapsed%p.stride, p.stride))
}

// forget drops every second boundary, but not the latest, and the runs that are no longer needed.
func (p *past) forget() {
	for i := range p.kept[:len(p.kept)/2] {
		p.kept[i] = p.kept[2*i+1]
	}
	p.kept = p.kept[:len(p.kept)/2]
	old := p.runs
	p.runs = append(p.spare[:0], pastRun{})
	for i, head := range p.heads {
		p.heads[i] = p.prune(collect(p.list[:0], old, head))
	}
	p.spare = old[:0]
}

// prune makes a list of those runs that tell of a boundary which is kept, and gives its end.
func (p *past) prune(list []pastRun) (head uint32) {
	p.list = list // for its memory
	from := uint32(0)
	for _, r := range list {
		if i := p.search(from + 1); i < len(p.kept) && p.kept[i].id <= r.until {
			head = p.add(head, r.until, r.Value)
		}
		from = r.until
	}
	return head
}

// search gives the index of the first kept boundary with this id or a later one.
func (p *past) search(id uint32) int {
	i, _ := slices.BinarySearchFunc(p.kept, id, func(b boundary, id uint32) int {
		return int(int64(b.id) - int64(id))
	})
	return i
}

// add appends a run to the list that ends with head, and gives its new end.
func (p *past) add(head, until uint32, v Value) uint32 {
	if head != 0 && p.runs[head].Value == v {
		p.runs[head].until = until
		return head
	}
	p.runs = append(p.runs, pastRun{Value: v, until: until, before: head})
	return uint32(len(p.runs) - 1)
}

// collect appends the runs of the list that ends with head, oldest first.
func collect(dst, runs []pastRun, head uint32) []pastRun {
	from := len(dst)
	for i := head; i != 0; i = runs[i].before {
		dst = append(dst, runs[i])
	}
	slices.Reverse(dst[from:])
	return dst
}

// pick chooses the boundaries nearest to the ends of equal slices of the time until end, the
// last slice left out.
func (p *past) pick(end int64) []boundary {
	kept := p.kept
	for len(kept) > 0 && kept[len(kept)-1].time >= end {
		kept = kept[:len(kept)-1]
	}
	var picked []boundary
	length := float64(end) - float64(p.start)
	for k := 1; k < p.slices && len(kept) > 0; k++ {
		want := float64(p.start) + length*float64(k)/float64(p.slices)
		for len(kept) > 1 && distance(kept[1].time, want) < distance(kept[0].time, want) {
			kept = kept[1:]
		}
		if n := len(picked); n == 0 || picked[n-1] != kept[0] {
			picked = append(picked, kept[0])
		}
	}
	return picked
}

func distance(t int64, want float64) float64 {
	return max(float64(t)-want, want-float64(t))
}

// appendTo appends to h what sample i held at the boundaries that slices end at, and what it
// holds now, at the end of the last slice.
func (p *past) appendTo(h *History, picked []boundary, i int, now Value) {
	first := len(h.Runs)
	put := func(until int, v Value) {
		if n := len(h.Runs); n > first && h.Runs[n-1].Value == v {
			h.Runs[n-1].Until = uint32(until)
			return
		}
		h.Runs = append(h.Runs, Run{Until: uint32(until), Value: v})
	}
	p.list = p.list[:0]
	if i < len(p.heads) { // else it came after the last boundary
		p.list = collect(p.list, p.runs, p.heads[i])
	}
	r := 0
	for k, b := range picked {
		for r < len(p.list) && p.list[r].until < b.id {
			r++
		}
		var v Value
		if r < len(p.list) {
			v = p.list[r].Value
		}
		put(k+1, v)
	}
	put(len(picked)+1, now)
	h.First = append(h.First, len(h.Runs))
}
