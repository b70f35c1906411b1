package retention

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/naming"
	"github.com/memvault/memvault/internal/removal"
)

func comparePaths(a, b *Capture) int {
	return cmp.Or(strings.Compare(a.Dir, b.Dir), strings.Compare(a.Name, b.Name))
}

// look finds out what a file is; false when it is no capture.
func (s *scan) look(j job, buf []byte) (Capture, bool) {
	c := Capture{Dir: j.dir.path, Name: j.base, Component: j.name.Component, Kept: j.kept, Leftover: j.name.Compressing}
	f, err := inuse.OpenAt(j.dir.File, j.base)
	if err != nil {
		return c, s.closed(&c, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		s.Log.Debug("no regular file", "file", c.Path(), "error", err)
		return c, false
	}
	c.facts(info, j.dir.info)
	content, err := readFirst(f, buf)
	if err != nil {
		return c, s.closed(&c, err)
	}
	header, ok := s.content(&c, content, info.Size(), j.name)
	if !ok {
		return c, false
	}
	if links(info) > 1 {
		return c, true // another worker may have it open by its other name
	}
	use := s.InUse
	use.Listed = j.alone
	verdict, err := inuse.Check(s.ctx, f, header, use)
	c.use(verdict, err)
	return c, true
}

// closed judges a file that cannot be opened: it may be a capture unless it is gone.
func (s *scan) closed(c *Capture, err error) bool {
	info, lstat := os.Lstat(c.Path())
	if lstat != nil || !info.Mode().IsRegular() {
		return false
	}
	c.facts(info, info)
	c.State, c.Note = Unknown, "it cannot be opened: "+reason(err)
	return true
}

// reason is the text of an error without the name of the file.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

// facts takes what the file system tells of the file.
func (c *Capture) facts(info, dir fs.FileInfo) {
	c.End = info.ModTime().UTC()
	c.File, _ = removal.IdentityOf(info)
	c.Bytes = allocated(info)
	c.Pinned = pinned(info, dir)
}

// content takes what the file's bytes tell; false when they are not those of a capture. It also gives
// the header, nil where there is none.
func (s *scan) content(c *Capture, f io.ReaderAt, size int64, n naming.Name) (*codec.Header, bool) {
	sum, err := codec.Inspect(f, size)
	if n.Compressing && errors.Is(err, codec.ErrHeader) && beginsLZ4(f) {
		// Memray was killed before the first block of the copy, and with it the header, was whole.
		c.State, c.Note = Crashed, "the copy ends in its first block"
		return nil, true
	}
	if err != nil {
		s.Log.Debug("named like a capture, but none", "file", c.Path(), "error", err)
		return nil, false
	}
	switch sum.State {
	case codec.StateEmpty, codec.StateNeverStarted:
		// No bytes prove that it is a capture, so the name must.
		c.State, c.Note = Crashed, sum.Reason
		return nil, n.Fixed || n.Rotated || n.Compressing || n.PID > 0 && strings.HasPrefix(c.Name, "memray-")
	}
	h := &sum.Header
	c.Start = h.Start()
	// Memray rewrites the header when tracking ends, but for aggregated captures, which it
	// writes only then.
	rewritten := h.Allocations > 0 || h.Format == codec.AggregatedAllocations
	switch {
	case sum.State.Finished() || sum.State == codec.StateUnknown && rewritten:
		c.State, c.End = Finished, h.End()
	default:
		c.State, c.Note = Crashed, sum.Reason
	}
	return h, true
}

// beginsLZ4 tells whether f has the magic of an LZ4 frame.
func beginsLZ4(f io.ReaderAt) bool {
	var magic [4]byte
	_, err := f.ReadAt(magic[:], 0)
	return (err == nil || err == io.EOF) && string(magic[:]) == "\x04\x22\x4d\x18"
}

// use takes the verdict over who writes the capture.
func (c *Capture) use(v inuse.Verdict, err error) {
	switch {
	case err != nil:
		c.State, c.Note = Unknown, "whether it is being written cannot be told: "+reason(err)
	case v.State == inuse.Live:
		c.State, c.Note = Live, v.Reason
	case v.State == inuse.Held:
		c.Held, c.Note = true, v.Reason+": "+v.HeldBy()
	case v.State == inuse.Quiet:
		c.OnlyArchived = true
		if !v.MayDelete(true) {
			c.Pinned = v.Reason + "; it may go when it is quiet for " + FormatDuration(inuse.QuietForDeletes)
		}
	case v.State != inuse.Free:
		c.State, c.Note = Unknown, v.Reason
	}
}
