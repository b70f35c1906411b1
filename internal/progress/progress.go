// Package progress shows on a terminal how far the reading of a large file is.
package progress

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// After is how long nothing is shown: what is done sooner needs no bar.
const After = 2 * time.Second

// Bar shows on a terminal how much is done, with rate and estimated time left. It does not
// start a goroutine.
type Bar struct {
	bar  *progressbar.ProgressBar
	gate *gate
}

// New shows on the terminal out how much of size bytes is done; -1 when that is not known.
// Label stands before the bar.
func New(size int64, out io.Writer, label string) *Bar {
	g := &gate{w: out, opens: time.Now().Add(After)}
	if size == 0 {
		size = -1 // the bar divides by it
	}
	bar := progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(g),
		progressbar.OptionSetDescription(label),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		// Its own ticker would redraw after Close.
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionSpinnerCustom([]string{"reading"}),
	)
	_ = bar.Add(0) // starts its clock
	return &Bar{bar: bar, gate: g}
}

// Add says that n more bytes are done. It may be called by several goroutines.
func (b *Bar) Add(n int64) {
	// A bar that cannot be drawn is no reason to stop.
	_ = b.bar.Add64(n)
}

// Hide takes the bar off the terminal until the next Add, so that a line can be written there.
func (b *Bar) Hide() {
	if b.gate.used.Load() {
		_ = b.bar.Clear()
	}
}

// Close takes the bar off the terminal; an Add at the same time, or later, draws nothing more.
func (b *Bar) Close() error {
	_ = b.bar.Exit()
	if !b.gate.used.Load() {
		return nil
	}
	return b.bar.Clear()
}

// Reader is an io.Reader that shows how much was read through it.
type Reader struct {
	*Bar
	r io.Reader
}

// NewReader shows on the terminal out what is read of r, which holds size bytes;
// -1 when that is not known. Label stands before the bar. Close does not close r.
func NewReader(r io.Reader, size int64, out io.Writer, label string) *Reader {
	return &Reader{New(size, out, label), r}
}

// Read reads from the file.
func (p *Reader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.Add(int64(n))
	return n, err
}

// A gate drops what is written before it opens.
type gate struct {
	w     io.Writer
	opens time.Time
	used  atomic.Bool
}

func (g *gate) Write(b []byte) (int, error) {
	if time.Now().Before(g.opens) {
		return len(b), nil
	}
	g.used.Store(true)
	return g.w.Write(b)
}
