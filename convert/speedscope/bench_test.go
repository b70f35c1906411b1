package speedscope_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/memvault/memvault/convert/speedscope"
	"github.com/memvault/memvault/heap"
)

// wide makes a Profile of n samples, each with its own stack of 40 frames out of 4096.
func wide(n int) *heap.Profile {
	const depth, frames = 40, 4096
	r := rand.New(rand.NewPCG(1, 2))
	p := &heap.Profile{Stacks: make([]heap.Stack, 1), Threads: make([]heap.Thread, 1)}
	for i := range frames {
		p.Frames = append(p.Frames, heap.Frame{Function: fmt.Sprintf("function_%d", i%1500), File: fmt.Sprintf("/srv/module_%d.py", i%300), Line: int32(i)})
	}
	for i := range n {
		// A new leaf part below an earlier stack, as programs have them.
		at := uint32(0)
		if i > 0 {
			for at = p.Samples[r.IntN(i)].Stack; p.Stacks[at].Depth > depth-8; at = p.Stacks[at].Parent {
			}
		}
		for p.Stacks[at].Depth < depth {
			p.Stacks = append(p.Stacks, heap.Stack{Parent: at, Frame: r.Uint32N(frames), Depth: p.Stacks[at].Depth + 1})
			at = uint32(len(p.Stacks) - 1)
		}
		s := heap.Sample{Stack: at}
		for v := range s.Values {
			s.Values[v] = heap.Value{Count: 1, Bytes: uint64(i + 1)}
		}
		p.Samples = append(p.Samples, s)
	}
	return p
}

func BenchmarkWrite(b *testing.B) {
	p := wide(100_000)
	for _, o := range []struct {
		name string
		speedscope.Options
	}{{"all", speedscope.Options{}}, {"folded", speedscope.Options{MaxSamples: 10_000}}} {
		b.Run(o.name, func(b *testing.B) {
			b.ReportAllocs()
			var stats speedscope.Stats
			for b.Loop() {
				var err error
				if stats, err = speedscope.Write(io.Discard, p, o.Options); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(stats.Bytes)
			b.ReportMetric(float64(stats.Samples), "samples")
		})
	}
}
