package heap

import "maps"

// quirk is a point in which Memray is wrong or arbitrary, numbered as in the facts' section 14.
// Options.LikeMemray is all of them; tests set them one by one.
type quirk uint8

const (
	quirkLines  quirk = 1 << iota // 4, 5: signed line increments, line 0 before the first instruction
	quirkTotal                    // 6: a block allocated twice stays in the running total
	quirkCounts                   // 10: merged rows of aggregated captures count as one allocation each
	quirkRing                     // 13: an allocation that was temporary stays in the ring
	quirkFailed                   // 16: calls that failed count

	allQuirks = quirkLines | quirkTotal | quirkCounts | quirkRing | quirkFailed
)

func (q quirk) has(o quirk) bool { return q&o != 0 }

// ring holds the threshold+1 latest allocations of a thread, as Memray does. Up to
// listedThreshold they are a list, which is looked through. Of more, that would take too long, and
// what counts is only the newest one of each address.
type ring struct {
	list []remembered
	next int // where in list the next one goes, once it is full

	newest map[ringKey]ringEntry
	n      uint64 // allocations so far
}

const listedThreshold = 32

type remembered struct {
	event
	number uint64 // of the event
}

// ringKey is what a deallocation is compared by; size is 0 but for mappings.
type ringKey struct {
	address, size uint64
	op            op
}

type ringEntry struct {
	n, size uint64
	number  uint64 // of the event
	sample  uint32
}

// key gives the key of an allocation, or of the one that a deallocation looks for.
func (e *event) key() ringKey {
	if e.op == opMap || e.op == opUnmap {
		return ringKey{address: e.address, size: e.size, op: opMap}
	}
	return ringKey{address: e.address, op: opMalloc}
}

func (l *ledger) remember(e *event) {
	for int(e.thread) >= len(l.rings) {
		l.rings = append(l.rings, ring{})
	}
	r := &l.rings[e.thread]
	switch {
	case l.threshold > listedThreshold:
		r.index(e, l.event, uint64(l.threshold))
	case len(r.list) <= int(l.threshold):
		r.list = append(r.list, remembered{*e, l.event})
	default:
		r.list[r.next] = remembered{*e, l.event}
		r.next = (r.next + 1) % len(r.list)
	}
}

// index enters e. Entries too old to be found go when they may be half of all.
func (r *ring) index(e *event, number, threshold uint64) {
	if r.newest == nil {
		r.newest = map[ringKey]ringEntry{}
	}
	r.n++
	r.newest[e.key()] = ringEntry{n: r.n, size: e.size, number: number, sample: e.sample}
	if uint64(len(r.newest)) > 2*(threshold+1) {
		maps.DeleteFunc(r.newest, func(_ ringKey, x ringEntry) bool { return r.n-x.n > threshold })
	}
}

// findRecent judges a free as Memray does: the newest entry of the freeing thread's ring with
// that address (and for mappings, that size) is temporary, and stays in the ring, so that it
// can be found once more (facts: section 10.3).
func (l *ledger) findRecent(e *event) {
	if int(e.thread) >= len(l.rings) {
		return
	}
	r, key := &l.rings[e.thread], e.key()
	if l.threshold > listedThreshold {
		if x, ok := r.newest[key]; ok && r.n-x.n <= uint64(l.threshold) {
			l.recent(x.sample, x.size, x.number)
		}
		return
	}
	for k := range r.list {
		x := &r.list[(r.next-1-k+2*len(r.list))%len(r.list)]
		if x.key() == key {
			l.recent(x.sample, x.size, x.number)
			return
		}
	}
}

// recent counts an allocation that was found to be temporary.
func (l *ledger) recent(sample uint32, size, number uint64) {
	l.counts[sample].temp.add(1, size)
	if l.follower != nil && l.follower.ages != nil {
		l.follower.ages.temporary(sample, number)
	}
}
