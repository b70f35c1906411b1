package airflow

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/naming"
)

// ExamineOptions say how Examine finds out. The zero value looks into the environment of
// the process, measures no growth and asks for no room.
type ExamineOptions struct {
	// Lookup looks into the environment; nil is os.LookupEnv.
	Lookup func(string) (string, bool)
	// InUse says how to find out what is live.
	InUse inuse.Options
	// Sample is how long the growth of live captures is watched.
	Sample time.Duration
	// Room gives the bytes that can still be written to a folder's file system, and its size.
	Room func(dir string) (available, size int64, err error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// An examiner is one run of Examine.
type examiner struct {
	ExamineOptions
	home string
	d    *Diagnosis
	mu   sync.Mutex // for trouble
	// trouble is what could not be looked at.
	trouble []error
}

// Examine says how Airflow's tracing in the folder home stands: what is traced, what keeps a
// component from starting, what grows, and whether the disk has room. It changes nothing. With an
// error, which is of ctx or the file system, the Diagnosis holds what could be found.
func Examine(ctx context.Context, home string, o ExamineOptions) (*Diagnosis, error) {
	if o.Lookup == nil {
		o.Lookup = os.LookupEnv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	x := &examiner{ExamineOptions: o, home: filepath.Clean(home)}
	s, err := readSettings(x.home, o.Lookup)
	x.note(err)
	packages := findInstalled(o.Lookup)
	x.d = &Diagnosis{
		Home: x.home, Config: s.file, ConfigRead: s.read, Setting: s.components, Source: s.source, Detailed: s.detailed,
		Airflow: packages.airflow, Memray: packages.memray, Packages: packages.packages,
		Leftovers: []Leftover{}, Findings: []Finding{},
	}
	known, unknown := s.traced()
	for _, name := range Components {
		x.d.Components = append(x.d.Components, Component{Name: name, Enabled: slices.Contains(known, name)})
	}
	x.captures(ctx)
	x.leftovers(ctx)
	x.growth(ctx)
	x.disk()
	x.findings(unknown)
	x.note(ctx.Err())
	return x.d, errors.Join(x.trouble...)
}

func (x *examiner) note(err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.trouble = append(x.trouble, err)
	}
}

// captures looks at each component's file. Those that are held take seconds, so all at once.
func (x *examiner) captures(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range x.d.Components {
		wg.Go(func() {
			c := &x.d.Components[i]
			file := filepath.Join(x.home, naming.Fixed(c.Name))
			f, err := look(ctx, file, x.InUse)
			switch {
			case errors.Is(err, errNoFile):
				c.Capture = &Capture{File: file, State: "no capture", Reason: err.Error()}
				c.Blocks = c.Enabled
			case err != nil:
				x.note(err)
			default:
				c.Capture = x.capture(file, c.Name, f)
				c.Blocks = c.Enabled && f.verdict.MayRotate()
			}
		})
	}
	wg.Wait()
}

// capture says what was found in a file.
func (x *examiner) capture(file, component string, f *found) *Capture {
	c := &Capture{File: file, Size: f.size, State: f.state(), Reason: f.verdict.Reason}
	for _, h := range f.verdict.Holders {
		c.Holders = append(c.Holders, h.PID)
	}
	h := f.header()
	if h == nil {
		if f.err != nil {
			c.Reason = f.err.Error()
		}
		return c
	}
	start := h.Start()
	if y := start.Year(); y > 0 && y <= 9999 {
		c.Start = &start
	}
	c.PID, c.Memray, c.Native = h.PID, h.Releases(), h.NativeTraces
	if c.Data = f.summary.DataEnd; f.summary.Container != "plain" {
		c.Data = f.size
	}
	t, err := traceOf(file, component, c.Data)
	x.note(err)
	if t != nil {
		c.WrongProcess = t.wrong(f.verdict.MayRotate(), x.Now())
	}
	return c
}

// traceOf reads what data of the file tell of the process they are of.
func traceOf(file, component string, data int64) (*trace, error) {
	f, err := inuse.OpenFile(file)
	if err != nil {
		return nil, err
	}
	t, err := readTrace(io.NewSectionReader(f, 0, data), component)
	return t, errors.Join(err, f.Close())
}

// leftovers looks for copies that Memray did not finish, and will not.
func (x *examiner) leftovers(ctx context.Context) {
	entries, err := os.ReadDir(x.home)
	x.note(err)
	for _, e := range entries {
		n, ok := naming.Parse(e.Name())
		if !ok || !n.Compressing || !strings.HasSuffix(e.Name(), ".bin.lz4.tmp") {
			continue
		}
		f, err := look(ctx, filepath.Join(x.home, e.Name()), x.InUse)
		if err != nil && !errors.Is(err, errNoFile) {
			x.note(err)
		}
		if err == nil && f.verdict.MayRotate() {
			l := Leftover{File: filepath.Join(x.home, e.Name()), Size: f.size}
			_, err := os.Lstat(strings.TrimSuffix(l.File, ".lz4.tmp"))
			l.Beside = err == nil
			x.d.Leftovers = append(x.d.Leftovers, l)
		}
	}
}

// growth measures how fast the live captures grow.
func (x *examiner) growth(ctx context.Context) {
	var live []*Capture
	for _, c := range x.d.Components {
		if c.Capture != nil && c.Capture.State == inuse.Live.String() && c.Capture.Start != nil {
			live = append(live, c.Capture)
		}
	}
	if len(live) == 0 {
		return
	}
	begin := x.Now()
	for _, c := range live {
		c.Data = x.dataEnd(c)
		if lasted := begin.Sub(*c.Start).Seconds(); lasted > 0 {
			c.Average = float64(c.Data) / lasted
		}
	}
	if x.Sample <= 0 {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(x.Sample):
	}
	passed := x.Now().Sub(begin).Seconds()
	for _, c := range live {
		end := x.dataEnd(c)
		if grown := end - c.Data; grown > 0 && passed > 0 {
			c.Growth = float64(grown) / passed
		}
		c.Data = end
	}
}

// dataEnd gives how much of a live capture is written by now.
func (x *examiner) dataEnd(c *Capture) int64 {
	f, err := inuse.OpenFile(c.File)
	if err != nil {
		return c.Data
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return c.Data
	}
	s, err := codec.Inspect(f, info.Size())
	if err != nil || s.Container != "plain" {
		return c.Data
	}
	c.Size = info.Size()
	return s.DataEnd
}

// What a live capture needs beyond its data: Memray grows the file in steps of a tenth, and at the
// end writes a compressed copy beside it, which was measured at up to seven tenths.
const (
	stepShare = 0.1
	copyShare = 0.7
)

// disk asks for the room, and reckons what an hour takes.
func (x *examiner) disk() {
	if x.Room == nil {
		return
	}
	available, size, err := x.Room(x.home)
	if err != nil {
		x.note(err)
		return
	}
	disk := &Disk{Available: max(available, 0), Size: size}
	for _, c := range x.d.Components {
		if c.Capture == nil {
			continue
		}
		rate := max(c.Capture.Growth, c.Capture.Average)
		if rate == 0 {
			continue
		}
		hour := rate * time.Hour.Seconds()
		disk.Growth += rate
		disk.Hour += int64(hour*(1+stepShare) + (float64(c.Capture.Data)+hour)*copyShare)
	}
	x.d.Disk = disk
}
