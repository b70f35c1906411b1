package pprof_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/pprof"
	"github.com/memvault/memvault/heap"
)

func ExampleWrite() {
	// Usually of heap.Read; here a capture with one allocation, alive at the peak.
	p := &heap.Profile{
		Header:  codec.Header{Version: 13, CommandLine: "etl.py"},
		Frames:  []heap.Frame{{Function: "load", File: "/srv/lib/python3.12/site-packages/etl/tables.py", Line: 12}},
		Stacks:  []heap.Stack{{}, {Frame: 0, Depth: 1}},
		Threads: []heap.Thread{{ID: 1, Main: true}},
		Natives: make([]heap.Native, 1),
		Images:  make([][]heap.Image, 1),
		Samples: []heap.Sample{{Stack: 1, Allocator: codec.Malloc, Values: [heap.Views]heap.Value{heap.Peak: {Count: 1, Bytes: 4096}}}},
	}

	var out bytes.Buffer // a file, for go tool pprof
	if err := pprof.Write(&out, p, pprof.Options{Views: []heap.View{heap.Peak}}); err != nil {
		log.Fatal(err)
	}

	prof, err := profile.Parse(&out)
	if err != nil {
		log.Fatal(err)
	}
	s := prof.Sample[0]
	fmt.Println(s.Location[0].Line[0].Function.Name, s.Value[1], prof.SampleType[1].Unit, s.Label["thread"])
	// Output: etl.tables.load 4096 bytes [0x1]
}

func ExampleMerger() {
	m := pprof.NewMerger(pprof.Options{GoTypes: true})
	for _, pid := range []int32{17, 18} { // a process and its fork
		p := &heap.Profile{
			Header:  codec.Header{Version: 13, PID: pid},
			Stacks:  make([]heap.Stack, 1),
			Threads: []heap.Thread{{ID: 1, Main: true}},
			Samples: []heap.Sample{{Allocator: codec.Malloc, Values: [heap.Views]heap.Value{heap.Live: {Count: 1, Bytes: 1024}}}},
		}
		if err := m.Add(p); err != nil {
			log.Fatal(err)
		}
	}
	prof, err := m.Profile()
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range prof.Sample {
		fmt.Println(s.NumLabel["pid"], s.Value[3], prof.SampleType[3].Type)
	}
	// Output:
	// [17] 1024 inuse_space
	// [18] 1024 inuse_space
}
