package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/memvault/memvault/internal/naming"
	"github.com/memvault/memvault/internal/removal"
	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
	"github.com/memvault/memvault/watch"
)

// levels are how full the folders are, shared by the steps.
type levels struct {
	mu sync.Mutex
	of map[string]retention.Level
}

func (l *levels) get(dir string) retention.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[dir]
}

func (l *levels) set(dir string, level retention.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[string]retention.Level{}
	}
	l.of[dir] = level
}

// look finds out how the folders stand.
func (w *watcher) look(ctx context.Context) ([]watch.Folder, error) {
	var all []watch.Folder
	for _, dir := range w.dirs {
		f := watch.Folder{Path: absolute(dir), Budget: w.clean.Policy.Budget}
		captures, err := retention.Scan(ctx, dir, w.clean.Scan)
		if err == nil {
			f.Disk, err = retention.ReadDisk(dir)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			w.warnOnce(dir, "there is no such folder (yet)") // Airflow makes its folder when it first starts
			continue
		case err != nil:
			f.Err = err
		default:
			f.Disk.Level = w.seen.get(dir)
			w.sum(&f, captures)
			w.seen.set(dir, f.Level)
		}
		all = append(all, f)
	}
	return all, nil
}

// sum adds up the captures of a folder.
func (w *watcher) sum(f *watch.Folder, captures []retention.Capture) {
	f.Captures, f.Trash = map[watch.Kind]int{}, f.Disk.Trash
	for i := range captures {
		c := &captures[i]
		f.Captures[watch.Kind{Component: c.Component, State: c.State}]++
		f.Allocated += c.Bytes
		if c.State == retention.Live {
			f.Live += c.Bytes
		}
		if n, ok := naming.Parse(c.Name); ok && n.Fixed && (c.State == retention.Finished || c.State == retention.Crashed) {
			f.Blocking = append(f.Blocking, c.Component)
		}
	}
	f.Level = w.clean.Policy.LevelOf(f.Disk, f.Allocated)
}

// prepareSaving makes what uploads, or without an archive what compresses.
func (w *watcher) prepareSaving(ctx context.Context) error {
	how, err := w.o.store.options()
	if err != nil {
		return err
	}
	p, use := &w.o.clean.proof, w.clean.Scan.InUse
	if !p.given() {
		w.press = &compression{app: w.app, how: how, use: use, o: &compressOptions{archiveFlags: w.o.store, remove: true}}
		return nil
	}
	o := &uploadOptions{storeFlags: p.store, archiveFlags: w.o.store, bytesPerSecond: w.o.bandwidth, parts: upload.DefaultParts, dryRun: !w.clean.Yes}
	o.template = p.key
	o.proofOptions = upload.ProofOptions{Mode: upload.ProofMode(p.mode), MinLife: p.minLife}
	if o.place, err = p.store.place(p.archive); err != nil {
		return err
	}
	w.up = &uploads{app: w.app, o: o, how: how, use: use}
	return w.up.connect(ctx)
}

// save uploads or compresses what is not being written. Crashed captures come first, as
// they are why somebody looks.
func (w *watcher) save(ctx context.Context) ([]watch.Event, error) {
	var events []watch.Event
	var failures []error
	for _, dir := range w.dirs {
		if w.press != nil && w.seen.get(dir) < retention.Warn || !exists(dir) {
			continue
		}
		captures, err := retention.Scan(ctx, dir, w.clean.Scan)
		if err != nil {
			failures = append(failures, inFile(dir, err))
			continue
		}
		for _, state := range []retention.State{retention.Crashed, retention.Finished} {
			for i := range captures {
				if c := &captures[i]; c.State == state && w.toSave(c) && ctx.Err() == nil {
					e, err := w.saveOne(ctx, c)
					events = append(events, e...)
					failures = append(failures, err)
					if errors.Is(err, upload.ErrUnreachable) {
						return events, errors.Join(failures...) // the others would wait as long, one after the other
					}
				}
			}
		}
	}
	return events, errors.Join(append(failures, context.Cause(ctx))...)
}

// toSave leaves out what is saved, and what is not to be.
func (w *watcher) toSave(c *retention.Capture) bool {
	n, ok := naming.Parse(c.Name)
	// In place, compressing takes space where the original cannot be deleted, or gives none back.
	stays := w.press != nil && (c.Held || c.OnlyArchived || c.Pinned != "")
	return ok && !n.Stored && !c.Leftover && !stays && !w.saved[savedKey(c)]
}

// savedKey names a file as it is now: written anew under the same name it is another.
func savedKey(c *retention.Capture) string { return fmt.Sprintf("%s\x00%v", c.Path(), c.File) }

