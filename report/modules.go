package report

import (
	"github.com/memvault/memvault/heap"
)

// root is what Memray calls code of which no frame is outside the standard library.
const root = "<root>"

// packages finds whose code a stack is of: the top-level package of its innermost frame that is
// not of the standard library.
type packages struct {
	p       *heap.Profile
	of      func(file string) heap.Module
	byStack []heap.Module // beside Profile.Stacks
}

// newPackages looks at all stacks once; parents come before children.
func newPackages(p *heap.Profile) *packages {
	m := heap.NewModules(&p.Header)
	k := &packages{p: p, of: m.Of, byStack: make([]heap.Module, len(p.Stacks))}
	if p.LikeMemray {
		k.of = m.Memray
	}
	k.byStack[0] = heap.Module{Top: root}
	byFrame := make([]heap.Module, len(p.Frames))
	for i := range p.Frames {
		byFrame[i] = k.of(p.Frames[i].File)
	}
	for i := 1; i < len(p.Stacks); i++ {
		mod := byFrame[p.Stacks[i].Frame]
		switch {
		case mod.Place == heap.PlaceStdlib || mod.Place == heap.PlaceFrozen:
			mod = k.byStack[p.Stacks[i].Parent]
		case mod.Top == "memray":
			mod = heap.Module{Top: root}
		}
		k.byStack[i] = mod
	}
	return k
}

// modules sums up by top-level package.
func modules(p *heap.Profile, v heap.View) []place {
	k := newPackages(p)
	var names interner[string]
	var places []place
	for i := range p.Samples {
		val := p.Value(i, v)
		if val == (heap.Value{}) {
			continue
		}
		n := names.of(k.byStack[p.Samples[i].Stack].Top)
		if int(n) == len(places) {
			places = append(places, place{name: names.values[n]})
		}
		places[n].Value = sum(places[n].Value, val)
	}
	return places
}
