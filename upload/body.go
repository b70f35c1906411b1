package upload

import (
	"context"
	"errors"
	"io"
	"sync"

	"golang.org/x/time/rate"
)

// chunkSize is how many bytes of a part are handed on at a time, so that many connections
// share the bandwidth evenly.
const chunkSize = 64 << 10

// errClosed ends what nobody waits for any more.
var errClosed = errors.New("closed")

// A body is what one attempt sends of a part: slowly, if there is a limit, and watched.
type body struct {
	ctx   context.Context
	watch *watch
	limit *rate.Limiter // nil for none

	mu     sync.Mutex
	data   []byte // what is left
	closed bool
}

func (s *Store) body(ctx context.Context, w *watch, data []byte) *body {
	return &body{ctx: ctx, watch: w, limit: s.limit, data: data}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if len(p) > chunkSize {
		p = p[:chunkSize]
	}
	n, err := b.copy(p)
	if err != nil {
		return n, err
	}
	b.watch.move(n)
	if b.limit == nil {
		return n, nil
	}
	// The watch stands still during the wait: who waits for bandwidth does not stall.
	b.watch.pause()
	err = b.limit.WaitN(b.ctx, n)
	b.watch.move(0)
	return n, err
}

func (b *body) copy(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return 0, errClosed
	case len(b.data) == 0:
		return 0, io.EOF
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}

// Close waits until nobody reads the part any more: a connection may go on with it for a
// moment after the reply, and the buffer is needed for the next part.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}
