package inuse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memvault/memvault/codec"
)

// checker is one Check.
type checker struct {
	Options
	f   *os.File
	hdr *codec.Header // nil until it was read, and where there is none
}

func acquire(ctx context.Context, f *os.File, hdr *codec.Header, o Options) (Verdict, *Lease, error) {
	if o.Method == "" {
		o.Method = MethodAuto
	}
	if o.Idle <= 0 {
		o.Idle = DefaultIdle
	}
	if o.Settle <= 0 {
		o.Settle = DefaultSettle
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	fi, err := f.Stat()
	if err != nil {
		return Verdict{}, nil, err
	}
	if !fi.Mode().IsRegular() {
		return Verdict{}, nil, fmt.Errorf("%q is no regular file", f.Name())
	}
	c := &checker{Options: o, f: f, hdr: hdr}
	v, lease, err := c.check(ctx)
	if err == nil && v.MayRotate() {
		if busy, err := c.compressing(ctx); err != nil || busy.Reason != "" {
			if lease != nil {
				err = errors.Join(err, lease.Release())
			}
			return busy, nil, err
		}
	}
	o.Log.Debug("in use?", "file", f.Name(), "state", v.State.String(), "by", v.How, "reason", v.Reason)
	return v, lease, err
}

// probe tells of the ordinary file, which nobody has open nor compresses, that it is free. That takes
// a few microseconds, as a lease that is given back at once needs nobody to look after it.
func probe(f *os.File, o Options) (Verdict, bool) {
	ask := setLease
	if o.Listed {
		ask = askLease
	}
	if o.Method == MethodProc || ask(f, unix.F_WRLCK) != nil {
		return free, false
	}
	err := os.ErrNotExist
	if !o.Listed {
		_, err = os.Lstat(f.Name() + lz4Temporary)
	}
	return free, (&Lease{f: f}).unlock() == nil && errors.Is(err, os.ErrNotExist)
}

// check asks in this order: the kernel by a lease, /proc, the time.
func (c *checker) check(ctx context.Context) (Verdict, *Lease, error) {
	if c.Method == MethodProc {
		v, err := c.byProc(ctx)
		return v, nil, err
	}
	lease, err := TryLease(c.f)
	switch {
	case err == nil:
		return free, lease, nil
	case errors.Is(err, ErrRefused) && c.Method == MethodLease:
		return Verdict{State: Live, How: "lease", Reason: "somebody has it open: the kernel refuses a lease"}, nil, nil
	case errors.Is(err, ErrRefused):
		return c.refused(ctx)
	}
	c.Log.Debug("no lease", "file", c.f.Name(), "error", err)
	v, err := c.noLease(ctx, err)
	return v, nil, err
}

// Some open a file for a moment only: a backup, a search, another memvault.
const (
	retries    = 4
	retryAfter = 25 * time.Millisecond
)

// refused asks /proc who it is that has the file open. When nobody is seen it asks for the lease again.
func (c *checker) refused(ctx context.Context) (Verdict, *Lease, error) {
	for i := 0; ; i++ {
		v, err := c.whoHolds(ctx)
		if err != nil || len(v.Holders) > 0 || i == retries {
			return v, nil, err
		}
		if err := sleep(ctx, retryAfter); err != nil {
			return Verdict{}, nil, err
		}
		if lease, err := TryLease(c.f); err == nil {
			return free, lease, nil
		}
	}
}

var free = Verdict{State: Free, How: "lease", Reason: "nobody has it open: the kernel grants a lease"}

func (c *checker) whoHolds(ctx context.Context) (Verdict, error) {
	h, v, done := c.writer()
	switch {
	case done:
		return v, nil
	case len(h.holders) == 0 && h.ourselves:
		return Verdict{State: Live, How: "lease", Reason: "this very process has it open already"}, nil
	case len(h.holders) == 0:
		return Verdict{State: Live, How: "lease",
			Reason: "somebody has it open who cannot be seen from here: in another PID namespace (container) or of another user"}, nil
	case c.hdr == nil:
		return Verdict{State: Live, How: "proc", Holders: h.holders, Reason: "it is held, and no header tells who writes it"}, nil
	case !h.writes && !c.noWriter():
		return Verdict{State: Live, How: "proc", Holders: h.holders,
			Reason: "those who hold it only read, and the kernel says that somebody writes: one who cannot be seen from here"}, nil
	}
	return c.settle(ctx, Verdict{State: Held, How: "proc", Holders: h.holders,
		Reason: fmt.Sprintf("its writer, pid %d in the header, is gone; held by others that do not write", c.hdr.PID)})
}

// noWriter tells whether the kernel proves that nobody has the file open for writing.
func (c *checker) noWriter() bool {
	if setLease(c.f, unix.F_RDLCK) != nil {
		return false
	}
	return (&Lease{f: c.f}).unlock() == nil
}

// writer looks into /proc, and gives a verdict and true when it finds the writer, or cannot look.
func (c *checker) writer() (h holding, v Verdict, done bool) {
	c.readHeader()
	var pid int32
	var start time.Time
	if c.hdr != nil {
		pid, start = c.hdr.PID, c.hdr.Start()
	}
	h, err := look(c.f, pid, start)
	v = Verdict{State: Live, How: "proc", Holders: h.holders}
	switch {
	case err != nil:
		v.Reason = "somebody may have it open, and /proc does not tell who: " + err.Error()
	case h.writer.PID != 0 && h.unseen:
		v.Reason = fmt.Sprintf("process %d has the pid and the user of its writer, and its files cannot be looked at", h.writer.PID)
	case h.writer.PID != 0:
		v.Reason = fmt.Sprintf("its writer has it open: process %d", h.writer.PID)
	default:
		return h, Verdict{}, false
	}
	return h, v, true
}

// readHeader reads the header unless it was given. A pid that none can be counts as no header.
func (c *checker) readHeader() {
	if c.hdr == nil {
		if s, err := c.inspect(); err == nil && s.Header.Version != 0 {
			c.hdr = &s.Header
		}
	}
	if c.hdr != nil && c.hdr.PID <= 0 {
		c.hdr = nil
	}
}

func (c *checker) inspect() (*codec.Summary, error) {
	fi, err := c.f.Stat()
	if err != nil {
		return nil, err
	}
	return codec.Inspect(c.f, fi.Size())
}

// byProc trusts what /proc shows, as the user asked.
func (c *checker) byProc(ctx context.Context) (Verdict, error) {
	h, v, done := c.writer()
	switch {
	case done:
		return v, nil
	case len(h.holders) == 0:
		return c.settle(ctx, Verdict{State: Free, How: "proc", Reason: "no process in /proc has it open"})
	case c.hdr == nil:
		return Verdict{State: Live, How: "proc", Holders: h.holders, Reason: "it is held, and no header tells who writes it"}, nil
	}
	return c.settle(ctx, Verdict{State: Held, How: "proc", Holders: h.holders,
		Reason: fmt.Sprintf("its writer, pid %d in the header, is gone; held by others that do not write", c.hdr.PID)})
}

// settle gives v if the data do not grow while it watches them.
func (c *checker) settle(ctx context.Context, v Verdict) (Verdict, error) {
	before, err := c.end()
	if err != nil {
		return Verdict{}, err
	}
	if err := sleep(ctx, c.Settle); err != nil {
		return Verdict{}, err
	}
	after, err := c.end()
	switch {
	case err != nil:
		return Verdict{}, err
	case after != before:
		return Verdict{State: Live, How: v.How, Holders: v.Holders, Reason: "its data grow"}, nil
	}
	v.QuietFor = c.Settle
	return v, nil
}

// noLease is for file systems and users without leases: /proc can show the writer, but
// not that there is none.
func (c *checker) noLease(ctx context.Context, why error) (Verdict, error) {
	var h holding
	if c.Method == MethodAuto {
		var v Verdict
		var done bool
		if h, v, done = c.writer(); done && h.writer.PID != 0 {
			return v, nil
		}
	}
	v, err := c.byTime(ctx)
	v.Holders = h.holders
	if v.State == Unknown && err == nil {
		v.Reason += " (" + why.Error() + ")"
	}
	return v, err
}

// byTime compares the end of the data with where it was.
func (c *checker) byTime(ctx context.Context) (Verdict, error) {
	if c.Memory == nil {
		c.Memory = new(Memory)
	}
	for {
		at, err := c.end()
		if err != nil {
			return Verdict{}, err
		}
		if at.size == 0 {
			return Verdict{State: Live, How: "idle", Reason: "0 bytes, and no proof that nobody will write them"}, nil
		}
		key, err := c.key()
		if err != nil {
			return Verdict{}, err
		}
		quiet, moved := c.Memory.observe(key, at)
		v := Verdict{How: "idle", QuietFor: quiet}
		switch {
		case quiet >= c.Idle:
			v.State, v.Reason = Quiet, fmt.Sprintf("the end of its data has not moved for %v; there is no better proof", quiet.Round(time.Second))
			return v, nil
		case moved:
			v.State, v.Reason = Live, "its data have grown since the last look"
			return v, nil
		case !c.Wait:
			v.Reason = fmt.Sprintf("no proof that nobody writes it, and the end of its data is not known to have stood still for %v yet, only for %v",
				c.Idle, quiet.Round(time.Second))
			return v, nil
		}
		if err := sleep(ctx, min(c.Idle-quiet, c.Idle/10+10*time.Millisecond)); err != nil {
			return Verdict{}, err
		}
	}
}

// key names the file in Memory. The header's start tells a later capture in the same inode apart.
func (c *checker) key() (string, error) {
	node, err := inodeOf(c.f)
	if err != nil {
		return "", err
	}
	c.readHeader()
	var start int64
	if c.hdr != nil {
		start = c.hdr.StartTime
	}
	return fmt.Sprintf("%d:%d:%d", node.dev, node.ino, start), nil
}

// end is where the data of f end. Memray fills its file in advance with zeros, which only its
// content tells; what is no capture ends at its size.
func (c *checker) end() (end, error) {
	fi, err := c.f.Stat()
	if err != nil {
		return end{}, err
	}
	e := end{size: fi.Size(), data: fi.Size(), modified: fi.ModTime().UnixNano()}
	if s, err := c.inspect(); err == nil && s.Container == "plain" {
		e.data = s.DataEnd
	}
	return e, nil
}

const lz4Temporary = ".lz4.tmp"

// compressing says why the file is not final yet: Memray writes a compressed copy beside it, which takes
// its place. A copy that nobody writes is one whose writer was killed; the verdict is then empty.
func (c *checker) compressing(ctx context.Context) (Verdict, error) {
	if strings.HasSuffix(c.f.Name(), lz4Temporary) {
		return Verdict{}, nil
	}
	name := c.f.Name() + lz4Temporary
	if fi, err := os.Lstat(name); err != nil || !fi.Mode().IsRegular() {
		return Verdict{}, nil //nolint:nilerr // no copy in the making
	}
	copied, err := OpenFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return Verdict{State: Live, How: "proc", Reason: "Memray has compressed it just now"}, nil
	}
	if err != nil {
		return Verdict{State: Live, How: "proc", Reason: "Memray may be compressing it: " + err.Error()}, nil
	}
	defer copied.Close()
	c.readHeader()
	v, err := Check(ctx, copied, c.hdr, c.Options)
	if err != nil || v.MayRotate() {
		return Verdict{}, err
	}
	v.Reason = "Memray is compressing it: " + name + ": " + v.Reason
	return v, nil
}

// sleep waits for d, or fails with the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
