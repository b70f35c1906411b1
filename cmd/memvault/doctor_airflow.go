package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/airflow"
	"github.com/memvault/memvault/retention"
)

const doctorAirflowLong = `doctor airflow reads airflow.cfg and the environment as Airflow does, and looks at the
captures in the folder DIR, by default $AIRFLOW_HOME, else ~/airflow. For each
component it says whether it is traced; whether a left-over capture is in its way, so
that it will not start (Airflow 3.2.0 to 3.3.2); whether its capture is live, and how
fast it grows; which processes hold the capture of a dead one; and whether the capture
is of a process that does none of the work. It also says which Memray wrote the
captures and so reads them, and whether the disk has room for an hour at the present
rate.

It sees the environment it runs in: run it as Airflow runs, with the same user and
variables. AIRFLOW__PROFILING__..._CMD and ..._SECRET are left alone, as Airflow does
for these options.

Exit codes: 0 nothing found, 1 it could not look, 2 wrong command line, 5 findings.
With --strict what could not be looked at counts as a finding.`

const doctorAirflowExample = `  memvault doctor airflow
  memvault doctor airflow --json | jq '.findings[].advice'
  AIRFLOW_HOME=/captures memvault doctor airflow --sample 10s`

type doctorAirflowFlags struct {
	sample time.Duration
	strict bool
	inUse  inUseFlags
}

func newDoctorAirflow(a *app) *cobra.Command {
	var d doctorAirflowFlags
	cmd := &cobra.Command{
		Use:     "airflow [DIR]",
		Short:   "Say what keeps Airflow's tracing from working",
		Long:    doctorAirflowLong,
		Example: doctorAirflowExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return hintf(usagef("%s takes one DIR, got %d", cmd.Name(), len(args)), "%s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			home := airflow.Home()
			if len(args) > 0 {
				home = args[0]
			}
			return a.doctorAirflow(cmd.Context(), d, home)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&d.sample, "sample", 2*time.Second, "how long to watch live captures grow")
	f.BoolVar(&d.strict, "strict", false, "count what could not be looked at as a finding")
	d.inUse.addTo(f)
	a.addJSON(cmd)
	return cmd
}

func (a *app) doctorAirflow(ctx context.Context, d doctorAirflowFlags, home string) error {
	if d.sample < 0 {
		return usagef("--sample %v: want 0 or more", d.sample)
	}
	use, keep, err := d.inUse.options(a)
	if err != nil {
		return err
	}
	found, err := airflow.Examine(ctx, home, airflow.ExamineOptions{InUse: use, Sample: d.sample, Room: room})
	keep()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if a.json {
		if err := a.printJSON(found); err != nil {
			return err
		}
	} else if err := printDiagnosis(a.out, found); err != nil {
		return err
	}
	if err != nil {
		a.tell(err)
	}
	switch {
	case len(found.Findings) > 0, err != nil && d.strict:
		return &toldError{exitFindings}
	case err != nil:
		return &toldError{exitFailed}
	}
	return nil
}

func room(dir string) (available, size int64, err error) {
	d, err := retention.ReadDisk(dir)
	return d.Free, d.Total, err
}

func printDiagnosis(w io.Writer, d *airflow.Diagnosis) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(key, format string, args ...any) {
		fmt.Fprintf(t, "%s:\t%s\n", key, printable(fmt.Sprintf(format, args...)))
	}
	line("airflow home", "%s", d.Home)
	if d.ConfigRead {
		line("configuration", "%s", d.Config)
	} else {
		line("configuration", "%s (not there)", d.Config)
	}
	line("traced", "%s", tracedText(d))
	if d.Airflow != "" {
		line("installed", "Airflow %s, Memray %s (%s)", d.Airflow, cmp.Or(d.Memray, "not there"), d.Packages)
	}
	if d.Disk != nil {
		line("disk", "%s", diskText(d.Disk))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := printComponents(w, d.Components); err != nil {
		return err
	}
	return printFindings(w, d.Findings)
}

func tracedText(d *airflow.Diagnosis) string {
	text := "nothing: no memray_trace_components in the environment or the configuration"
	if d.Source != "" {
		text = fmt.Sprintf("%q (%s)", d.Setting, d.Source)
	}
	if d.Detailed {
		text += ", with native stacks and pymalloc"
	}
	return text
}

func diskText(d *airflow.Disk) string {
	text := fmt.Sprintf("%s available of %s", retention.FormatSize(d.Available), retention.FormatSize(d.Size))
	if d.Growth > 0 {
		text += fmt.Sprintf("; an hour at the present rate takes %s", retention.FormatSize(d.Hour))
	}
	return text
}

func printComponents(w io.Writer, list []airflow.Component) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "COMPONENT\tTRACED\tSTARTS\tCAPTURE\tSTATE\tSIZE\tWRITTEN\tGROWTH\tREAD BY")
	for _, c := range list {
		starts := "yes"
		if c.Blocks {
			starts = "NO"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.Name, yesNo(c.Enabled), starts, captureCells(c.Capture))
	}
	return t.Flush()
}

func captureCells(c *airflow.Capture) string {
	if c == nil {
		return "none\t\t\t\t\t"
	}
	growth, reader := "", ""
	if c.Growth > 0 || c.Average > 0 {
		growth = retention.FormatSize(int64(math.Ceil(c.Growth))) + "/s"
	}
	if c.Memray != "" {
		reader = "memvault, Memray " + c.Memray
	}
	cells := []string{filepath.Base(c.File), c.State, retention.FormatSize(c.Size), retention.FormatSize(c.Data), growth, reader}
	return strings.Join(cells, "\t")
}

func printFindings(w io.Writer, list []airflow.Finding) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "\nnothing is wrong")
		return err
	}
	fmt.Fprintln(w)
	for _, f := range list {
		about := cmp.Or(f.Component, filepath.Base(f.File), "airflow")
		if about == "." {
			about = "airflow"
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n    %s\n", about, printable(f.Text), printable(f.Advice)); err != nil {
			return err
		}
	}
	return nil
}
