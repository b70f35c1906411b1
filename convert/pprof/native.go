package pprof

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/heap"
)

// addresses turns native stacks into locations.
type addresses struct {
	m      *Merger
	byNode []nodeLocation // beside heap.Profile.Natives
	lists  []listing      // beside heap.Profile.Images
}

// listing is a list of images; its fields are nil until used.
type listing struct {
	spans    []span
	mappings []*profile.Mapping // beside the images; nil until used
}

// nodeLocation remembers the location of a native node in the listing it was last seen in.
type nodeLocation struct {
	location *profile.Location
	images   uint32
}

// span is a segment at its place in the process, end not included.
type span struct {
	start, end uint64
	image      int
}

func newAddresses(m *Merger, p *heap.Profile) *addresses {
	return &addresses{
		m:      m,
		byNode: make([]nodeLocation, len(p.Natives)),
		lists:  make([]listing, len(p.Images)),
	}
}

// appendTo appends the return addresses of s, innermost first.
func (a *addresses) appendTo(dst []*profile.Location, p *heap.Profile, s *heap.Sample) []*profile.Location {
	for n := s.Native; n != 0; n = p.Natives[n].Parent {
		known := &a.byNode[n]
		if known.location == nil || known.images != s.Images {
			*known = nodeLocation{location: a.location(p, s.Images, p.Natives[n].IP), images: s.Images}
		}
		dst = append(dst, known.location)
	}
	return dst
}

// location places a return address in the image that holds it. pprof wants an address
// within the call, as its own reader of heap profiles makes them: one less, so that a call at
// the end of a function or line is not taken for what follows it.
func (a *addresses) location(p *heap.Profile, images uint32, ip uint64) *profile.Location {
	mp := a.mapping(&a.lists[images], p.Images[images], ip)
	if ip > 0 && (mp == nil || ip > mp.Start) {
		ip--
	}
	return a.m.location(mp, nil, 0, ip)
}

// mapping gives the mapping of the image that holds ip, or nil.
func (a *addresses) mapping(l *listing, images []heap.Image, ip uint64) *profile.Mapping {
	if l.spans == nil {
		l.spans, l.mappings = spansOf(images), make([]*profile.Mapping, len(images))
	}
	i := sort.Search(len(l.spans), func(i int) bool { return l.spans[i].start > ip }) - 1
	if i < 0 || ip >= l.spans[i].end {
		return nil
	}
	mp := &l.mappings[l.spans[i].image]
	if *mp == nil {
		*mp = a.m.mapping(imageMapping(&images[l.spans[i].image]))
	}
	return *mp
}

// spansOf sorts the segments of a listing.
func spansOf(images []heap.Image) []span {
	spans := make([]span, 0, len(images))
	for i := range images {
		for _, s := range images[i].Segments {
			if s.Size > 0 {
				start := images[i].Bias + s.Address
				spans = append(spans, span{start: start, end: addAddress(start, s.Size), image: i})
			}
		}
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	return spans
}

// imageMapping spans all segments of an image. Captures hold no build ids, so nobody can
// tell whether the file of that name, on whatever machine pprof runs, is the one that was
// loaded: the mapping says that it has its functions, or pprof would complain of a
// missing file, or name addresses after the wrong one without a word.
func imageMapping(image *heap.Image) profile.Mapping {
	mp := profile.Mapping{File: image.File, Start: math.MaxUint64, HasFunctions: true}
	for _, s := range image.Segments {
		start := image.Bias + s.Address
		mp.Start = min(mp.Start, start)
		mp.Limit = max(mp.Limit, addAddress(start, s.Size))
	}
	return mp
}

// addAddress stays at the last address.
func addAddress(a, size uint64) uint64 {
	if size > math.MaxUint64-a {
		return math.MaxUint64
	}
	return a + size
}
