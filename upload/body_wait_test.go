package upload

import (
	"context"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// Who waits for bandwidth longer than a connection may stall does not stall.
func TestBandwidthIsNoStall(t *testing.T) {
	ctx, w, stop := startWatch(t.Context(), 50*time.Millisecond)
	defer stop()
	limit := rate.NewLimiter(10, 2) // the third and fourth byte take 200 ms
	s := &Store{limit: limit}
	b := s.body(ctx, w, []byte("abcd"))
	for range 2 {
		if n, err := b.Read(make([]byte, 2)); n != 2 || err != nil {
			t.Fatalf("got %d bytes, %v (%v), want 2", n, err, context.Cause(ctx))
		}
	}
}
