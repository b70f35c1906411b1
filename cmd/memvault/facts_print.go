package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// printFacts prints one capture as lines of a key and a value.
func printFacts(w io.Writer, f *facts) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(key, format string, args ...any) {
		fmt.Fprintf(t, "%s:\t%s\n", key, printable(fmt.Sprintf(format, args...)))
	}
	line("file", "%s", f.File)
	if f.Size != nil {
		line("size", "%s", bytesText(*f.Size))
	}
	if f.Container != "" {
		line("container", "%s", f.Container)
	}
	if f.headerFacts != nil {
		f.headerFacts.print(line)
	}
	line("state", "%s", f.stateText())
	if f.Reason != "" {
		line("reason", "%s", f.Reason)
	}
	if f.fullFacts != nil {
		f.fullFacts.print(line)
	}
	return t.Flush()
}

func (f *facts) stateText() string {
	switch {
	case f.Proved:
		return f.State
	case f.Complete == nil:
		return f.State + " (--full reads it all)"
	}
	return f.State + " (not proved: --full reads it all)"
}

func (f *headerFacts) print(line func(key, format string, args ...any)) {
	line("header", "version %d, written by Memray %s", f.HeaderVersion, f.Memray)
	line("python", "%s", cmp.Or(f.Python, "not recorded"))
	line("format", "%s", f.Format)
	line("command line", "%s", f.CommandLine)
	line("pid", "%d", f.PID)
	line("start", "%s", timeText(f.Start.Time))
	line("word", "%d bytes", f.Word)
	line("native traces", "%s", yesNo(f.Native))
	line("allocator", "%s", f.allocatorText())
}

func (f *headerFacts) allocatorText() string {
	switch {
	case f.TracesPython == nil:
		return f.Allocator
	case *f.TracesPython:
		return f.Allocator + ", traced"
	}
	return f.Allocator + ", not traced"
}

func (f *fullFacts) print(line func(key, format string, args ...any)) {
	line("end", "%s, after %s", timeText(f.End.Time), time.Duration(f.Seconds*float64(time.Second)).Round(time.Millisecond))
	line("records", "%d", f.Records)
	for _, kind := range slices.Sorted(maps.Keys(f.RecordsByKind)) {
		line("  "+kind, "%d", f.RecordsByKind[kind])
	}
	if f.Allocations != nil {
		line("allocations", "%d, deallocations included", *f.Allocations)
	}
	line("peak", "%s", f.peakText())
	line("alive at end", "%s in %d blocks", bytesText(f.LiveBytes), f.LiveBlocks)
	line("threads", "%d", f.Threads)
	line("stacks", "%d", f.Stacks)
	line("valid", "%s of the raw stream", bytesText(f.ValidBytes))
	line("wasted", "%s of it", bytesText(f.WastedBytes))
}

func (f *fullFacts) peakText() string {
	if f.PeakTime == nil {
		return bytesText(f.PeakBytes)
	}
	return bytesText(f.PeakBytes) + ", after " + timeText(f.PeakTime.Time)
}

// printTable prints a line for each capture, under a heading.
func printTable(w io.Writer, all []*facts, full bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	heading := "FILE\tSTATE\tMEMRAY\tPYTHON\tPID\tSTART\tSIZE"
	if full {
		heading += "\tALLOCATIONS\tPEAK\tALIVE AT END"
	}
	fmt.Fprintln(t, heading)
	for _, f := range all {
		fmt.Fprintln(t, f.row(full))
	}
	return t.Flush()
}

func (f *facts) row(full bool) string {
	row := []string{f.File, f.State, "-", "-", "-", "-", "-"}
	switch {
	case f.Error != "":
		row[1] = "not read"
	case !f.Proved:
		row[1] += "?"
	}
	if h := f.headerFacts; h != nil {
		row = append(row[:2], h.Memray, cmp.Or(h.Python, "-"), strconv.Itoa(int(h.PID)), timeText(h.Start.Time), "-")
	}
	if f.Size != nil {
		row[6] = strconv.FormatInt(*f.Size, 10)
	}
	if full {
		row = append(row, f.fullFacts.columns()...)
	}
	for i := range row {
		row[i] = printable(row[i])
	}
	return strings.Join(row, "\t")
}

func (f *fullFacts) columns() []string {
	if f == nil {
		return []string{"-", "-", "-"}
	}
	allocations := "-"
	if f.Allocations != nil {
		allocations = strconv.FormatUint(*f.Allocations, 10)
	}
	return []string{allocations, strconv.FormatUint(f.PeakBytes, 10), strconv.FormatUint(f.LiveBytes, 10)}
}

// bytesText prints bytes exactly, and rounded to the SI units that Memray uses too.
func bytesText[N int64 | uint64](n N) string {
	exact := fmt.Sprintf("%d bytes", n)
	if n < 1000 {
		return exact
	}
	value, unit := float64(n)/1000, 0
	for value >= 1000 && unit < 5 {
		value, unit = value/1000, unit+1
	}
	return fmt.Sprintf("%s (%.1f %cB)", exact, value, "kMGTPE"[unit])
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
