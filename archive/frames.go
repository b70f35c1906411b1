package archive

import (
	"context"
	"io"
	"sync"
)

// frame is FrameSize bytes of the raw stream on their way to the sink.
type frame struct {
	raw, out []byte
	err      error         // of reading or encoding
	done     chan struct{} // is sent to when out is ready
}

// framer reads the raw stream in frames, has workers encode them, and writes them in their order.
// There are no more frames than workers, and when others use them too, fewer, but always two: one is
// encoded while the next is read.
type framer struct {
	workers *Workers
	level   Level
	size    int // bytes of a frame
	free    chan *frame
	order   chan *frame // read, in order
	encoded sync.WaitGroup
}

// newFramer is for a raw stream of size bytes. Buffers are as large as they will ever be from
// the beginning: memory that is not touched costs nothing, and growing would.
func newFramer(o Options, size int64) *framer {
	n := max(2, cap(o.Workers.idle)+1-int(o.Workers.busy.Add(1)))
	p := &framer{workers: o.Workers, level: o.Level, free: make(chan *frame, n), order: make(chan *frame, n)}
	p.size = int(min(FrameSize, max(size, 1)))
	for range n {
		p.free <- &frame{done: make(chan struct{}, 1)}
	}
	return p
}

// run writes the stored form of raw to w, and gives the number of its frames.
func (p *framer) run(ctx context.Context, w io.Writer, raw io.Reader) (int, error) {
	defer p.workers.busy.Add(-1)
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	reading.Go(func() { p.read(ctx, raw) })
	defer reading.Wait()
	defer cancel()
	var t seekTable
	for f := range p.order {
		<-f.done
		if f.err != nil {
			return 0, f.err
		}
		if _, err := w.Write(f.out); err != nil {
			return 0, err
		}
		t.add(len(f.out), len(f.raw))
		p.free <- f
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	_, err := w.Write(t.marshal())
	return len(t.frames), err
}

// read fills frames from raw and sends them to be encoded, until raw or the context ends.
func (p *framer) read(ctx context.Context, raw io.Reader) {
	defer close(p.order)
	defer p.encoded.Wait()
	for first := true; ; first = false {
		var f *frame
		select {
		case f = <-p.free:
		case <-ctx.Done():
			return
		}
		if f.raw == nil {
			f.raw, f.out = make([]byte, p.size), make([]byte, 0, MaxStored(int64(p.size)))
		}
		n, err := io.ReadFull(raw, f.raw[:p.size])
		f.raw = f.raw[:n]
		last := err == io.EOF || err == io.ErrUnexpectedEOF
		switch {
		case n == 0 && err == io.EOF && !first:
			return
		case err != nil && !last:
			f.err = err
			f.done <- struct{}{}
		default: // of no bytes at all a frame is made, so that it is zstd
			p.encoded.Go(func() { p.encode(ctx, f) })
		}
		p.order <- f
		if err != nil {
			return
		}
	}
}

func (p *framer) encode(ctx context.Context, f *frame) {
	f.out, f.err = p.workers.encode(ctx, p.level, f.raw, f.out[:0])
	f.done <- struct{}{}
}
