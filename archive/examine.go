package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/naming"
)

// maxCounting is how many bytes of memory counting may take: then the figures stay unknown.
const maxCounting = 32 << 20

// Examine reads all of a regular file, from its beginning whatever its position, and says
// what is to be stored of it. Files that are no captures are no error. The error is that of
// the file, wraps ErrChanged when the file changed meanwhile, or is the cause of the end of ctx.
func Examine(ctx context.Context, f *os.File, o Options) (*Survey, error) {
	id, err := IdentityOf(f)
	if err != nil {
		return nil, err
	}
	s := &Survey{Name: filepath.Base(f.Name()), Component: o.Component, Host: o.Host, Identity: id, Content: ContentFile}
	if s.Component == "" {
		n, _ := naming.Parse(s.Name)
		s.Component = n.Component
	}
	x := examiner{f: f, s: s, noCount: o.NoCount}
	if err := x.read(ctx, o.Progress); err != nil {
		return nil, err
	}
	return s, id.changed(f)
}

// examiner is one run of Examine.
type examiner struct {
	f *os.File
	s *Survey

	packed  bool // whether there is compression to be taken off
	noCount bool
}

// read hashes the file while its records are read. What the codec gives up half-way, since it is
// no capture or a damaged one, is read once more for the hashes alone.
func (x *examiner) read(ctx context.Context, progress func(int64)) error {
	if err := x.look(); err != nil {
		return err
	}
	p := x.pass(ctx, progress)
	end := x.records(p)
	if p.in.err != nil {
		return p.in.err
	}
	if state := x.s.State; end == io.EOF && state != codec.StateCut && state != codec.StateDamaged &&
		(p.raw == nil || x.s.Container == "lz4") { // of which frameEnd tells whether it is whole
		x.settle(p, true)
		return nil
	}
	p = x.pass(ctx, nil)
	clean, err := x.hash(p)
	if err != nil {
		return err
	}
	x.settle(p, clean)
	return nil
}

// look tells by the first bytes whether the file is compressed.
func (x *examiner) look() error {
	head := make([]byte, 4)
	n, err := x.f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	for _, magic := range []string{"\x04\x22\x4d\x18", "\x02\x21\x4c\x18", "\x28\xb5\x2f\xfd", "\x1f\x8b"} {
		x.packed = x.packed || bytes.HasPrefix(head[:n], []byte(magic))
	}
	return nil
}

// pass is one reading of the file: what is hashed on the way.
type pass struct {
	in   *source
	file *digester
	raw  *digester // nil if nothing is compressed
	end  *frameEnd

	packed io.Reader
}

func (x *examiner) pass(ctx context.Context, progress func(int64)) *pass {
	p := &pass{in: newSource(ctx, x.f, x.s.Identity.Size, progress), file: newDigester(), end: newFrameEnd()}
	if !x.packed {
		p.packed = io.TeeReader(p.in, p.file)
		return p
	}
	p.raw = newDigester()
	p.packed = io.TeeReader(p.in, io.MultiWriter(p.file, p.end))
	return p
}

// unpacked is where the bytes of the raw stream go.
func (p *pass) unpacked() io.Writer {
	if p.raw == nil {
		return io.Discard
	}
	return p.raw
}

// hash reads to the end of the file, and reports whether it unpacks to its end.
func (x *examiner) hash(p *pass) (clean bool, err error) {
	u, err := codec.Unpack(p.packed)
	if err == nil {
		_, err = io.Copy(p.unpacked(), u)
		clean = err == nil
		_ = u.Close() // it has no error
	}
	if p.in.err == nil {
		_, _ = io.Copy(io.Discard, p.packed)
	}
	return clean, p.in.err
}

// settle takes over what was hashed, and decides what the raw stream is. One frame of LZ4 must
// be all of the file; the other decoders see what comes after.
func (x *examiner) settle(p *pass, clean bool) {
	s := x.s
	s.File = p.file.digest()
	s.Raw = s.File
	if s.Header == nil || s.Container == "lz4" && !p.end.clean() {
		return
	}
	if clean {
		s.Content = ContentRaw
		if p.raw != nil {
			s.Raw = p.raw.digest()
		}
	}
}

// records reads the capture, if it is one. The error is that of the codec; how the capture ended
// is in the survey.
func (x *examiner) records(p *pass) error {
	s := x.s
	r, err := codec.NewTeeReader(p.packed, p.unpacked())
	switch {
	case errors.Is(err, codec.ErrEmpty):
		s.State = codec.StateEmpty
	case errors.Is(err, codec.ErrNeverStarted):
		s.State = codec.StateNeverStarted
	}
	if err != nil {
		s.Reason = err.Error()
		return err
	}
	h := *r.Header()
	s.Header, s.Container = &h, r.Container()
	err = x.count(r)
	status := r.Status()
	s.State, s.Reason = status.State, status.Reason
	s.times(&status)
	return errors.Join(err, r.Close())
}

// count reads the records, and their figures while that takes little memory.
func (x *examiner) count(r *codec.Reader) error {
	s := x.s
	var c *heap.Counter
	if !x.noCount {
		c = heap.NewCounter(s.Header)
		c.Limit = maxCounting
	}
	for {
		rec, err := r.Next()
		if err != nil {
			if c != nil {
				s.figures(c)
			}
			return err
		}
		if rec.Kind == codec.KindMemory || rec.Kind == codec.KindHeapSnapshot {
			s.RSSPeak = max(s.RSSPeak, rec.RSS)
		}
		if c == nil {
			continue
		}
		if c.Add(rec); c.Over() {
			c = nil
		}
	}
}

// figures takes over what was counted, unless that has ended early after all.
func (s *Survey) figures(c *heap.Counter) {
	t := c.Totals()
	if c.Over() {
		return
	}
	s.HeapPeak, s.Leaked = &t.Peak, &t.Live
	if s.Header.Format != codec.AggregatedAllocations {
		s.Allocations = &t.Allocations
	}
}

// times takes over when tracking began and ended. Captures may hold any number there.
func (s *Survey) times(status *codec.Status) {
	s.Start, s.End = fourDigits(s.Header.Start()), fourDigits(s.Header.End())
	if status.State != codec.StateComplete && status.LastTime != 0 {
		s.End = fourDigits(time.UnixMilli(status.LastTime).UTC())
	}
}

func fourDigits(t time.Time) time.Time {
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t
}
