package main

import (
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/convert/pprof"
	"github.com/memvault/memvault/heap"
)

const convertLong = `convert turns captures into files that other tools show:

    pprof       .pb.gz            profiles for go tool pprof, Pyroscope, Parca and others
    speedscope  .speedscope.json  profiles for speedscope, several in one file
    flamegraph  .html             one page for any browser, which works offline
    folded      .folded           stacks and weights, for inferno and flamegraph.pl
    csv         .csv              the table of memray transform csv
    gprof2dot   .gprof2dot.json   call chains, for gprof2dot -f json
    dhat        .dhat.json        program points, for Valgrind's dh_view.html and the
                                  Firefox Profiler

The output is written beside the input, less .zst, .gz, .lz4 and .bin and with the ending
above: forks.bin.1923 gives forks.1923.pb.gz. Input - goes to standard output. An output
that is there already is kept, unless --force is given.

One pass over the capture gives all views:

    total      all that was allocated (pprof: alloc_objects, alloc_space)
    temporary  freed again at once (temporary_objects, temporary_space)
    leaks      alive at the end (inuse_objects, inuse_space)
    peak       alive at the high-water mark (peak_objects, peak_space)

pprof, speedscope and flamegraph hold those that --views names. folded, csv and gprof2dot
hold one, of --peak, --leaks, --temporary and --total. dhat holds all that its format has.
In a window, leaks are what was made in it; in pprof and dhat older blocks count too.
Aggregated captures know only leaks and peak, and cannot be written as dhat.

Allocations without a stack are those of "<stack trace unavailable>". With --like-memray,
speedscope, csv and gprof2dot are what memray transform writes: threads and allocators
are merged, and such allocations are missing but in csv.

--from and --until take an offset from the start (90s, 5m), one from the end (-30s), or
a time (2026-01-02T15:04:05Z). They snap to the capture's memory records; the bounds
that were used are printed.

A capture whose process was killed, or still runs, is read as far as it goes, and a line
says what is missing.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 done in part: a capture is damaged
and its beginning was converted, or some of the files failed. With --strict a capture
that is not complete counts as damaged.`

const convertExample = `  memvault convert --to pprof scheduler_memory.bin
  go tool pprof -http=: scheduler_memory.pb.gz
  memvault convert --to flamegraph scheduler_memory.bin

  memvault convert --to speedscope --slices 20 --gzip scheduler_memory.bin
  memvault convert --to folded --leaks -o - scheduler.bin | inferno-flamegraph > leaks.svg
  memvault convert --to csv --like-memray scheduler_memory.bin
  memvault convert --to pprof --views peak --from -10m -o last.pb.gz scheduler_memory.bin
  memvault convert --to pprof --base before.bin -o diff.pb.gz after.bin
  memvault convert --to pprof --merge -o forks.pb.gz forks.bin forks.bin.*
  zstdcat capture.bin.zst | memvault convert --to pprof - > capture.pb.gz`

// convertOptions are the flags of convert, and what they mean.
type convertOptions struct {
	readFlags
	targetFlags
	to, output, base           string
	views, labels              []string
	goTypes, bareNames, native bool
	merge, force               bool

	target   *target
	viewList []heap.View // nil for all
	labelSet pprof.Labels
	read     heap.Options

	baseProfile *heap.Profile // of base, once it is read
}

func newConvert(a *app) *cobra.Command {
	var o convertOptions
	cmd := &cobra.Command{
		Use:     "convert FILE...",
		Short:   "Convert captures to files that other tools show",
		Long:    convertLong,
		Example: convertExample,
		Args:    atLeastOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.resolve(cmd); err != nil {
				return err
			}
			jobs, err := o.plan(args)
			if err != nil {
				return err
			}
			c := &conversion{app: a, ctx: cmd.Context(), o: &o}
			return c.run(jobs)
		},
	}
	o.addFlags(cmd)
	a.store.addTo(cmd)
	return cmd
}

