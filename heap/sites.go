package heap

import "github.com/memvault/memvault/codec"

// siteTable tells which stacks show the same, as they come: the same functions, files and lines,
// on whatever thread and by whatever instructions. Outer frames of the main thread that are
// hidden count as not there. A site is a number; 0 is no stack.
type siteTable struct {
	hidden uint32     // number of outer frames of the main thread
	nodes  []siteNode // beside stackTree.nodes, as far as they were needed
	sites  map[siteKey]uint32
	frames map[uint64]uint32 // by key of the frame: its text
	texts  map[siteText]uint32
	quirks quirk
}

type siteNode struct {
	depth     uint32
	all, main uint32 // site with and without the hidden frames
}

type siteKey struct{ parent, text uint32 }

// siteText is what a frame shows. One that is not defined yet, as up to 1.5.0 may be, shows its key.
type siteText struct {
	function, file string
	line           int32
	undefined      uint64
}

func newSiteTable(h *codec.Header, q quirk) *siteTable {
	return &siteTable{
		hidden: uint32(min(h.SkippedFrames, 1<<32-1)), nodes: make([]siteNode, 1), quirks: q,
		sites: map[siteKey]uint32{}, frames: map[uint64]uint32{}, texts: map[siteText]uint32{},
	}
}

// of gives the site of a node of the tree.
func (s *siteTable) of(h *codec.Header, t *stackTree, d *definitions, node uint32, main bool) uint32 {
	for i := len(s.nodes); i <= int(node); i++ {
		n := &t.nodes[i]
		parent, text := &s.nodes[n.parent], s.frame(h, d, n.key)
		out := siteNode{depth: parent.depth + 1, all: s.child(parent.all, text)}
		if out.depth > s.hidden {
			out.main = s.child(parent.main, text)
		}
		s.nodes = append(s.nodes, out)
	}
	if main {
		return s.nodes[node].main
	}
	return s.nodes[node].all
}

func (s *siteTable) child(parent, text uint32) uint32 {
	k := siteKey{parent, text}
	i, ok := s.sites[k]
	if !ok {
		i = uint32(len(s.sites) + 1)
		s.sites[k] = i
	}
	return i
}

func (s *siteTable) frame(h *codec.Header, d *definitions, key uint64) uint32 {
	i, ok := s.frames[key]
	if ok {
		return i
	}
	f, ok := d.resolveKey(h, key, s.quirks)
	text := siteText{function: f.Function, file: f.File, line: f.Line}
	if !ok {
		text = siteText{undefined: key + 1}
	}
	if i, ok = s.texts[text]; !ok {
		i = uint32(len(s.texts))
		s.texts[text] = i
	}
	s.frames[key] = i
	return i
}
