package report

import (
	"cmp"
	"io"
	"slices"
	"strconv"

	"github.com/memvault/memvault/internal/safetext"
)

// WriteText prints the tree, a call a line. If the profile was like Memray's, frames that Memray hides
// until told otherwise are left out: runpy, and the machinery that imports modules.
func (t *Tree) WriteText(w io.Writer) error {
	p := &treePrinter{printer: printer{w: w}, tree: t}
	if t.Root.Value == 0 && t.Root.Allocations == 0 {
		p.printf("<No allocations>\n")
		return p.err
	}
	p.printf("%s\n", p.text(t.Root))
	p.below(p.children(t.Root), "", 1)
	if e := t.Elided; e.Locations > 0 {
		p.printf("%s (%.2f %%) %s from %s, none larger than the %d that are shown; -n shows more\n",
			t.options.size(e.Bytes), percent(e.Bytes, t.Root.Value), count(e.Allocations, "allocation"),
			count(e.Locations, "stack"), e.Cutoff)
	}
	return p.err
}

type treePrinter struct {
	printer
	tree *Tree
}

// text is the line of a node.
func (p *treePrinter) text(n *TreeNode) string {
	s := p.tree.options.size(n.Value) + " (" + strconv.FormatFloat(percent(n.Value, p.tree.Root.Value), 'f', 2, 64) + " %) " +
		n.Location.Function
	if l := n.Location; l.File != "" || l.Line != 0 {
		s += "  " + l.File + ":" + strconv.Itoa(int(l.Line))
	}
	return safetext.Printable(s)
}

// children gives the nodes below n that are to be seen.
func (p *treePrinter) children(n *TreeNode) []*TreeNode {
	if !p.tree.hide {
		return n.Children
	}
	var out []*TreeNode
	for _, c := range n.Children {
		if c.Interesting {
			out = append(out, c)
		} else {
			out = append(out, p.children(c)...)
		}
	}
	slices.SortStableFunc(out, func(a, b *TreeNode) int { return cmp.Compare(b.Value, a.Value) })
	return out
}

// below prints nodes of one parent, each with what is below it.
func (p *treePrinter) below(nodes []*TreeNode, indent string, level int) {
	shown, folded := p.fold(nodes)
	for i, n := range shown {
		last := i == len(shown)-1 && folded == nil
		branch, deeper := "├── ", "│   "
		if last {
			branch, deeper = "└── ", "    "
		}
		p.printf("%s%s%s\n", indent, branch, p.text(n))
		p.chain(n, indent+deeper, level)
	}
	if folded != nil {
		p.printf("%s└── %s\n", indent, p.text(folded))
	}
}

// chain prints what n called: on one level as long as it is a single call each time.
func (p *treePrinter) chain(n *TreeNode, indent string, level int) {
	if percent(n.Value, p.tree.Root.Value) < p.tree.options.MinPercent {
		return
	}
	next := p.children(n)
	for len(next) == 1 {
		n = next[0]
		p.printf("%s%s\n", indent, p.text(n))
		next = p.children(n)
	}
	switch d := p.tree.options.Depth; {
	case len(next) == 0:
	case d > 0 && level >= d:
		p.printf("%s... %s below; --depth shows more\n", indent, count(len(next), "call"))
	default:
		p.below(next, indent, level+1)
	}
}

// fold makes one node of those that are too small to be shown one by one; nil if there are not two.
func (p *treePrinter) fold(nodes []*TreeNode) (shown []*TreeNode, folded *TreeNode) {
	var small []*TreeNode
	for _, n := range nodes {
		if percent(n.Value, p.tree.Root.Value) < p.tree.options.MinPercent {
			small = append(small, n)
		} else {
			shown = append(shown, n)
		}
	}
	if len(small) < 2 {
		return nodes, nil
	}
	folded = &TreeNode{Location: Location{Function: "in " + count(len(small), "smaller call")}}
	for _, n := range small {
		folded.Value = saturated(folded.Value, n.Value)
	}
	return shown, folded
}
