package heap

import "math/bits"

// Maximum is the most that the samples of a stack held at once, and for how long.
type Maximum struct {
	// Value is what they held when they held the most bytes; of several such moments, when they
	// held the most allocations too. In windows it counts older blocks too.
	Value
	// Lifetime is the time that the allocations were alive, summed over them, in milliseconds
	// between memory records. In windows it does not count older blocks. What is left of a
	// mapping, up to two pieces, lives on as an allocation each.
	Lifetime uint64
}

// maxima keeps the most that was alive at each site (see siteTable).
type maxima struct {
	sites []site
	of    []uint32 // by sample: index into sites
	clock int64
	hits  []piece // scratch
}

type site struct {
	now, max Value
	own      uint64 // number of live blocks that were made in the window
	lifetime uint64 // until since
	since    int64
	number   uint32 // index into Profile.Maxima, plus 1
}

// meet takes in the sites of new samples.
func (m *maxima) meet(sites []uint32) {
	for _, s := range sites {
		m.of = append(m.of, s)
		for int(s) >= len(m.sites) {
			m.sites = append(m.sites, site{since: m.clock})
		}
	}
}

// begin starts the window.
func (m *maxima) begin(l *ledger, at int64) {
	m.clock = at
	for i := range m.sites {
		m.sites[i] = site{since: at}
	}
	for i := 1; i < len(l.counts); i++ {
		now := &l.counts[i].now
		m.sites[m.of[i]].now.add(now.Count, now.Bytes)
	}
	for i := range m.sites {
		m.sites[i].max = m.sites[i].now
	}
}

// before does what e is about to do.
func (m *maxima) before(l *ledger, e *event) {
	switch e.op {
	case opMalloc:
		m.leave(l.live.get(e.address))
		m.make(e)
	case opFree:
		m.leave(l.live.get(e.address))
	case opMap:
		if e.size > 0 {
			m.make(e)
		}
	case opUnmap:
		start, end := e.address, rangeEnd(e.address, e.size)
		m.hits = l.ranges.appendHits(m.hits[:0], start, end)
		for i := range m.hits {
			m.cut(&m.hits[i], start, end)
		}
	}
}

func (m *maxima) make(e *event) {
	s := m.settle(e.sample)
	s.own++
	s.now.add(1, e.size)
	if s.now.Bytes > s.max.Bytes || s.now.Bytes == s.max.Bytes && s.now.Count > s.max.Count {
		s.max = s.now
	}
}

// leave is for a block that is about to be freed, if there is one.
func (m *maxima) leave(old block) {
	if old.sample == 0 {
		return
	}
	s := m.settle(old.sample & maskSample)
	s.now.sub(1, old.size)
	if old.sample&flagBefore == 0 {
		s.own--
	}
}

// cut is for a piece out of which [start, end) is about to be unmapped.
func (m *maxima) cut(p *piece, start, end uint64) {
	s := m.settle(p.sample & maskSample)
	s.now.sub(1, min(p.end, end)-max(p.start, start))
	left := uint64(0)
	if p.start < start {
		left++
	}
	if end < p.end {
		left++
	}
	s.now.Count += left
	if p.sample&flagBefore == 0 {
		s.own += left - 1 // modulo 2^64
	}
}

// settle brings the lifetime of a sample's site up to now, before it changes.
func (m *maxima) settle(sample uint32) *site {
	s := &m.sites[m.of[sample]]
	if s.since != m.clock {
		s.lifetime = satAdd(s.lifetime, satMul(s.own, uint64(m.clock-s.since)))
		s.since = m.clock
	}
	return s
}

func satMul(a, b uint64) uint64 {
	if hi, lo := bits.Mul64(a, b); hi == 0 {
		return lo
	}
	return 1<<64 - 1
}

// holds reports whether the site of sample i ever held anything.
func (m *maxima) holds(i int) bool { return m.sites[m.of[i]].max != (Value{}) }

// sample tells of sample i of the ledger, which comes into p.
func (m *maxima) sample(p *Profile, i int) {
	s := m.settle(uint32(i))
	if s.number == 0 {
		p.Maxima = append(p.Maxima, Maximum{Value: s.max, Lifetime: s.lifetime})
		s.number = uint32(len(p.Maxima))
	}
	p.MaximumOf = append(p.MaximumOf, s.number-1)
}
