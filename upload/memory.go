package upload

import (
	"context"
	"sync"
)

// DefaultMemory is how many bytes the part buffers of all uploads take together: two of
// the largest parts, which objects of 256 GiB have.
const DefaultMemory = 56 << 20

// enough is how many bytes of small buffers are not too few: three parts on their way, and one
// that is filled.
const enough = 4 * DefaultPartSize

// memory hands out part buffers, whose sizes add up to a limit, or to one buffer where that
// is larger. Whoever holds a buffer needs no second one to give it back, so nobody waits
// for ever.
type memory struct {
	mu    sync.Mutex
	limit int64
	used  int64            // bytes of the buffers that are out or free
	free  map[int][][]byte // by size
	// wake is closed when a buffer comes back.
	wake chan struct{}
}

func newMemory(limit int64) *memory {
	if limit <= 0 {
		limit = DefaultMemory
	}
	return &memory{limit: limit, free: map[int][][]byte{}, wake: make(chan struct{})}
}

// take waits for a buffer of size bytes, whose content is arbitrary.
func (m *memory) take(ctx context.Context, size int) ([]byte, error) {
	for {
		b, wake := m.try(size)
		if b != nil {
			return b, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (m *memory) try(size int) ([]byte, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if same := m.free[size]; len(same) > 0 {
		b := same[len(same)-1]
		m.free[size] = same[:len(same)-1]
		return b, nil
	}
	limit := min(m.limit, max(2*int64(size), enough))
	if m.used+int64(size) > limit {
		m.dropFree()
	}
	if m.used > 0 && m.used+int64(size) > limit {
		return nil, m.wake
	}
	m.used += int64(size)
	return make([]byte, size), nil
}

// dropFree leaves the free buffers, which are of other sizes, to the garbage collector.
func (m *memory) dropFree() {
	for size, list := range m.free {
		m.used -= int64(size) * int64(len(list))
		delete(m.free, size)
	}
}

// give takes a buffer of take back.
func (m *memory) give(b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b = b[:cap(b)]
	m.free[len(b)] = append(m.free[len(b)], b)
	close(m.wake)
	m.wake = make(chan struct{})
}