func (o *convertOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "pprof", "format to write: "+wordList(targetNames()))
	f.StringVarP(&o.output, "output", "o", "", "file to write; a folder for several inputs; - for standard output")
	f.BoolVarP(&o.force, "force", "f", false, "overwrite outputs")
	f.StringSliceVar(&o.views, "views", nil, "views to write: "+strings.Join(viewNames(), ",")+" (default all)")
	f.BoolVar(&o.goTypes, "go-types", false, "write just the four sample types of Go's heap profiles, which every tool knows")
	f.StringSliceVar(&o.labels, "labels", nil, "labels of samples: thread,thread_id,allocator or none (default thread,thread_id)")
	f.BoolVar(&o.bareNames, "bare-names", false, "name functions without their module")
	f.BoolVar(&o.native, "native", false, "add native stacks, as addresses beyond the Python ones")
	f.StringVar(&o.base, "base", "", "subtract this capture: the output shows as a diff")
	o.targetFlags.addTo(cmd)
	o.readFlags.addTo(f)
	f.BoolVar(&o.merge, "merge", false, "make one output of all inputs, with a label pid; needs -o")
	complete(cmd, "to", targetNames())
	complete(cmd, "views", viewNames())
	complete(cmd, "labels", []string{"thread", "thread_id", "allocator", "none"})
}

// complete makes the shell offer the values of a flag.
func complete(cmd *cobra.Command, flag string, values []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // no such flag: every start would show it
	}
}

// resolve checks the flags and finds out what they mean.
func (o *convertOptions) resolve(cmd *cobra.Command) error {
	var err error
	if o.target, err = findTarget(o.to); err != nil {
		return err
	}
	if err := o.checkFlags(cmd); err != nil {
		return err
	}
	if err := o.targetFlags.resolve(); err != nil {
		return err
	}
	if o.viewList, err = parseViews(o.views); err != nil {
		return err
	}
	if len(o.labels) > 0 {
		if o.labelSet, err = pprof.ParseLabels(strings.Join(o.labels, ",")); err != nil {
			return usagef("--labels: %w", err)
		}
	}
	switch {
	case o.goTypes && len(o.views) > 0:
		return usagef("--go-types is a choice of views: give it or --views, not both")
	case o.merge && !o.target.merges:
		return usagef("--merge: %s shows one capture", o.target.name)
	case o.merge && o.base != "":
		return usagef("--base is subtracted from one capture: give it or --merge, not both")
	case o.merge && o.output == "":
		return hintf(usagef("--merge needs a name for its output"), "-o FILE, or -o - for standard output")
	}
	o.read, err = o.readFlags.options()
	o.read.Native = o.native
	if o.target.reads != nil {
		o.target.reads(o, &o.read)
	}
	return err
}

// plan names the outputs. With --merge all jobs have the same.
func (o *convertOptions) plan(inputs []string) ([]job, error) {
	ext := o.target.ext
	if o.compresses() {
		ext += ".gz"
	}
	p := outputPlan{
		Inputs: inputs, Output: o.output, Ext: ext,
		FoldCase: runtime.GOOS == "windows" || runtime.GOOS == "darwin",
	}
	if o.merge {
		return p.merged()
	}
	var err error
	if p.Folder, err = isFolder(o.output, len(inputs) > 1); err != nil {
		return nil, err
	}
	return p.jobs()
}

// viewNames names the views, in their order.
func viewNames() []string {
	var names []string
	for v := range heap.View(heap.Views) {
		names = append(names, v.String())
	}
	return names
}

// parseViews reads view names; the words of pprof's sample types are taken too.
func parseViews(names []string) ([]heap.View, error) {
	var views []heap.View
	for _, name := range names {
		name = strings.TrimSpace(name)
		i := slices.Index(viewNames(), name)
		if i < 0 {
			i = slices.Index([]string{"alloc", "", "inuse", ""}, name)
		}
		if i < 0 || name == "" {
			return nil, usagef("--views %q: want %s", name, wordList(viewNames()))
		}
		views = append(views, heap.View(i))
	}
	return views, nil
}

// wordList puts words into a sentence: "a, b or c".
func wordList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
