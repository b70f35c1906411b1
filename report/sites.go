package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/memvault/memvault/heap"
)

// sites tells of each stack what explanations go by. All slices are beside Profile.Stacks and
// hold indexes into frames plus 1, 0 being none. One look at each stack is enough, for a
// caller comes before what it calls.
type sites struct {
	frames  []Frame       // distinct
	modules []heap.Module // beside frames

	// leaf is the innermost frame, origin the innermost one that is not of the standard library.
	leaf, origin []uint32
	// importer is the innermost code that the stack imports with: the top level of a module that is
	// being imported, or a function that imports. What the machinery of imports
	// allocates, as for the code of a module, counts for who has it imported.
	importer []uint32
	// logger is who calls a logging library, seen from outside.
	logger []uint32
}

// newSites looks at the stacks of p. Hidden outer frames count like others: they are few and
// innermost frames decide.
func newSites(p *heap.Profile) *sites {
	s := &sites{}
	var ofFrame []uint32
	s.frames, ofFrame = frames(p)
	m := heap.NewModules(&p.Header)
	for _, f := range s.frames {
		s.modules = append(s.modules, m.Of(f.File))
	}
	n := len(p.Stacks)
	s.leaf, s.origin = make([]uint32, n), make([]uint32, n)
	s.importer, s.logger = make([]uint32, n), make([]uint32, n)
	for i := 1; i < n; i++ {
		s.look(i, p.Stacks[i].Parent, ofFrame[p.Stacks[i].Frame]+1)
	}
	return s
}

// look finds out about stack i, which calls frame f from the stack parent.
func (s *sites) look(i int, parent, f uint32) {
	s.leaf[i] = f
	if s.origin[i] = f; s.passing(f) {
		s.origin[i] = s.origin[parent]
	}
	caller := s.leaf[parent]
	s.importer[i] = s.importer[parent]
	switch {
	case s.machinery(f) && !s.machinery(caller):
		s.importer[i] = caller
	case !s.machinery(f) && s.machinery(caller) && s.frames[f-1].Function == "<module>":
		s.importer[i] = f
	}
	if s.logger[i] = s.logger[parent]; s.logger[i] == 0 && s.logs(f) {
		s.logger[i] = cmp.Or(caller, f)
	}
}

// of gives whom the allocations of a stack are for: its origin, or its leaf if all of it
// is of the standard library.
func (s *sites) of(stack uint32) uint32 { return cmp.Or(s.origin[stack], s.leaf[stack]) }

// passing reports whether a frame only does what others ask for: the standard library, and Memray.
func (s *sites) passing(f uint32) bool {
	m := &s.modules[f-1]
	return m.Place == heap.PlaceStdlib || m.Place == heap.PlaceFrozen || m.Top == "memray"
}

// machinery reports whether a frame is of what carries out imports.
func (s *sites) machinery(f uint32) bool {
	return f != 0 && (s.frames[f-1].importSystem() || s.modules[f-1].Name == "importlib")
}

// loggingPackages are libraries that programs log with.
var loggingPackages = []string{"logging", "structlog", "loguru", "logbook"}

// logs reports whether a frame is of a logging library, other than of being imported.
func (s *sites) logs(f uint32) bool {
	m := &s.modules[f-1]
	if s.frames[f-1].Function == "<module>" {
		return false
	}
	return slices.Contains(loggingPackages, m.Top) || strings.Contains(m.Name, ".logging.") ||
		strings.HasSuffix(m.Name, ".logging")
}
