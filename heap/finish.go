package heap

import (
	"fmt"

	"github.com/memvault/memvault/codec"
)

// Profile ends the pass and gives its result. The Builder must not be used afterwards. The
// error wraps ErrNoWindow.
func (b *Builder) Profile(status codec.Status) (*Profile, error) {
	b.flush()
	l := b.ledger
	p := &Profile{
		Header: *b.head, Status: status, LikeMemray: b.like == allQuirks, Threshold: int(l.threshold),
		Aggregated: b.head.Format == codec.AggregatedAllocations,
		PeakBytes:  l.peak, PeakTime: l.peakTime, Events: l.event - l.firstEvent, Kinds: b.kinds,
		Series: l.series.points, Stride: l.series.stride,
		mergedCounts: b.like.has(quirkCounts), points: l.series.most,
	}
	if err := b.closeWindow(p); err != nil {
		return nil, err
	}
	if p.Aggregated {
		b.finishRows(p)
	} else {
		b.finishStacks(p)
		b.finishSamples(p)
	}
	for _, t := range b.threads {
		p.Threads = append(p.Threads, Thread{ID: t.id, Name: t.name, Main: b.isMain(t)})
	}
	p.Natives = b.natives
	p.Images = b.images.listings()
	p.Unknown, p.Dropped = b.unknown, l.dropped
	return p, nil
}

// closeWindow sets the window as it truly was.
func (b *Builder) closeWindow(p *Profile) error {
	l := b.ledger
	if !l.window.hasFrom && !l.window.hasUntil {
		return nil
	}
	switch {
	case p.Kinds[codec.KindMemory] == 0:
		return fmt.Errorf("%w: the capture holds no memory records, by which alone time is known", ErrNoWindow)
	case l.phase == phaseBefore:
		return fmt.Errorf("%w: it would begin after the last memory record", ErrNoWindow)
	case l.phase == phaseIn:
		l.bounds.Until = l.lastTime
		if p.Status.State == codec.StateComplete {
			l.bounds.Until = max(l.lastTime, b.head.EndTime)
		}
	}
	bounds := l.bounds
	p.Window = &bounds
	return nil
}

// endTime gives the end of what was read, in milliseconds since 1970 UTC.
func (b *Builder) endTime(p *Profile) int64 {
	end := max(b.ledger.lastTime, b.head.StartTime)
	switch {
	case p.Window != nil:
		return p.Window.Until
	case p.Status.State == codec.StateComplete:
		return max(end, b.head.EndTime)
	}
	return end
}

// finishStacks resolves the frames of the stack tree.
func (b *Builder) finishStacks(p *Profile) {
	p.Stacks = make([]Stack, len(b.tree.nodes))
	frames := map[uint64]uint32{}
	for i := 1; i < len(b.tree.nodes); i++ {
		n := &b.tree.nodes[i]
		f, ok := frames[n.key]
		if !ok {
			f = b.resolve(p, b.defs.unpack(b.head, n.key))
			frames[n.key] = f
		}
		p.Stacks[i] = Stack{Parent: n.parent, Frame: f, Depth: p.Stacks[n.parent].Depth + 1}
	}
	b.tree = stackTree{}
}

// resolve appends a frame to p and returns its index.
func (b *Builder) resolve(p *Profile, w wideKey) uint32 {
	var f Frame
	var ok bool
	if b.head.Version < 12 {
		f, ok = b.defs.resolveFrame(w.id)
	} else {
		f, ok = b.defs.resolveCode(b.head, w, b.like.has(quirkLines))
	}
	if !ok {
		b.unknown++
	}
	p.Frames = append(p.Frames, f)
	return uint32(len(p.Frames) - 1)
}

func (b *Builder) finishSamples(p *Profile) {
	kept := b.ledger.kept()
	if kept != nil {
		p.Kept = []Value{}
	}
	p.Samples = make([]Sample, 0, len(b.ledger.counts))
	follower := b.ledger.follower
	var ends []boundary
	if follower != nil {
		ends = follower.finish(b.ledger, p, b.endTime(p))
	}
	for i := 1; i < len(b.ledger.counts); i++ {
		k, c := &b.samples.keys[i], &b.ledger.counts[i]
		if c.touched <= b.ledger.peakEvent {
			c.atPeak = c.now
		}
		native, ok := index(uint64(k.native), len(b.natives))
		if !ok {
			b.unknown++
		}
		out := Sample{
			Stack: k.stack, Native: native, Images: k.images(), Thread: k.thread, Allocator: k.allocator(),
			Values: [Views]Value{Total: c.total, Temporary: c.temp, Live: c.now, Peak: c.atPeak},
		}
		is := out.Values != ([Views]Value{})
		if follower != nil {
			is = follower.sample(b.ledger, p, ends, i, is)
		}
		if is {
			p.Samples = append(p.Samples, out)
			if kept != nil {
				p.Kept = append(p.Kept, kept[i])
			}
		}
	}
	if s := b.ledger.sizes; s != nil {
		p.Sizes, p.SizesRounded = s.list(), s.rounded
	}
	b.samples, b.ledger.counts = sampleTable{}, nil
}

// finishRows makes the samples, stacks and frames of an aggregated capture.
func (b *Builder) finishRows(p *Profile) {
	p.PeakBytes, p.PeakTime = b.rows.totalPeak(), 0
	p.Stacks = make([]Stack, 1, len(b.rows.traces)+1)
	frames := map[uint64]uint32{}
	for _, t := range b.rows.traces {
		f, ok := frames[t.frame]
		if !ok {
			f = b.resolveRow(p, t.frame)
			frames[t.frame] = f
		}
		parent, ok := index(t.parent, len(p.Stacks))
		if !ok {
			b.unknown++
		}
		p.Stacks = append(p.Stacks, Stack{Parent: parent, Frame: f, Depth: p.Stacks[parent].Depth + 1})
	}
	p.Samples = make([]Sample, 0, len(b.rows.rows))
	for i := range b.rows.rows {
		p.Samples = append(p.Samples, b.rowSample(&b.rows.rows[i], len(p.Stacks)))
	}
	b.rows = rowTables{}
}

func (b *Builder) rowSample(r *aggregatedRow, stacks int) Sample {
	s := Sample{Thread: r.thread, Allocator: r.allocator}
	var known [3]bool
	s.Stack, known[0] = index(r.stack, stacks)
	s.Native, known[1] = index(r.native, len(b.natives))
	known[2] = true
	if s.Native != 0 {
		s.Images, known[2] = b.images.generation(r.generation)
	}
	for _, ok := range known {
		if !ok {
			b.unknown++
		}
	}
	s.Values[Peak], s.Values[Live] = r.peak, r.live
	return s
}

// resolveRow appends the frame that an aggregated capture numbers id to p.
func (b *Builder) resolveRow(p *Profile, id uint64) uint32 {
	def, ok := b.defs.frames[id]
	switch {
	case !ok:
		b.unknown++
		p.Frames = append(p.Frames, Frame{})
	case b.head.Version >= 12:
		return b.resolve(p, wideKey{id: def.code, instruction: def.instruction, entry: def.entry})
	default:
		p.Frames = append(p.Frames, Frame{Function: def.function, File: def.file, Line: def.line, Entry: def.entry})
	}
	return uint32(len(p.Frames) - 1)
}
