package heap

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/memvault/memvault/codec"
)

// imageListings keeps the listings of loaded images (generations). A listing that only adds
// images to the one before takes its place, since what the older one resolves the newer one
// resolves alike; so a program that loads a thousand libraries has one listing, not a thousand.
type imageListings struct {
	images  []Image
	byKey   map[string]uint32 // index into images
	lists   [][]uint32        // sorted indexes into images; index 0 is the empty listing
	byList  map[string]uint32 // index into lists of every listing seen
	latest  uint32            // the listing that is in force
	ofGen   []uint32          // the listing of each generation, from 1 on (for aggregated rows)
	open    []Image           // the listing that is being read
	reading bool
}

func newImageListings() imageListings {
	return imageListings{
		byKey: map[string]uint32{}, byList: map[string]uint32{},
		lists: make([][]uint32, 1), ofGen: make([]uint32, 1),
	}
}

func (l *imageListings) start() {
	l.finish()
	l.open, l.reading = nil, true
}

func (l *imageListings) image(r *codec.Record) {
	l.open = append(l.open, Image{File: strings.ToValidUTF8(string(r.File), "\uFFFD"), Bias: r.Address})
}

// segment adds a segment to the latest image, and reports whether there is one.
func (l *imageListings) segment(r *codec.Record) bool {
	if len(l.open) == 0 {
		return false
	}
	i := &l.open[len(l.open)-1]
	i.Segments = append(i.Segments, Segment{Address: r.Address, Size: r.Size})
	return true
}

// current gives the listing in force.
func (l *imageListings) current() uint32 {
	if l.reading {
		l.finish()
	}
	return l.latest
}

// generation gives the listing of a generation, numbered from 1.
func (l *imageListings) generation(g uint64) (uint32, bool) {
	l.finish()
	i, ok := index(g, len(l.ofGen))
	return l.ofGen[i], ok
}

// finish takes in the listing that was being read.
func (l *imageListings) finish() {
	if !l.reading {
		return
	}
	l.reading = false
	list := make([]uint32, 0, len(l.open))
	for _, image := range l.open {
		list = append(list, l.intern(image))
	}
	l.open = nil
	slices.Sort(list)
	list = slices.Compact(list)
	key := listKey(list)
	known, ok := l.byList[key]
	switch {
	case ok:
		l.latest = known
	case l.latest != 0 && contains(list, l.lists[l.latest]):
		l.lists[l.latest] = list
		l.byList[key] = l.latest
	default:
		l.latest = uint32(len(l.lists))
		l.lists = append(l.lists, list)
		l.byList[key] = l.latest
	}
	l.ofGen = append(l.ofGen, l.latest)
}

func (l *imageListings) intern(image Image) uint32 {
	var b []byte
	b = append(b, image.File...)
	b = binary.LittleEndian.AppendUint64(append(b, 0), image.Bias)
	for _, s := range image.Segments {
		b = binary.LittleEndian.AppendUint64(b, s.Address)
		b = binary.LittleEndian.AppendUint64(b, s.Size)
	}
	i, ok := l.byKey[string(b)]
	if !ok {
		i = uint32(len(l.images))
		l.images = append(l.images, image)
		l.byKey[string(b)] = i
	}
	return i
}

func listKey(list []uint32) string {
	b := make([]byte, 0, 4*len(list))
	for _, i := range list {
		b = binary.LittleEndian.AppendUint32(b, i)
	}
	return string(b)
}

// contains reports whether every element of part is in list; both are sorted.
func contains(list, part []uint32) bool {
	for _, p := range part {
		i, ok := slices.BinarySearch(list, p)
		if !ok {
			return false
		}
		list = list[i:]
	}
	return true
}

// listings gives the result for Profile.Images.
func (l *imageListings) listings() [][]Image {
	l.finish()
	out := make([][]Image, len(l.lists))
	for i, list := range l.lists {
		for _, k := range list {
			out[i] = append(out[i], l.images[k])
		}
	}
	return out
}
