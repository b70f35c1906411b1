package retention

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/naming"
)

// TrashDir is the folder within a folder of captures that holds what may still be undone.
const TrashDir = ".memvault-trash"

// KeepSuffix ends the name of a file that keeps the capture beside it.
const KeepSuffix = naming.KeepSuffix

// ScanOptions say how captures are found.
type ScanOptions struct {
	// Recursive enters folders within the folder, on the same file system.
	Recursive bool
	// InUse says how captures that are being written are told from others.
	InUse inuse.Options
	Log   *slog.Logger
	// LeftOut is called with each folder within the folder that could not be entered, and why;
	// it may be nil.
	LeftOut func(folder string, err error)
}

// workers is how many files are looked at side by side: some checks wait for seconds.
const workers = 32

// Scan finds the captures in a folder: regular files with a name that a capture is given, and the
// content of one. What cannot be opened, or is not proved not to be written, is Unknown. No
// link is followed, and nothing waits for a FIFO. The order is that of the names.
//
// End is the header's where tracking ended regularly. Else it is the time of the last change: the last
// record's own time would take reading it all, and Memray writes at least every 10 ms, which
// the file system notes within half a minute.
func Scan(ctx context.Context, dir string, o ScanOptions) ([]Capture, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &scan{ScanOptions: o, ctx: ctx, jobs: make(chan job, 8*workers)}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(s.work)
	}
	err := s.list(dir, nil)
	close(s.jobs)
	wg.Wait()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	slices.SortFunc(s.found, func(a, b Capture) int { return comparePaths(&a, &b) })
	return s.found, nil
}

// A scan is one run of Scan.
type scan struct {
	ScanOptions
	ctx  context.Context
	jobs chan job

	mu    sync.Mutex
	found []Capture
}

// A job is a file that may be a capture.
type job struct {
	dir  *folder
	base string
	name naming.Name
	kept bool
	// alone tells that no copy in the making lies beside it.
	alone bool
}

// A folder is one that is being scanned. It is closed by whoever looks at its last file.
type folder struct {
	*os.File
	path string
	info fs.FileInfo
	left sync.WaitGroup
}

// list gives the files of a folder to the workers; parent is nil for the first.
func (s *scan) list(path string, parent *folder) error {
	dir, err := openFolder(path, parent)
	if err != nil {
		return err
	}
	defer func() {
		dir.left.Wait()
		dir.Close()
	}()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	kept, copied := map[string]bool{}, map[string]bool{}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == KeepSuffix {
			kept[e.Name()] = true
		}
		if original, ok := strings.CutSuffix(e.Name(), copySuffix); ok {
			copied[original] = true
		}
	}
	trusted := inuse.Trusted(dir.File)
	// Whoever looks at a capture looks at its copy in the making as well, which nobody else
	// may have open then: so the copies come last.
	for _, copies := range []bool{false, true} {
		for _, e := range entries {
			if s.ctx.Err() != nil {
				return nil // Scan tells
			}
			if strings.HasSuffix(e.Name(), copySuffix) == copies {
				s.entry(dir, e, kept[e.Name()+KeepSuffix] || kept[strings.TrimSuffix(e.Name(), storedSuffix)+KeepSuffix],
					trusted && !copied[e.Name()])
			}
		}
		dir.left.Wait()
	}
	return nil
}

// storedSuffix ends the name of a capture that memvault compress has stored: what kept it before keeps it still.
const storedSuffix = ".zst"

// copySuffix ends the name of the copy that Memray makes of a capture to compress it.
const copySuffix = ".lz4.tmp"

func (s *scan) entry(dir *folder, e fs.DirEntry, kept, alone bool) {
	if e.IsDir() {
		if !s.Recursive || e.Name() == TrashDir {
			return
		}
		path := filepath.Join(dir.path, e.Name())
		if err := s.list(path, dir); err != nil {
			s.Log.Warn("folder left out", "folder", path, "error", err)
			if s.LeftOut != nil {
				s.LeftOut(path, err)
			}
		}
		return
	}
	n, ok := naming.Parse(e.Name())
	if !ok || e.Type()&^fs.ModeIrregular != 0 {
		return
	}
	dir.left.Add(1)
	s.jobs <- job{dir, e.Name(), n, kept, alone}
}

// openFolder opens a folder, of which parent is nil or the folder that it lies in: then it may be neither
// a link nor on another file system.
func openFolder(path string, parent *folder) (*folder, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.IsDir():
		err = errors.New("not a folder")
	case parent != nil && !os.SameFile(before, info):
		err = errors.New("not the folder that was listed")
	case parent != nil && deviceOf(info) != deviceOf(parent.info):
		err = errors.New("on another file system")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &folder{File: f, path: path, info: info}, nil
}

func (s *scan) work() {
	buf := make([]byte, firstSize)
	for j := range s.jobs {
		c, ok := s.look(j, buf)
		j.dir.left.Done()
		if ok {
			s.mu.Lock()
			s.found = append(s.found, c)
			s.mu.Unlock()
		}
	}
}
