package main

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/convert/pprof"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/pprofui"
)

const viewLong = `view shows a capture in pprof's own web interface: flame graph, top list, callers and
callees, and a graph where Graphviz is installed. It serves that on a free port of this
machine, prints the address and opens a browser with it, until Ctrl-C.

The address has a random path, without which nothing is answered. What pprof would open
by names in the capture (source code, binaries) is left out, and nothing is fetched.

--listen HOST:PORT takes another address; :PORT alone is a port of this machine. On
addresses that others reach, whoever knows the path sees the capture.

One view comes first, the peak unless --leaks, --temporary or --total is given; SAMPLE in
the interface has them all, as counts and as bytes.

Exit codes: 0 done, by Ctrl-C too once it serves; 1 failed; 2 wrong command line; 3 with
--strict: the capture is not complete.`

const viewExample = `  memvault view scheduler_memory.bin
  memvault view --leaks --from 5m scheduler_memory.bin
  memvault view --no-browser --listen :8080 scheduler_memory.bin`

// viewOptions are the flags of view.
type viewOptions struct {
	reading   readFlags
	first     viewFlags
	listen    string
	noBrowser bool
	bareNames bool
	native    bool
}

func newView(a *app) *cobra.Command {
	var o viewOptions
	cmd := &cobra.Command{
		Use:     "view FILE",
		Short:   "Show a capture in pprof's web interface",
		Long:    viewLong,
		Example: viewExample,
		Args:    exactlyOne,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.view(cmd.Context(), args[0], &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", pprofui.DefaultAddress, "address to serve on; port 0 is a free one")
	f.BoolVar(&o.noBrowser, "no-browser", false, "open no browser")
	f.BoolVar(&o.bareNames, "bare-names", false, "name functions without their module")
	f.BoolVar(&o.native, "native", false, "add native stacks, as addresses beyond the Python ones")
	o.first.addTo(cmd, heap.Peak)
	o.reading.addTo(f)
	a.store.addTo(cmd)
	return cmd
}

func (a *app) view(ctx context.Context, file string, o *viewOptions) error {
	first, err := o.first.view(heap.Peak)
	if err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return usagef("--listen %q: want HOST:PORT or :PORT: %w", o.listen, err)
	}
	read, err := o.reading.options()
	if err != nil {
		return err
	}
	read.Native = o.native
	p, err := a.readProfile(ctx, file, read)
	if err != nil {
		return err
	}
	if err := checkView(p, first); err != nil {
		return inFile(file, err)
	}
	if err := a.judgeProfile(file, p, o.reading.strict); err != nil && o.reading.strict {
		return &toldError{exitPartly}
	}
	prof, err := pprof.Convert(p, pprof.Options{BareNames: o.bareNames, Native: o.native})
	if err != nil {
		return inFile(file, err)
	}
	server, err := pprofui.Listen(prof, pprofui.Options{
		Address: o.listen, SampleType: pprof.SpaceType(first),
		Note: func(text string) { a.message("pprof: %s", text) },
	})
	if err != nil {
		return err // it names the address
	}
	return a.serve(ctx, server, !o.noBrowser)
}

// serve tells where the server is, and runs it until it is interrupted.
func (a *app) serve(ctx context.Context, s *pprofui.Server, open bool) error {
	a.serving.Store(true)
	if _, err := fmt.Fprintln(a.out, s.URL()); err != nil {
		return err
	}
	if !s.Loopback() {
		a.message("others can reach this address; whoever knows it sees the capture")
	}
	if !a.quiet {
		a.message("serving until Ctrl-C")
	}
	if open {
		if err := openBrowser(s.URL()); err != nil {
			a.message("no browser was opened: %v", err)
		}
	}
	return s.Serve(ctx)
}
