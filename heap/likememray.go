package heap

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

// ring holds the threshold+1 latest allocations of a thread, as Memray does.
type ring struct {
	list []event
	next int // where in list the next one goes, once it is full
}

func (l *ledger) remember(e *event) {
	for int(e.thread) >= len(l.rings) {
		l.rings = append(l.rings, ring{})
	}
	r := &l.rings[e.thread]
	if len(r.list) <= int(l.threshold) {
		r.list = append(r.list, *e)
		return
	}
	r.list[r.next] = *e
	r.next = (r.next + 1) % len(r.list)
}

// findRecent judges a free as Memray does: the newest entry of the freeing thread's ring with
// that address (and for mappings, that size) is temporary, and stays in the ring, so that it
// can be found once more (facts: section 10.3).
func (l *ledger) findRecent(e *event) {
	if int(e.thread) >= len(l.rings) {
		return
	}
	r := &l.rings[e.thread]
	want := opMalloc
	if e.op == opUnmap {
		want = opMap
	}
	for k := range r.list {
		x := &r.list[(r.next-1-k+2*len(r.list))%len(r.list)]
		if x.address == e.address && x.op == want && (want == opMalloc || x.size == e.size) {
			l.counts[x.sample].temp.add(1, x.size)
			return
		}
	}
}
