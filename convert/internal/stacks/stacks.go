// Package stacks merges the stacks of a heap.Profile by what they show, for the targets
// that write text: one tree of frames, which come sorted, and so do the stacks.
package stacks

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/memvault/memvault/heap"
)

// Names of frames that stand for what is not there.
const (
	// Unavailable is the only frame of an allocation without a Python stack.
	Unavailable = "<stack trace unavailable>"
	// TooDeep is the innermost frame of stacks that were cut.
	TooDeep = "(stack too deep)"
	// Other stands for what was folded.
	Other = "(other)"
)

// Options select how frames are named, and how long stacks are.
type Options struct {
	// BareNames leaves the module out of names.
	BareNames bool
	// NoLines merges the lines of a function.
	NoLines bool
	// MaxDepth is how many frames a stack has at most, TooDeep included; 0 is no limit.
	MaxDepth int
}

// Frame is what is shown of a line of a function.
type Frame struct {
	// Name is that of the function, with its module unless Options.BareNames is set. It is never empty.
	Name string
	// File is empty for frames that stand for what is not there.
	File string
	// Line is 0 when it is not known.
	Line int32
}

// Tree is the stacks of a Profile.
type Tree struct {
	// Frames are sorted by name, file and line.
	Frames []Frame
	// Nodes are sorted by their stacks, frame by frame from the outermost: each node comes after
	// its parent, and before whatever is not below it. Node 0 is the root.
	Nodes []Node

	p     *heap.Profile
	known [2][]uint32 // beside p.Stacks: the node of a stack, of other threads and of the main one
}

// Node is a frame and what called it.
type Node struct {
	// Parent is an index into Tree.Nodes, Frame into Tree.Frames.
	Parent, Frame uint32
	// Depth is the number of frames of the stack: 0 for the root.
	Depth uint32
}

// New makes the tree of all samples of p.
func New(p *heap.Profile, o Options) *Tree {
	b := newBuilder(p, o)
	for i := range p.Samples {
		b.add(&p.Samples[i])
	}
	t := &Tree{p: p, known: b.known}
	rank := b.sortFrames(t)
	number := b.sortNodes(t, rank)
	for i := range t.known {
		if i == 1 && p.Header.SkippedFrames == 0 {
			break // it is the same list
		}
		for k, n := range t.known[i] {
			t.known[i][k] = number[n]
		}
	}
	return t
}

// Node gives the index of the stack of a sample of the Profile that the tree was made of.
func (t *Tree) Node(s *heap.Sample) uint32 { return t.known[mainIndex(t.p, s)][s.Stack] }

// mainIndex is 1 for the main thread, of which outer frames are hidden.
func mainIndex(p *heap.Profile, s *heap.Sample) int {
	if p.Threads[s.Thread].Main {
		return 1
	}
	return 0
}

// AppendPath appends the frames of a node, outermost first.
func (t *Tree) AppendPath(dst []uint32, node uint32) []uint32 {
	from := len(dst)
	for n := node; n != 0; n = t.Nodes[n].Parent {
		dst = append(dst, t.Nodes[n].Frame)
	}
	slices.Reverse(dst[from:])
	return dst
}

// Check tells why view v of p cannot be written, or nil.
func Check(p *heap.Profile, v heap.View) error {
	if p.Aggregated && v != heap.Live && v != heap.Peak {
		return fmt.Errorf("%s: an aggregated capture knows only leaks and peak", v)
	}
	return nil
}

// maxFrames is how many frames a text may repeat, all its stacks together, and maxBytes how long
// their names may be. A capture of a few megabytes can hold chains of calls, or names, that
// would give far more.
const (
	maxFrames = 1 << 30
	maxBytes  = 64e9
)

// CheckSize tells why the stacks of so many frames together cannot be written out, or nil.
func CheckSize(frames uint64) error {
	if frames > maxFrames {
		return fmt.Errorf("its stacks have %d frames, written out one by one; want at most %d", frames, maxFrames)
	}
	return nil
}

// CheckText is CheckSize where the names of the frames are repeated too, in so many bytes.
func CheckText(frames, bytes uint64) error {
	if bytes > maxBytes {
		return fmt.Errorf("its stacks have %d bytes, written out one by one; want at most %d", bytes, uint64(maxBytes))
	}
	return CheckSize(frames)
}

// Sum adds up view v by node, as heap.Profile.Rows tells it; what is below a node is not part of its sum.
func (t *Tree) Sum(v heap.View) []heap.Value {
	sums := make([]heap.Value, len(t.Nodes))
	for _, r := range t.p.Rows(v, true) {
		s := &sums[t.Node(r.Sample)]
		*s = Add(*s, r.Value)
	}
	return sums
}

// Add is the sum of both, at most the largest number there is: hostile sizes must not wrap.
func Add(a, b heap.Value) heap.Value {
	return heap.Value{Count: AddSaturated(a.Count, b.Count), Bytes: AddSaturated(a.Bytes, b.Bytes)}
}

// AddSaturated is a+b, or the largest number there is.
func AddSaturated(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}

func compareFrames(a, b Frame) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}
