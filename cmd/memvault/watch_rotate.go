package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/memvault/memvault/airflow"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/naming"
	"github.com/memvault/memvault/watch"
)

// rotate moves what lies in the way, and nobody writes.
func (w *watcher) rotate(ctx context.Context) ([]watch.Event, error) {
	files := w.gate.due(w.dirs)
	if len(files) == 0 {
		return nil, nil
	}
	list, err := airflow.Rotate(ctx, files, airflow.RotateOptions{InUse: w.clean.Scan.InUse, DryRun: !w.clean.Yes, Log: w.clean.Log})
	if err != nil {
		return nil, err
	}
	var events []watch.Event
	for _, r := range list {
		path := filepath.Join(r.Dir, r.From)
		w.gate.saw(path, r)
		e := watch.Event{What: watch.Rotated, Path: path, Component: r.Component, Would: !w.clean.Yes}
		switch r.Action {
		case airflow.Rotated:
			e.Text = path + ": to " + r.To + " (" + r.Reason + ")"
		case airflow.Failed:
			if errors.Is(r.Err, fs.ErrNotExist) {
				continue // somebody else was faster
			}
			e.What, e.Text, e.Once = watch.RotateFailed, path+": "+r.Err.Error(), true
		default:
			continue
		}
		events = append(events, e)
	}
	return events, nil
}

// A rotateGate spares what was seen to be live a look at all processes twice a second: it
// is due again when a lease is granted, when one of its holders has ended, or after liveFor.
type rotateGate struct {
	folders map[string]*gateFolder
	live    map[string]gateFile
}

// liveFor is how long a verdict of live holds at most, while its holders live.
const liveFor = 10 * time.Second

type gateFolder struct {
	changed time.Time // of the folder itself: entries came or went
	read    time.Time
	fixed   []string
}

type gateFile struct {
	until   time.Time
	holders []inuse.Holder
}

// due gives the files with fixed names that are to be looked at.
func (g *rotateGate) due(dirs []string) []string {
	var files []string
	for _, dir := range dirs {
		for _, path := range g.list(dir) {
			if g.isDue(path) {
				files = append(files, path)
			}
		}
	}
	return files
}

// list gives the fixed names in a folder. It is read again when it has changed: that costs, in
// a folder of many files.
func (g *rotateGate) list(dir string) []string {
	info, err := os.Stat(dir)
	if err != nil {
		return nil // look tells
	}
	f := g.folders[dir]
	// A change within the granularity of the time stamp may have been missed.
	if f != nil && f.changed.Equal(info.ModTime()) && f.read.Sub(f.changed) > time.Second {
		return f.fixed
	}
	f = &gateFolder{changed: info.ModTime(), read: time.Now()}
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil
	}
	for _, name := range names {
		if n, ok := naming.Parse(name); ok && n.Fixed {
			f.fixed = append(f.fixed, filepath.Join(dir, name))
		}
	}
	if g.folders == nil {
		g.folders = map[string]*gateFolder{}
	}
	g.folders[dir] = f
	return f.fixed
}

func (g *rotateGate) isDue(path string) bool {
	seen, ok := g.live[path]
	if !ok || time.Now().After(seen.until) {
		return true
	}
	for _, h := range seen.holders {
		if !processExists(h.PID) {
			return true
		}
	}
	return !stillHeld(path)
}

// stillHeld reports whether a lease on the file is refused, so that somebody holds it.
func stillHeld(path string) bool {
	f, err := inuse.OpenFile(path)
	if err != nil {
		return false
	}
	defer f.Close()
	lease, err := inuse.TryLease(f)
	if err == nil {
		return lease.Release() != nil
	}
	return errors.Is(err, inuse.ErrRefused)
}

// saw remembers what is live, and forgets the rest.
func (g *rotateGate) saw(path string, r airflow.Rotation) {
	delete(g.live, path)
	if r.Action != airflow.Blocked || r.State != inuse.Live.String() {
		return
	}
	if g.live == nil {
		g.live = map[string]gateFile{}
	}
	g.live[path] = gateFile{time.Now().Add(liveFor), r.Verdict.Holders}
}
