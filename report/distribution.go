package report

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// Distribution is how many allocations were made by each allocator, most first. JSON has it as an
// object in that order.
type Distribution []AllocatorCount

// AllocatorCount is an allocator, by its name in upper case, and a number of allocations.
type AllocatorCount struct {
	Name  string
	Count uint64
}

// MarshalJSON gives the object.
func (d Distribution) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, a := range d {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%d", a.Name, a.Count) // names are plain letters
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func distribution(p *heap.Profile, v heap.View) Distribution {
	var counts [codec.Munmap + 1]uint64
	for i := range p.Samples {
		a := p.Samples[i].Allocator
		counts[a] = saturated(counts[a], p.Value(i, v).Count)
	}
	d := Distribution{}
	for a, n := range counts {
		if n > 0 {
			d = append(d, AllocatorCount{strings.ToUpper(codec.Allocator(a).String()), n})
		}
	}
	slices.SortStableFunc(d, func(a, b AllocatorCount) int { return cmp.Compare(b.Count, a.Count) })
	return d
}
