package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

const s3ListLong = `ls lists the captures of a bucket, or below a prefix, with what their manifests say.
Manifests that were read before are remembered in the state folder, by key and ETag.

Objects without a manifest have the state "no manifest": their upload is under way, or
ended just before its end. Other objects are left out.

--ended takes the states of memvault inspect, and finished, crashed (whatever is not
finished), "no manifest", "bad manifest" and "object missing". Times are 2026-01-02,
2026-01-02T15:04:05Z, or a duration before now, as 7d; they are compared with the
start of the capture, else with the upload.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 a manifest cannot be read, or
does not fit its object, 75 the store cannot be reached.`

const s3ListExample = `  memvault s3 ls s3://bucket/airflow
  memvault s3 ls --component scheduler --since 7d --sort peak s3://bucket
  memvault s3 ls --json --ended crashed --bucket bucket`

type listFlags struct {
	store        storeFlags
	filter       upload.Filter
	since, until string
	sort         string
}

// sorts are the orders of --sort, but for name, which is that of the listing.
var sorts = map[string]func(a, b upload.Entry) int{
	"peak": func(a, b upload.Entry) int { return cmp.Compare(peakOf(b), peakOf(a)) },
	"time": func(a, b upload.Entry) int { return b.Begin().Compare(a.Begin()) },
	"size": func(a, b upload.Entry) int { return cmp.Compare(b.Size, a.Size) },
	"name": nil,
}

func newS3List(a *app) *cobra.Command {
	var l listFlags
	cmd := &cobra.Command{
		Use:     "ls [s3://BUCKET[/PREFIX]]",
		Short:   "List stored captures with what their manifests say",
		Long:    s3ListLong,
		Example: s3ListExample,
		Args:    atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.listStored(cmd.Context(), &l, firstOf(args))
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.filter.Component, "component", "", "only captures of this component")
	f.StringVar(&l.filter.Host, "host", "", "only captures of this host")
	f.StringVar(&l.since, "since", "", "only captures that began at this time or later")
	f.StringVar(&l.until, "until", "", "only captures that began before this time")
	f.StringSliceVar(&l.filter.States, "ended", nil, "only captures in one of these states, as crashed")
	parsedVar(f, &l.filter.MinSize, "min-size", "", "size", retention.ParseSize, "only objects of this size or more, as 10MiB")
	parsedVar(f, &l.filter.MaxSize, "max-size", "", "size", retention.ParseSize, "only objects of this size or less")
	f.StringVar(&l.sort, "sort", "name", "peak (RSS), time or size, the largest and newest first; or name")
	complete(cmd, "sort", []string{"name", "peak", "size", "time"})
	l.store.addTo(cmd)
	a.addJSON(cmd)
	return cmd
}

// resolve reads the flags that are not read yet.
func (l *listFlags) resolve(now time.Time) error {
	if _, ok := sorts[l.sort]; !ok {
		return usagef("--sort %q: want name, peak, size or time", l.sort)
	}
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"since", l.since, &l.filter.Since}, {"until", l.until, &l.filter.Until}} {
		if t.text == "" {
			continue
		}
		when, err := parseWhen(t.text, now)
		if err != nil {
			return usagef("--%s: %w", t.name, err)
		}
		*t.to = when
	}
	return nil
}

// parseWhen reads a day, a time, or how long ago.
func parseWhen(s string, now time.Time) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(form, s); err == nil {
			return t, nil
		}
	}
	d, err := retention.ParseDuration(s)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q: want 2026-01-02, 2026-01-02T15:04:05Z, or a duration before now, as 7d", s)
	}
	return now.Add(-d), nil
}

