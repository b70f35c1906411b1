package pprof_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/memvault/memvault/convert/pprof"
	"github.com/memvault/memvault/heap"
)

// wide makes a Profile of n samples, each with its own stack of 40 frames out of 4096.
func wide(n int) *heap.Profile {
	const depth, frames = 40, 4096
	p := model(header)
	for i := range frames {
		p.Frames = append(p.Frames, heap.Frame{
			Function: fmt.Sprintf("function_%d", i%1500),
			File:     fmt.Sprintf("%spackage_%d/module_%d.py", site, i%40, i%300),
			Line:     int32(i), FirstLine: int32(i - i%20),
		})
	}
	seed := uint32(1)
	for i := range n {
		// A new leaf part below an earlier stack, as programs have them.
		at := uint32(0)
		if i > 0 {
			at = p.Samples[i*7/8].Stack
			for p.Stacks[at].Depth > depth-8 {
				at = p.Stacks[at].Parent
			}
		}
		for p.Stacks[at].Depth < depth {
			seed = seed*1664525 + 1013904223
			p.Stacks = append(p.Stacks, heap.Stack{Parent: at, Frame: seed >> 20, Depth: p.Stacks[at].Depth + 1})
			at = uint32(len(p.Stacks) - 1)
		}
		p.Samples = append(p.Samples, heap.Sample{Stack: at, Thread: uint32(i % 3), Allocator: 6, Values: all(uint64(i))})
	}
	return p
}

// withNatives adds a native stack of 30 addresses to each sample of p, 666 different ones.
func withNatives(p *heap.Profile) *heap.Profile {
	for i := range uint32(20_000) {
		parent := uint32(0)
		if i%30 != 0 {
			parent = i
		}
		p.Natives = append(p.Natives, heap.Native{IP: 0x5000_0000 + uint64(i*7%0xa000), Parent: parent})
	}
	for i := range p.Samples {
		p.Samples[i].Native = uint32(i%666)*30 + 30
		p.Samples[i].Images = 1
	}
	return p
}

func BenchmarkNative(b *testing.B) {
	p := withNatives(wide(100_000))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pprof.Convert(p, pprof.Options{Native: true}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(p.Samples))/b.Elapsed().Seconds(), "samples/s")
}

func BenchmarkConvert(b *testing.B) {
	p := wide(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pprof.Convert(p, pprof.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(p.Samples))/b.Elapsed().Seconds(), "samples/s")
}

func BenchmarkWrite(b *testing.B) {
	p := wide(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := pprof.Write(io.Discard, p, pprof.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(p.Samples))/b.Elapsed().Seconds(), "samples/s")
}
