package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

// pass cleans a folder, or a place in a bucket.
func (g *gcRun) pass(ctx context.Context, where string, o retention.CleanOptions) (*retention.Report, error) {
	if !upload.IsURL(where) {
		return retention.Clean(ctx, where, o)
	}
	b := &bucketPass{gcRun: g, policy: o.Policy, yes: o.Yes}
	if err := b.open(ctx, where); err != nil {
		return nil, err
	}
	report, err := b.run(ctx)
	switch {
	case errors.Is(err, upload.ErrLeased):
		err = hintf(&codedError{err, exitRetry}, "try again when that gc has ended, or wait longer: --lock-wait 5m")
	case errors.Is(err, upload.ErrNoConditions):
		err = hintf(err, "memvault bucket apply lets the store delete, if it has lifecycle rules")
	default:
		err = storeError(err)
	}
	return report, err
}

// A bucketPass is one run of gc over a place in a bucket.
type bucketPass struct {
	*gcRun
	policy retention.Policy
	yes    bool
	place  upload.Place
	store  *upload.Store
	// entries are what the captures of the report were made of, by the same index.
	entries []upload.Entry
}

// checkPlaces refuses a policy that cannot be obeyed in a bucket, where one is named.
func (o *gcOptions) checkPlaces(places []string) error {
	p := o.clean.policy.policy()
	i := slices.IndexFunc(places, upload.IsURL)
	switch {
	case i < 0:
		return nil
	case !p.MinFree.IsZero() || !p.MinInodes.IsZero() || !p.WarnFree.IsZero() || !p.CriticalFree.IsZero() || len(p.Sacrifice) > 0:
		return hintf(usagef("%s: a bucket has no free space that could end", places[i]), "--budget and --max-total limit what captures occupy there")
	case o.clean.proof.given():
		return usagef("%s: --archive is for folders: a bucket is the archive", places[i])
	}
	_, err := o.clean.proof.store.place(places[i])
	return err
}

func (b *bucketPass) open(ctx context.Context, url string) error {
	flags := &b.clean.proof.store
	var err error
	if b.place, err = flags.place(url); err != nil {
		return err
	}
	b.store, err = flags.dial(ctx, b.app)
	return err
}

// run plans, and where something is to go plans again under the lease, and deletes.
func (b *bucketPass) run(ctx context.Context) (*retention.Report, error) {
	report, err := b.plan(ctx)
	if err != nil || !b.yes || len(report.Plan.Deletions) == 0 {
		return report, err
	}
	err = b.leased(ctx, func(ctx context.Context) error {
		if report, err = b.plan(ctx); err != nil {
			return err
		}
		return b.delete(ctx, report)
	})
	return report, err
}

// leased works under the lease, for which it waits as long as --lock-wait says.
func (b *bucketPass) leased(ctx context.Context, work func(context.Context) error) error {
	host, _ := os.Hostname() // only for people to read
	holder := fmt.Sprintf("%s, process %d", host, os.Getpid())
	for end := time.Now().Add(b.clean.lockWait); ; {
		err := b.store.WithLease(ctx, b.place, holder, work)
		if !errors.Is(err, upload.ErrLeased) || !time.Now().Before(end) {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// plan lists the captures and decides over them, by the clock of the store.
func (b *bucketPass) plan(ctx context.Context) (*retention.Report, error) {
	now, err := b.store.Now(ctx, b.place.Bucket)
	if err != nil {
		return nil, err
	}
	if err := b.list(ctx); err != nil {
		return nil, err
	}
	r := &retention.Report{Dir: b.place.String(), Yes: b.yes, Captures: make([]retention.Capture, len(b.entries))}
	for i := range b.entries {
		r.Captures[i] = captureOf(&b.entries[i], now)
	}
	if len(b.policy.KeepTags) > 0 {
		b.readTags(ctx, r.Captures)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	r.Plan, err = b.policy.Plan(r.Captures, retention.Disk{}, now)
	return r, err
}

func (b *bucketPass) list(ctx context.Context) error {
	cache, err := b.store.OpenCache(b.openState("manifests are not remembered"), b.place)
	if err != nil {
		b.warn(b.place.String(), "%v", err)
	}
	b.entries = b.entries[:0]
	for e, err := range b.store.List(ctx, b.place, upload.ListOptions{Cache: cache}) {
		if err != nil {
			return err
		}
		b.entries = append(b.entries, e)
	}
	if err := cache.Save(); err != nil {
		b.warn("manifests are not remembered", "%v", err)
	}
	return nil
}

// unfinished is how long an object without a manifest may be one whose upload is under
// way: the manifest comes last.
const unfinished = 24 * time.Hour

// clockCut is by how much the time that a store tells may lie behind: it is cut to the
// second, and servers look at the clock once a second.
const clockCut = 3 * time.Second

// captureOf says of an entry what the policy asks. Its age is that of the later of the end
// and the upload: what was uploaded late is not deleted at once.
func captureOf(e *upload.Entry, now time.Time) retention.Capture {
	c := retention.Capture{Name: e.Key, End: e.Uploaded, Bytes: e.Size, State: retention.Crashed, Archived: retention.InArchive}
	key, ours := upload.ParseKey("", e.Key)
	c.Component = key.Component
	if s := e.Summary; s != nil {
		c.Component, c.Host = s.Component, s.Host
		for name, value := range s.Labels {
			c.Tags = append(c.Tags, name+"="+value)
		}
		if s.Start != nil {
			c.Start = *s.Start
		}
		if s.End != nil && s.End.After(c.End) {
			c.End = *s.End
		}
	}
	if c.End.After(now) && c.End.Sub(now) < clockCut {
		c.End = now
	}
	if e.Finished() {
		c.State = retention.Finished
	} else {
		c.Note = e.StateText()
	}
	switch {
	case e.Problem != "":
		c.Pinned = e.Problem
	case e.Summary != nil:
	case !ours:
		c.Pinned = "it has no manifest, and not a key as memvault makes them"
	case now.Sub(e.Uploaded) < unfinished:
		c.Pinned = "it has no manifest yet: its upload may be under way"
	}
	return c
}

// readTags adds the tags of the objects to their labels. What has tags that cannot be read
// is kept.
func (b *bucketPass) readTags(ctx context.Context, captures []retention.Capture) {
	const parallel = 16
	room := make(chan struct{}, parallel)
	var all sync.WaitGroup
	for i := range captures {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			c := &captures[i]
			tags, err := b.store.Tags(ctx, b.place.Bucket, c.Name)
			if err != nil && c.Pinned == "" {
				c.Pinned = "its tags cannot be read: " + err.Error()
			}
			for name, value := range tags {
				c.Tags = append(c.Tags, name+"="+value)
			}
		})
	}
	all.Wait()
}

// delete obeys the plan. It ends when the lease is lost, or ctx ends.
func (b *bucketPass) delete(ctx context.Context, r *retention.Report) error {
	r.Outcomes = make([]retention.Outcome, len(r.Plan.Deletions))
	hidden := false
	for n, i := range r.Plan.Deletions {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		removed, err := b.store.RemoveListed(ctx, &b.entries[i])
		out := &r.Outcomes[n]
		out.Err, out.Done = err, err == nil
		hidden = hidden || removed.Hidden
		if !removed.Hidden {
			out.Freed = removed.Bytes
		}
	}
	if hidden {
		b.warn(r.Dir, "the bucket keeps versions: this frees nothing until the old ones go (bucket apply --noncurrent)")
	}
	return nil
}
