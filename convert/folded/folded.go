// Package folded writes a heap.Profile as folded stacks, which flamegraph.pl and inferno make
// flame graphs of: a line a stack, its frames from the outermost in, joined by semicolons, and
// behind a space the weight.
//
// A frame is "module.function (file.py:12)". Of stacks without frames that is
// "<stack trace unavailable>", so the weights add up to the whole. In names of hostile captures
// semicolons become \x3b, and what cannot be seen is escaped as Go does.
package folded

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/memvault/memvault/convert/internal/stacks"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/safetext"
)

// Options select what is written.
type Options struct {
	// View is what is weighed.
	View heap.View
	// Counts weighs by the number of allocations instead of bytes.
	Counts bool
	// BareNames leaves the module out of frames, and names the file with its folder.
	BareNames bool
}

// Write writes p to w, sorted by stack; stacks that weigh nothing are left out. It fails if the
// capture does not know the view, or if its stacks would fill more than any disk.
func Write(w io.Writer, p *heap.Profile, o Options) error {
	if err := stacks.Check(p, o.View); err != nil {
		return err
	}
	t := stacks.New(p, stacks.Options{BareNames: o.BareNames})
	names := make([]string, len(t.Frames))
	for i := range t.Frames {
		names[i] = name(&t.Frames[i], o.BareNames)
	}
	weights, lengths := make([]uint64, len(t.Nodes)), make([]uint64, len(t.Nodes))
	var frames, all uint64
	for i, v := range t.Sum(o.View) {
		weights[i] = v.Bytes
		if o.Counts {
			weights[i] = v.Count
		}
		if n := &t.Nodes[i]; i > 0 {
			lengths[i] = lengths[n.Parent] + uint64(len(names[n.Frame])) + 1
		}
		if weights[i] > 0 {
			frames += uint64(t.Nodes[i].Depth)
			all = stacks.AddSaturated(all, lengths[i])
		}
	}
	if err := stacks.CheckText(frames, all); err != nil {
		return fmt.Errorf("write folded stacks: %w", err)
	}
	return writeLines(w, t, names, weights)
}

func writeLines(w io.Writer, t *stacks.Tree, names []string, weights []uint64) error {
	buf := bufio.NewWriterSize(w, 1<<16)
	var stack []uint32
	var number []byte
	for i, weight := range weights {
		if weight == 0 {
			continue
		}
		stack = t.AppendPath(stack[:0], uint32(i))
		for k, f := range stack {
			if k > 0 {
				buf.WriteByte(';')
			}
			buf.WriteString(names[f])
		}
		number = strconv.AppendUint(append(number[:0], ' '), weight, 10)
		if _, err := buf.Write(append(number, '\n')); err != nil {
			return err
		}
	}
	return buf.Flush()
}

// name gives a frame as text. It ends in a bracket or in >, so that no part of it is taken
// for a weight.
func name(f *stacks.Frame, whole bool) string {
	text := safetext.Printable(f.Name)
	if f.File != "" {
		file := f.File
		if !whole {
			file = path.Base(file)
		}
		text += " (" + safetext.Printable(file) + line(f.Line) + ")"
	} else if !strings.HasSuffix(text, ">") && !strings.HasSuffix(text, ")") {
		text += " (<unknown>)"
	}
	return strings.ReplaceAll(text, ";", `\x3b`)
}

func line(n int32) string {
	if n == 0 {
		return ""
	}
	return ":" + strconv.Itoa(int(n))
}
