package s3test

import (
	"errors"
	"io"
	"time"
)

var errInjected = errors.New("injected fault")

// slowStep is how often a slow body moves.
const slowStep = 20 * time.Millisecond

// A faultyBody is the body of a request on its way to the server, with the fault.
type faultyBody struct {
	src     io.ReadCloser
	fault   Fault
	done    <-chan struct{} // closed when the client has gone
	sent    int64           // bytes read from the client
	stalled bool
}

// Read reads from the client what the server is to get next.
func (b *faultyBody) Read(p []byte) (int, error) {
	limit := int64(len(p))
	switch b.fault.Kind {
	case Reset:
		if limit = min(limit, b.fault.At-b.sent); limit <= 0 {
			return 0, errInjected
		}
	case CutBody:
		if limit = min(limit, max(b.fault.At, 1)-b.sent); limit <= 0 {
			return 0, b.drain()
		}
	case Slow:
		limit = min(limit, max(1, b.fault.At*int64(slowStep)/int64(time.Second)))
		b.sleep(slowStep)
	case Stall:
		if before := b.fault.At - b.sent; before > 0 {
			limit = min(limit, before)
		} else if !b.stalled {
			b.stalled = true
			b.sleep(b.fault.Wait)
		}
	}
	n, err := b.src.Read(p[:limit])
	b.spoil(p[:n])
	b.sent += int64(n)
	return n, err
}

// spoil flips a bit of p, the bytes after b.sent, if it holds the place.
func (b *faultyBody) spoil(p []byte) {
	at := b.fault.At - b.sent
	if b.fault.Kind == WrongBytes && at >= 0 && at < int64(len(p)) {
		p[at] ^= 1
	}
}

// drain reads the rest from the client, which the server does not get.
func (b *faultyBody) drain() error {
	n, err := io.Copy(io.Discard, b.src)
	b.sent += n
	if err == nil {
		err = io.EOF
	}
	return err
}

func (b *faultyBody) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-b.done:
	}
}

// Close closes the client's side.
func (b *faultyBody) Close() error { return b.src.Close() }
