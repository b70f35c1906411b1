package main

import (
	"github.com/spf13/cobra"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/report"
)

const explainLong = `explain reads a capture and answers the questions that a memory profile is taken for,
those of Airflow's guide to profiling with Memray, each with the figures it rests on:

  1. Which functions allocate most?
  2. What is retained, and what of it grows over the run? The slope is taken over the
     history of each line, so what was allocated once and kept is told from what leaks.
  3. What is out of proportion to its place: at import time, for logging, or allocated
     and freed again and again?
  4. Which packages hold the memory?

Memory that the standard library allocates counts for the line that called it. What
stands out is marked with !. Of an aggregated capture only the peak and the end are
known.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 the capture is damaged and its
beginning was explained. With --strict a capture that is not complete counts as damaged.`

const explainExample = `  memvault explain scheduler_memory.bin
  memvault explain --from 5m -n 10 scheduler_memory.bin
  memvault explain --json scheduler_memory.bin | jq '.growth.sites[0]'`

func newExplain(a *app) *cobra.Command {
	var f readFlags
	var o report.Options
	cmd := &cobra.Command{
		Use: "explain FILE", Short: "Say what allocates, grows, and is out of proportion",
		Long: explainLong, Example: explainExample, Args: exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			read, err := f.options()
			if err != nil {
				return err
			}
			if o.N < 1 {
				return usagef("--rows %d: want 1 or more", o.N)
			}
			read.Slices = report.ExplainSlices
			return a.printReport(cmd.Context(), args[0], read, f.strict, func(p *heap.Profile) (textReport, error) {
				return report.Explain(p, o), nil
			})
		},
	}
	cmd.Flags().IntVarP(&o.N, "rows", "n", 5, "print at most so many findings of each kind")
	cmd.Flags().BoolVar(&o.Exact, "bytes", false, "print sizes in bytes, exactly")
	f.addTo(cmd.Flags())
	a.addJSON(cmd)
	a.store.addTo(cmd)
	return cmd
}
