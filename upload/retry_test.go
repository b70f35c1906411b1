package upload

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/time/rate"
)

// patient is a Store that can only try again.
func patient() *Store {
	return &Store{retry: Retry{Attempts: 7, Base: time.Microsecond, Cap: time.Millisecond, Stall: time.Minute}.withDefaults(), log: logger(nil), forget: func() {}}
}

func TestDo(t *testing.T) {
	said := func(status int, code string) error {
		return minio.ErrorResponse{StatusCode: status, Code: code, Message: "m"}
	}
	for _, tt := range []struct {
		name     string
		err      error
		attempts int
		want     error // nil for one that is none of ours
	}{
		{"busy", said(503, "SlowDown"), 7, ErrUnreachable},
		{"broken", said(500, "InternalError"), 7, ErrUnreachable},
		{"gateway", said(502, ""), 7, ErrUnreachable},
		{"too many", said(429, "TooManyRequests"), 7, ErrUnreachable},
		{"busy without a status", said(0, "SlowDown"), 7, ErrUnreachable},
		{"not implemented", said(501, "NotImplemented"), 1, nil},
		{"denied", said(403, "AccessDenied"), 1, ErrDenied},
		{"denied to a HEAD", said(403, ""), 1, ErrDenied},
		{"unknown key", said(403, "InvalidAccessKeyId"), 1, ErrCredentials},
		{"expired", said(400, "ExpiredToken"), 3, ErrCredentials},
		{"damaged", said(400, "BadDigest"), damagedAttempts, ErrIntegrity},
		{"region", said(400, "AuthorizationHeaderMalformed"), 3, nil},
		{"taken", said(412, "PreconditionFailed"), 1, nil},
		{"absent", said(404, "NoSuchKey"), 1, nil},
		{"reset", &url.Error{Op: "Put", URL: "https://x", Err: &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}}, 7, ErrUnreachable},
		{"short", io.ErrUnexpectedEOF, 7, ErrUnreachable},
		{"no such host", &url.Error{Op: "Put", Err: &net.DNSError{IsNotFound: true}}, 1, ErrUnreachable},
		{"unknown authority", &url.Error{Op: "Put", Err: x509.UnknownAuthorityError{}}, 1, nil},
		{"no credentials", ErrCredentials, 1, ErrCredentials},
	} {
		t.Run(tt.name, func(t *testing.T) {
			attempts := 0
			err := patient().do(t.Context(), "ask", func(context.Context, *watch) error { attempts++; return tt.err })
			if attempts != tt.attempts || !errors.Is(err, tt.err) && codeOf(err) != codeOf(tt.err) {
				t.Errorf("do: got %d attempts, %v, want %d, %v", attempts, err, tt.attempts, tt.err)
			}
			for _, kind := range []error{ErrUnreachable, ErrDenied, ErrCredentials, ErrIntegrity} {
				if errors.Is(err, kind) != (kind == tt.want) {
					t.Errorf("do: %v is %v: got %v", err, kind, errors.Is(err, kind))
				}
			}
		})
	}
}

func TestDoInTheEnd(t *testing.T) {
	attempts := 0
	err := patient().do(t.Context(), "ask", func(context.Context, *watch) error {
		if attempts++; attempts < 5 {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
	if err != nil || attempts != 5 {
		t.Errorf("do: got %d attempts, %v, want 5", attempts, err)
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := patient()
	s.retry.Base, s.retry.Cap = time.Hour, time.Hour
	err := s.do(ctx, "ask", func(context.Context, *watch) error { cancel(why); return io.ErrUnexpectedEOF })
	if !errors.Is(err, why) {
		t.Errorf("do: got %v, want %v", err, why)
	}
}

func TestWait(t *testing.T) {
	r := Retry{}.withDefaults()
	var longest []time.Duration
	for attempt := 1; attempt <= 40; attempt++ {
		var most time.Duration
		for range 200 {
			most = max(most, r.wait(attempt))
		}
		longest = append(longest, most)
		if want := min(r.Base<<min(attempt-1, 20), r.Cap); most > want || most < want/2 {
			t.Errorf("wait(%d): got up to %v, want up to %v", attempt, most, want)
		}
	}
	if most := slices.Max(longest); most <= time.Second {
		t.Errorf("the longest wait: got %v, want well above the second of the client", most)
	}
}

// TestBandwidth sends through the limit and counts, without a look at the clock, what the
// bucket of tokens was asked for.
func TestBandwidth(t *testing.T) {
	s := patient()
	s.limit = rate.NewLimiter(rate.Inf, chunkSize)
	data := make([]byte, 10*chunkSize+1)
	_, w, stop := startWatch(t.Context(), time.Minute)
	defer stop()
	got, err := io.ReadAll(s.body(t.Context(), w, data))
	if err != nil || !bytes.Equal(got, data) || w.moved.Load() != int64(len(data)) {
		t.Errorf("body: got %d bytes, %d moved, %v, want %d", len(got), w.moved.Load(), err, len(data))
	}
	s.limit = rate.NewLimiter(1, chunkSize) // all of its tokens for the first chunk
	ctx, cancel := context.WithCancel(t.Context())
	b := s.body(ctx, w, data)
	if n, err := b.Read(make([]byte, 1<<20)); n != chunkSize || err != nil {
		t.Errorf("first: got %d, %v, want %d", n, err, chunkSize)
	}
	cancel()
	if _, err := b.Read(make([]byte, 1<<20)); err == nil {
		t.Error("second: got no error, want to wait for tokens until the context ends")
	}
}

func TestClosedBody(t *testing.T) {
	_, w, stop := startWatch(t.Context(), time.Minute)
	defer stop()
	b := patient().body(t.Context(), w, make([]byte, 10))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Read(make([]byte, 10)); n != 0 || !errors.Is(err, errClosed) {
		t.Errorf("Read after Close: got %d, %v, want %v: the buffer is somebody else's", n, err, errClosed)
	}
}