func (w *watcher) saveOne(ctx context.Context, c *retention.Capture) ([]watch.Event, error) {
	e := watch.Event{Path: c.Path(), Component: c.Component, Would: !w.clean.Yes}
	var err error
	if w.up != nil {
		err = w.uploadOne(ctx, c, &e)
	} else {
		err = w.compressOne(ctx, c, &e)
	}
	switch {
	case err == nil:
		w.saved[savedKey(c)] = true
		return []watch.Event{e}, nil
	case errors.Is(err, errLive), errors.Is(err, fs.ErrNotExist), ctx.Err() != nil:
		return nil, nil // its writer came back, or it went: the next round looks again
	case w.up == nil:
		return nil, err
	}
	return []watch.Event{{What: watch.UploadFailed, Path: e.Path, Component: e.Component, Text: err.Error()}}, err
}

func (w *watcher) uploadOne(ctx context.Context, c *retention.Capture, e *watch.Event) error {
	r, err := w.up.one(ctx, found{file: c.Path()})
	if err != nil {
		return err
	}
	for _, text := range r.Warnings {
		w.log.Warn(text, "file", c.Path())
	}
	url := upload.Place{Bucket: r.Bucket, Prefix: r.Key}.String()
	e.What, e.Bytes, e.Text = watch.Uploaded, r.StoredBytes, c.Path()+": "+string(r.State)+": "+url
	return nil
}

// compressOne compresses a capture in place. It needs room for the copy, for a moment.
func (w *watcher) compressOne(ctx context.Context, c *retention.Capture, e *watch.Event) error {
	path := c.Path()
	e.What, e.Text = watch.Compressed, path+": to "+path+".zst"
	if e.Would {
		return nil
	}
	if d, err := retention.ReadDisk(c.Dir); err == nil && d.Free < c.Bytes {
		return inFile(path, fmt.Errorf("no room to compress it: %s free, it has %s", retention.FormatSize(d.Free), retention.FormatSize(c.Bytes)))
	}
	r, err := w.press.report(ctx, found{file: path, listed: true}, job{path, path + ".zst"})
	if errors.Is(err, removal.ErrInUse) { // the capture is still there: with its copy it would take space twice, for good
		err = errors.Join(err, os.Remove(path+".zst"), os.Remove(manifestOf(path+".zst")))
	}
	if err == nil && r.State == "stored" {
		e.Text += fmt.Sprintf(": %d of %d bytes", r.StoredBytes, r.FileBytes)
	}
	if err == nil && r.State != "stored" {
		e.Text, e.Would = path+": left, there is a "+path+".zst", true
	}
	return err
}

// cleanAll deletes what the policy lets go.
func (w *watcher) cleanAll(ctx context.Context) ([]watch.Event, error) {
	var events []watch.Event
	var failures []error
	for _, dir := range w.dirs {
		if !exists(dir) {
			continue
		}
		o := w.clean
		o.Level = w.seen.get(dir)
		report, err := retention.Clean(ctx, dir, o)
		if report != nil {
			events = append(events, w.cleaned(report)...)
		}
		if errors.Is(err, removal.ErrLocked) {
			w.log.Info("another memvault works in the folder", "folder", dir)
			continue
		}
		failures = append(failures, inFile(dir, err))
	}
	return events, errors.Join(failures...)
}

// cleaned tells what became of the captures that were to go.
func (w *watcher) cleaned(r *retention.Report) []watch.Event {
	for _, text := range append(r.Plan.Warnings, r.Plan.Unmet...) {
		w.warnOnce(r.Dir, text)
	}
	if r.Stopped != "" {
		w.warnOnce(r.Dir, "stopped: "+r.Stopped)
	}
	var events []watch.Event
	for n, i := range r.Plan.Deletions {
		c := &r.Captures[i]
		e := watch.Event{What: watch.Deleted, Path: c.Path(), Component: c.Component, Bytes: c.Bytes, Would: !r.Yes}
		e.Text = c.Path() + ": " + r.Plan.Decisions[i].Reason
		if n < len(r.Outcomes) {
			switch out := &r.Outcomes[n]; {
			case out.Err != nil:
				e.What, e.Text = watch.DeleteFailed, c.Path()+": "+out.Err.Error()
			case !out.Done:
				continue
			case out.Trashed:
				e.Text += "; it lies in the trash"
			}
		}
		events = append(events, e)
	}
	return events
}

// warnOnce logs what a policy cannot do when it is new: each round finds it again.
func (w *watcher) warnOnce(dir, text string) {
	w.seen.mu.Lock()
	defer w.seen.mu.Unlock()
	if w.warned[dir] == nil {
		w.warned[dir] = map[string]bool{}
	}
	if !w.warned[dir][text] {
		w.warned[dir][text] = true
		w.log.Warn(text, "folder", dir)
	}
}
