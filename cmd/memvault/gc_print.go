package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/memvault/memvault/retention"
)

// gcFacts is one capture in gc --json.
type gcFacts struct {
	File      string   `json:"file"`
	Decision  string   `json:"decision"` // keep or delete
	Reason    string   `json:"reason"`
	Outcome   string   `json:"outcome,omitempty"` // deleted, trashed, failed, or left; with --yes only
	Error     string   `json:"error,omitempty"`
	Component string   `json:"component"`
	State     string   `json:"state"`
	Note      string   `json:"note,omitempty"`
	Held      bool     `json:"held,omitempty"`
	Archived  string   `json:"archived"`
	Start     *moment  `json:"start,omitempty"`
	End       moment   `json:"end"`
	Bytes     int64    `json:"bytes"`
	Freed     *int64   `json:"freed,omitempty"`
	Tags      []string `json:"tags,omitempty"`
}

// gcSummary ends the facts of one folder.
type gcSummary struct {
	Folder   string   `json:"folder"`
	Yes      bool     `json:"yes"`
	Captures int      `json:"captures"`
	Bytes    int64    `json:"bytes"`
	Going    int      `json:"going"`
	GoBytes  int64    `json:"going_bytes"`
	Gone     int      `json:"gone"`
	Failed   int      `json:"failed"`
	Freed    int64    `json:"freed"`
	Level    string   `json:"level"`
	Free     int64    `json:"free"`
	Trash    int64    `json:"trash"`
	Unmet    []string `json:"unmet"`
	Warnings []string `json:"warnings"`
	Stopped  string   `json:"stopped,omitempty"`
}

// print prints the report of a folder.
func (g *gcRun) print(r *retention.Report) error {
	outcomes := make(map[int]*retention.Outcome, len(r.Outcomes))
	for n := range r.Outcomes {
		outcomes[r.Plan.Deletions[n]] = &r.Outcomes[n]
	}
	if g.json {
		for i := range r.Captures {
			if err := g.printJSON(factsOfDecision(r, i, outcomes[i])); err != nil {
				return err
			}
		}
		return g.printJSON(summaryOf(r))
	}
	t := tabwriter.NewWriter(g.out, 0, 0, 2, ' ', 0)
	if len(r.Captures) > 0 {
		fmt.Fprintln(t, "DECISION\tFILE\tSTATE\tEND\tSIZE\tREASON")
	}
	for i := range r.Captures {
		fmt.Fprintln(t, row(r, i, outcomes[i]))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	g.printSummary(summaryOf(r))
	return nil
}

// row is the line of a capture.
func row(r *retention.Report, i int, out *retention.Outcome) string {
	c, f := &r.Captures[i], factsOfDecision(r, i, out)
	decision, why := f.Decision, f.Reason
	if f.Outcome != "" {
		decision = f.Outcome
	}
	if c.Held && !strings.Contains(why, c.Note) {
		why += "; " + c.Note
	}
	if f.Error != "" {
		why += "; left: " + f.Error
	}
	if out != nil && out.Short != "" {
		why += "; " + out.Short
	}
	var columns strings.Builder
	for _, text := range []string{decision, c.Path(), c.State.String(), timeText(c.End), retention.FormatSize(c.Bytes)} {
		columns.WriteString(printable(text) + "\t")
	}
	return columns.String() + printable(why)
}

func factsOfDecision(r *retention.Report, i int, out *retention.Outcome) gcFacts {
	c, d := &r.Captures[i], r.Plan.Decisions[i]
	f := gcFacts{
		File: c.Path(), Decision: "keep", Reason: d.Reason, Component: c.Component, State: c.State.String(),
		Note: c.Note, Held: c.Held, Archived: c.Archived.String(), End: moment{c.End.UTC()}, Bytes: c.Bytes, Tags: c.Tags,
	}
	if d.Delete() {
		f.Decision = "delete"
	}
	if !c.Start.IsZero() {
		f.Start = &moment{c.Start.UTC()}
	}
	switch {
	case out == nil:
	case out.Err != nil:
		f.Outcome, f.Error = "failed", out.Err.Error()
	case !out.Done && d.Delete():
		f.Outcome = "left"
	case !out.Done:
	case out.Trashed:
		f.Outcome = "trashed"
	default:
		f.Outcome, f.Freed = "deleted", &out.Freed
	}
	return f
}

func summaryOf(r *retention.Report) gcSummary {
	s := gcSummary{
		Folder: r.Dir, Yes: r.Yes, Captures: len(r.Captures), Going: len(r.Plan.Deletions), GoBytes: r.Plan.Bytes,
		Failed: r.Failed(), Freed: r.Freed(), Level: r.Plan.Level.String(), Free: r.After.Free, Trash: r.After.Trash,
		Unmet: append([]string{}, r.Plan.Unmet...), Warnings: append([]string{}, r.Plan.Warnings...), Stopped: r.Stopped,
	}
	for i := range r.Captures {
		s.Bytes += r.Captures[i].Bytes
	}
	for i := range r.Outcomes {
		if r.Outcomes[i].Done {
			s.Gone++
		}
	}
	return s
}

// printSummary says what it comes to, and on standard error what the user should know.
func (g *gcRun) printSummary(s gcSummary) {
	for _, text := range s.Warnings {
		g.warn(s.Folder, "%s", text)
	}
	for _, text := range s.Unmet {
		g.warn(s.Folder, "unmet: %s", text)
	}
	if s.Stopped != "" {
		g.warn(s.Folder, "stopped: %s", s.Stopped)
	}
	plural := "s"
	if s.Captures == 1 {
		plural = ""
	}
	text := fmt.Sprintf("%s: %d capture%s of %s, %d to go of %s", s.Folder, s.Captures, plural, retention.FormatSize(s.Bytes),
		s.Going, retention.FormatSize(s.GoBytes))
	if s.Yes {
		text += fmt.Sprintf("; %d gone, %d failed, %s more free", s.Gone, s.Failed, retention.FormatSize(s.Freed))
	}
	if s.Trash > 0 {
		text += fmt.Sprintf("; %s in the trash", retention.FormatSize(s.Trash))
	}
	if s.Level != retention.Fine.String() {
		text += "; disk: " + s.Level
	}
	fmt.Fprintln(g.out, printable(text))
	if !s.Yes && s.Going > 0 && !g.quiet {
		g.message("nothing was changed; --yes does it")
	}
}
