package heap

import "github.com/memvault/memvault/codec"

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

// remember puts an allocation into the thread's ring of the threshold+1 latest ones.
func (b *Builder) remember(r *codec.Record, i uint32) {
	t := b.cur
	e := recent{address: r.Address, size: r.Size, sample: i}
	if len(t.ring) <= int(b.threshold) {
		t.ring = append(t.ring, e)
		return
	}
	t.ring[t.next] = e
	t.next = (t.next + 1) % len(t.ring)
}

// freeLike judges a free as Memray does: the newest entry of the freeing thread's ring with
// that address (and for mappings, that size) is temporary, and stays in the ring, so that it
// can be found once more (facts: section 10.3).
func (b *Builder) freeLike(address, size uint64, ranged bool) {
	t := b.cur
	for k := range t.ring {
		i := (t.next - 1 - k + 2*len(t.ring)) % len(t.ring)
		e := &t.ring[i]
		s := &b.samples.list[e.sample]
		if e.address == address && s.allocator().Ranged() == ranged && (!ranged || e.size == size) {
			s.temp.add(1, e.size)
			return
		}
	}
}
