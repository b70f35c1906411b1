package upload

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
)

// Retry says how long to try. What is zero has the value of DefaultRetry.
type Retry struct {
	// Attempts is how often a request is made at most.
	Attempts int
	// Base is the longest wait after the first attempt; it doubles up to Cap. Each wait is
	// a random part of it, so that many machines do not come back at the same moment.
	Base, Cap time.Duration
	// Stall is how long nothing may move before an attempt is given up.
	Stall time.Duration
	// Assemble is how long the store may take to put parts together.
	Assemble time.Duration
}

// DefaultRetry tries for about two minutes where the store answers or refuses, and for ten where it is
// silent: then each attempt takes Stall.
var DefaultRetry = Retry{Attempts: 12, Base: 200 * time.Millisecond, Cap: 30 * time.Second, Stall: time.Minute, Assemble: 15 * time.Minute}

func (r Retry) withDefaults() Retry {
	d := DefaultRetry
	if r.Attempts > 0 {
		d.Attempts = r.Attempts
	}
	for _, v := range []struct{ to, from *time.Duration }{
		{&d.Base, &r.Base}, {&d.Cap, &r.Cap}, {&d.Stall, &r.Stall}, {&d.Assemble, &r.Assemble},
	} {
		if *v.from > 0 {
			*v.to = *v.from
		}
	}
	return d
}

// wait gives how long to wait after the given number of attempts.
func (r Retry) wait(attempts int) time.Duration {
	longest := r.Cap
	if shift := attempts - 1; shift < 20 {
		longest = min(r.Base<<shift, r.Cap)
	}
	return time.Duration(rand.Int64N(int64(longest) + 1))
}

// errStalled ends an attempt in which nothing moved for too long.
var errStalled = errors.New("the connection stalled")

// A watch ends an attempt in which nothing moves.
type watch struct {
	patience time.Duration
	timer    *time.Timer
	moved    atomic.Int64 // bytes, for tests and messages
}

func startWatch(ctx context.Context, patience time.Duration) (context.Context, *watch, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{patience: patience}
	w.timer = time.AfterFunc(patience, func() { cancel(fmt.Errorf("%w: nothing moved for %v", errStalled, patience)) })
	return ctx, w, func() {
		w.timer.Stop()
		cancel(nil)
	}
}

// move tells that n bytes went through.
func (w *watch) move(n int) {
	w.moved.Add(int64(n))
	w.timer.Reset(w.patience)
}

// pause stops the watch until something moves.
func (w *watch) pause() { w.timer.Stop() }

// do makes a request until it is answered for good, or patience ends. What names it in
// errors; f must be able to run again. Its error is one that the caller can tell apart by
// errors.As as minio.ErrorResponse, or by the package's sentinels.
func (s *Store) do(ctx context.Context, what string, f func(ctx context.Context, w *watch) error) error {
	return s.doFor(ctx, what, s.retry.Stall, f)
}

func (s *Store) doFor(ctx context.Context, what string, patience time.Duration, f func(ctx context.Context, w *watch) error) error {
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, patience, f)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !s.again(err, attempt) {
			return fmt.Errorf("%s: %w", what, explain(err, attempt))
		}
		wait := s.retry.wait(attempt)
		s.log.Debug("try again", "what", what, "attempt", attempt, "wait", wait, "error", err)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// once makes one attempt.
func (s *Store) once(ctx context.Context, patience time.Duration, f func(ctx context.Context, w *watch) error) error {
	try, w, stop := startWatch(ctx, patience)
	defer stop()
	err := f(try, w)
	if err != nil && errors.Is(context.Cause(try), errStalled) {
		return context.Cause(try)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// again decides whether to try again after err.
func (s *Store) again(err error, attempt int) bool {
	code := codeOf(err)
	switch {
	case code == "ExpiredToken" || code == "ExpiredTokenException" || code == "TokenRefreshRequired":
		s.forget()
		return attempt < 3
	case slices.Contains(damaged, code):
		return attempt < min(damagedAttempts, s.retry.Attempts)
	case slices.Contains(wrongRegion, code):
		return attempt < 3 // the client has learnt the right one
	}
	return transient(err) && attempt < s.retry.Attempts
}

// What stores answer.
var (
	// damaged: the bytes that came are not those of the checksum; they may come better.
	damaged     = []string{"BadDigest", "XAmzContentChecksumMismatch", "InvalidDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "ContentSHA256Mismatch"}
	wrongRegion = []string{"AuthorizationHeaderMalformed", "InvalidRegion"}
	busy        = []string{
		"RequestError", "RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestThrottled",
		"InternalError", "SlowDown", "SlowDownWrite", "SlowDownRead", "ServiceUnavailable", "OperationAborted", "TooManyRequests", "ConditionalRequestConflict",
	}
	unknownKeys = []string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "XAdminUserNotFound"}
)

// damagedAttempts is how often bytes may come damaged.
const damagedAttempts = 5

// transient reports whether err may go away: the store is busy, or no answer came.
func transient(err error) bool {
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		status := answer.StatusCode
		return slices.Contains(busy, answer.Code) || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests ||
			status == 499 || status >= 500 && status != http.StatusNotImplemented
	}
	return !hopeless(err)
}

// hopeless reports whether an error that is no answer will stay.
func hopeless(err error) bool {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &record) ||
		errors.As(err, &dns) && dns.IsNotFound ||
		errors.Is(err, ErrCredentials) || errors.Is(err, errClosed) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// codeOf gives the store's word for an error; empty when it is no answer.
func codeOf(err error) string {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return ""
	}
	return answer.Code
}

// statusOf gives the HTTP status of an answer, else 0.
func statusOf(err error) int {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return 0
	}
	return answer.StatusCode
}

// isAbsent reports whether the store says that there is no such object or upload.
func isAbsent(err error) bool {
	code := codeOf(err)
	return code == "NoSuchKey" || code == "NoSuchUpload" || code == "NoSuchVersion" ||
		statusOf(err) == http.StatusNotFound && code != "NoSuchBucket" && !slices.Contains(unknownKeys, code)
}

// An answerError is what the store said, with the sentinel that it amounts to.
type answerError struct {
	kind error // nil for none
	text string
	err  error
}

func (e *answerError) Error() string { return e.text }

func (e *answerError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.err}
	}
	return []error{e.kind, e.err}
}

// explain names an error and says what it amounts to.
func explain(err error, attempts int) error {
	var answer minio.ErrorResponse
	isAnswer := errors.As(err, &answer)
	e := &answerError{err: err, text: err.Error()}
	if isAnswer {
		e.text = strings.TrimSpace(answer.Code + ": " + answer.Message)
	}
	switch {
	case slices.Contains(unknownKeys, codeOf(err)):
		e.kind = ErrCredentials
	case isAnswer && (answer.Code == "AccessDenied" || answer.StatusCode == http.StatusForbidden):
		e.kind = ErrDenied
	case slices.Contains(damaged, codeOf(err)):
		e.kind = ErrIntegrity
	case transient(err), errors.As(err, new(*net.DNSError)):
		e.kind = ErrUnreachable
	}
	if attempts > 1 {
		e.text += fmt.Sprintf(" (tried %d times)", attempts)
	}
	return e
}
