package codec_test

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/memvault/memvault/codec"
)

// lateReader fails the test when it is read after it was closed.
type lateReader struct {
	*bytes.Reader
	closed atomic.Bool
	late   atomic.Int64
}

func (r *lateReader) ReadAt(b []byte, at int64) (int, error) {
	if r.closed.Load() {
		r.late.Add(1)
	}
	n, err := r.Reader.ReadAt(b, at)
	if r.closed.Load() {
		r.late.Add(1)
	}
	return n, err
}

// Who inspects a file and closes it must be able to rely on its being closed: a lease on it, asked for next, is refused
// as long as a read is under way.
func TestInspectReadsNothingLater(t *testing.T) {
	for range 200 {
		r := &lateReader{Reader: bytes.NewReader(make([]byte, 2<<20))}
		if _, err := codec.Inspect(r, r.Size()); err == nil {
			t.Fatal("Inspect of zeros gives no error")
		}
		r.closed.Store(true)
		if n := r.late.Load(); n > 0 {
			t.Fatalf("%d reads after Inspect returned, want 0", n)
		}
		t.Cleanup(func() {
			if n := r.late.Load(); n > 0 {
				t.Errorf("%d reads after Inspect returned, want 0", n)
			}
		})
	}
}