func (a *app) listStored(ctx context.Context, l *listFlags, arg string) error {
	place, err := l.store.place(arg)
	if err != nil {
		return err
	}
	if err := l.resolve(time.Now()); err != nil {
		return err
	}
	store, err := l.store.dial(ctx, a)
	if err != nil {
		return err
	}
	cache, err := store.OpenCache(a.openState("manifests are not remembered"), place)
	if err != nil {
		a.warn(place.String(), "%v", err)
	}
	out := &listing{app: a, order: sorts[l.sort]}
	others := 0
	for e, err := range store.List(ctx, place, upload.ListOptions{
		Filter: l.filter, Cache: cache, Others: func(string) { others++ },
	}) {
		if err != nil {
			return storeError(err)
		}
		if err := out.add(e); err != nil {
			return err
		}
	}
	if err := cache.Save(); err != nil {
		a.warn("manifests are not remembered", "%v", err)
	}
	if others > 0 {
		a.warn(place.String(), "%d other objects are no captures", others)
	}
	return out.flush()
}

// A listing prints entries: at once where it can, else when all are there.
type listing struct {
	*app
	order   func(a, b upload.Entry) int
	kept    []upload.Entry
	damaged int
}

func (l *listing) add(e upload.Entry) error {
	if e.Problem != "" {
		l.damaged++
		l.warn("s3://"+e.Bucket+"/"+e.Key, "%s", e.Problem)
	}
	if l.json && l.order == nil {
		return l.printEntry(&e)
	}
	l.kept = append(l.kept, e)
	return nil
}

func (l *listing) flush() error {
	if l.order != nil {
		slices.SortStableFunc(l.kept, l.order)
	}
	if err := l.print(); err != nil {
		return err
	}
	if l.damaged > 0 {
		return &toldError{exitPartly}
	}
	return nil
}

func (l *listing) print() error {
	if l.json {
		for i := range l.kept {
			if err := l.printEntry(&l.kept[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(l.kept) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(l.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "START\tSTATE\tCOMPONENT\tHOST\tDURATION\tPEAK RSS\tPEAK HEAP\tRAW\tSTORED\tKEY")
	for _, e := range l.kept {
		fmt.Fprintln(t, strings.Join(rowOf(&e), "\t"))
	}
	return t.Flush()
}

// printEntry prints JSON, with a state also where there is no manifest to tell it.
func (l *listing) printEntry(e *upload.Entry) error {
	return l.printJSON(struct {
		*upload.Entry
		State string `json:"state"`
	}{e, e.StateText()})
}

// rowOf gives the columns of an entry, fit for a terminal.
func rowOf(e *upload.Entry) []string {
	row := []string{e.Begin().Format("2006-01-02 15:04:05"), e.StateText(), "-", "-", "-", "-", "-", "-", humanize.Bytes(uint64(max(e.Size, 0))), e.Key}
	if s := e.Summary; s != nil {
		row[2], row[3] = cmp.Or(s.Component, "-"), cmp.Or(s.Host, "-")
		if s.Seconds != nil {
			row[4] = secondsText(*s.Seconds)
		}
		row[5], row[6] = sizeOrNone(s.RSSPeak), sizeOrNone(s.HeapPeak)
		row[7] = humanize.Bytes(uint64(max(s.RawBytes, 0)))
	} else if k, ok := upload.ParseKey("", e.Key); ok {
		row[2] = k.Component
	}
	for i := range row {
		row[i] = printable(row[i])
	}
	return row
}

// secondsText rounds as a person would; a manifest may say anything.
func secondsText(s float64) string {
	const year = 365 * 24 * 3600
	switch {
	case s < 0 || s > 1000*year:
		return "-"
	case s < 60:
		return fmt.Sprintf("%.1fs", s)
	}
	return (time.Duration(s) * time.Second).String()
}

func sizeOrNone(n *uint64) string {
	if n == nil {
		return "-"
	}
	return humanize.Bytes(*n)
}

// peakOf is the largest resident size, which nearly every capture tells; those that do not
// come last.
func peakOf(e upload.Entry) int64 {
	if e.Summary == nil || e.RSSPeak == nil {
		return -1
	}
	return int64(min(*e.RSSPeak, 1<<62))
}
