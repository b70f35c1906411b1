package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/naming"
	"github.com/memvault/memvault/retention"
)

// A found is a capture that the command line names, or that lies in a folder that it names.
type found struct {
	file string
	// listed tells that it was found in a folder: such a one is skipped while it is live.
	listed bool
	// live tells of a listed one that it is being written, or may be; note says by whom.
	live bool
	note string
	// err tells why a folder within a folder was left out: whoever was to take it fails.
	err error
}

// findCaptures gives the files of the command line, and the captures in its folders, crashed ones
// first and then the oldest: the most valuable ones. What memvault has compressed is left out.
func (a *app) findCaptures(ctx context.Context, args []string, recursive bool, use inuse.Options) ([]found, error) {
	var all []found
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() {
			all = append(all, found{file: arg}) // opening it tells what is wrong
			continue
		}
		list, err := retention.Scan(ctx, arg, retention.ScanOptions{
			Recursive: recursive, InUse: use,
			LeftOut: func(folder string, err error) {
				if !errors.Is(err, fs.ErrNotExist) {
					all = append(all, found{file: folder, listed: true, err: err})
				}
			},
		})
		if err != nil {
			return nil, inFile(arg, err)
		}
		slices.SortStableFunc(list, func(x, y retention.Capture) int {
			return cmp.Or(-cmp.Compare(crashed(x), crashed(y)), x.Start.Compare(y.Start))
		})
		for _, c := range list {
			if n, ok := naming.Parse(c.Name); !ok || n.Stored || c.Leftover {
				continue
			}
			live := c.State == retention.Live || c.State == retention.Unknown && mayOpen(c.Path())
			all = append(all, found{file: c.Path(), listed: true, live: live, note: c.Note})
		}
	}
	return all, nil
}

// mayOpen reports whether permissions let us open a file: one that they do not is no live one,
// and opening it again tells so.
func mayOpen(name string) bool {
	f, err := inuse.OpenFile(name)
	if err == nil {
		err = f.Close()
	}
	return !errors.Is(err, fs.ErrPermission)
}

func crashed(c retention.Capture) int {
	if c.State == retention.Crashed {
		return 1
	}
	return 0
}

// errLive says that a capture is being written, or may be.
var errLive = errors.New("is live")

// openIdle opens a capture that nobody writes. One that is live is waited for, for so long; the
// error then wraps errLive. The file is the only descriptor that memvault has of it.
func (a *app) openIdle(ctx context.Context, name string, use inuse.Options, wait time.Duration) (*os.File, inuse.Verdict, error) {
	const pause = time.Second
	for deadline := time.Now().Add(wait); ; {
		// By name each time: when Memray has compressed a capture, it is another file.
		f, err := inuse.OpenFile(name)
		if err != nil {
			return nil, inuse.Verdict{}, err
		}
		v, err := inuse.Check(ctx, f, headerOf(f), use)
		if err == nil && v.MayUpload() {
			return f, v, nil
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, v, err
		}
		if time.Until(deadline) < pause {
			err := fmt.Errorf("%w: %s", errLive, v.Reason)
			return nil, v, &codedError{hintf(err, "--wait 1h waits for its end"), exitRetry}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, v, context.Cause(ctx)
		}
	}
}

// headerOf gives the header of a capture, or nil.
func headerOf(f *os.File) *codec.Header {
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	s, err := codec.Inspect(f, info.Size())
	if err != nil || s.Header.Version == 0 {
		return nil
	}
	return &s.Header
}
