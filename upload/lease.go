package upload

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"time"
)

// Errors of leases.
var (
	// ErrLeased: somebody else holds the lease.
	ErrLeased = errors.New("somebody else holds the lease")
	// ErrLeaseLost ends the work that was done under the lease.
	ErrLeaseLost = errors.New("the lease was lost")
	// ErrNoConditions: the store writes also when the condition of a write is not met.
	ErrNoConditions = errors.New("the store has no conditional writes")
)

// LeaseTTL is how long a lease lasts that nobody renews.
const LeaseTTL = 30 * time.Second

// leaseName is the key of the lease object below its prefix. It is none of a capture.
const leaseName = ".memvault/lease.json"

// leaseBody is what the lease object holds. Its age is that of the object, by the store's
// clock: clocks of machines play no part.
type leaseBody struct {
	// Holder tells a person who it is, Token tells us.
	Holder string `json:"holder"`
	Token  string `json:"token"`
	// Generation grows with each new holder.
	Generation int64 `json:"generation"`
	// Seconds is how long the lease lasts from each renewal; 0 once it is given back.
	Seconds int `json:"seconds"`
}

// maxLease bounds Seconds: whoever may write to the bucket could block us otherwise.
const maxLease = 10 * time.Minute

// WithLease runs work while no other process that asks for the lease of p does. Holder
// names us to others. The context of work ends with ErrLeaseLost as cause when the lease
// cannot be renewed in time. The error wraps ErrLeased when somebody holds it, and
// ErrNoConditions where the store ignores conditions, so that nobody can hold anything.
func (s *Store) WithLease(ctx context.Context, p Place, holder string, work func(context.Context) error) error {
	return s.withLease(ctx, p, holder, LeaseTTL, work)
}

func (s *Store) withLease(ctx context.Context, p Place, holder string, ttl time.Duration, work func(context.Context) error) error {
	l := &lease{store: s, bucket: p.Bucket, key: path.Join(p.Prefix, leaseName), ttl: ttl}
	l.body = leaseBody{Holder: holder, Token: rand.Text(), Seconds: int(ttl / time.Second)}
	if err := l.acquire(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := l.keep(ctx); err != nil {
			cancel(err)
		}
	}()
	err := work(ctx)
	if cause := context.Cause(ctx); errors.Is(cause, ErrLeaseLost) {
		err = errors.Join(err, cause)
	}
	cancel(nil)
	<-ended
	return errors.Join(err, l.giveBack(context.WithoutCancel(ctx)))
}

// A lease is one that we hold, or try to.
type lease struct {
	store       *Store
	bucket, key string
	ttl         time.Duration
	body        leaseBody
	etag        string
	// renewed is when the last renewal was sent, by the monotonic clock of this machine, and
	// sent when one was that may have failed.
	renewed, sent time.Time
	lost          bool
}

// acquire makes the lease object, or takes over one that has expired or was given back.
func (l *lease) acquire(ctx context.Context) error {
	l.body.Generation = 1
	err := l.put(ctx, "If-None-Match", "*")
	switch {
	case err == nil:
		return l.checkConditions(ctx)
	case !refused(err):
		return l.explain(err)
	}
	held, reply, err := l.read(ctx)
	if errors.Is(err, ErrAbsent) {
		return fmt.Errorf("%w: it comes and goes just now (%s)", ErrLeased, l.key)
	}
	if err != nil {
		return err
	}
	if held.Token == l.body.Token { // the reply to our first attempt was lost
		l.etag, l.renewed = reply.etag(), l.sent
		return l.checkConditions(ctx)
	}
	left, err := timeLeft(held, reply)
	if err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("%w: %s, for %v more unless renewed (%s)", ErrLeased, held.Holder, left.Round(time.Second), l.key)
	}
	l.body.Generation = held.Generation + 1
	if err := l.replace(ctx, reply.etag()); err != nil {
		return err
	}
	return l.checkConditions(ctx)
}

// replace writes our body if the object still is the one of that ETag, or one that we
// wrote ourselves without seeing the reply.
func (l *lease) replace(ctx context.Context, etag string) error {
	for attempt := 1; ; attempt++ {
		err := l.put(ctx, "If-Match", `"`+etag+`"`)
		if !refused(err) {
			return l.explain(err)
		}
		now, reply, readErr := l.read(ctx)
		switch {
		case readErr != nil:
			return readErr
		case now.Token != l.body.Token || now.Generation != l.body.Generation || attempt == 3:
			return fmt.Errorf("%w: %s (%s)", ErrLeased, now.Holder, l.key)
		case now == l.body:
			l.etag, l.renewed = reply.etag(), l.sent
			return nil
		}
		etag = reply.etag()
	}
}

// checkConditions proves that the store refuses what it must, by writes that must fail: a
// second creation, and a replacement of another object than ours.
func (l *lease) checkConditions(ctx context.Context) error {
	for _, c := range [][2]string{{"If-None-Match", "*"}, {"If-Match", `"00000000000000000000000000000000"`}} {
		probe := *l
		err := probe.put(ctx, c[0], c[1])
		if err == nil {
			l.etag = probe.etag
			return errors.Join(fmt.Errorf("%w: it wrote in spite of %s: %s", ErrNoConditions, c[0], c[1]), l.giveBack(ctx))
		}
		if !refused(err) {
			return errors.Join(l.explain(err), l.giveBack(ctx))
		}
	}
	return nil
}

// keep renews the lease until ctx ends. The error wraps ErrLeaseLost.
func (l *lease) keep(ctx context.Context) error {
	for {
		if sleep(ctx, l.ttl/3) != nil {
			return nil
		}
		deadline := l.renewed.Add(l.ttl - l.ttl/6)
		try, stop := context.WithDeadline(ctx, deadline)
		err := l.replace(try, l.etag)
		stop()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
		case errors.Is(err, ErrLeased), errors.Is(err, ErrAbsent):
			l.lost = true
			return fmt.Errorf("%w: %w", ErrLeaseLost, err)
		case !time.Now().Before(deadline):
			return fmt.Errorf("%w: it could not be renewed: %w", ErrLeaseLost, err)
		}
	}
}

// giveBack marks the lease as free, if it is still ours. The object stays, for the
// generation in it.
func (l *lease) giveBack(ctx context.Context) error {
	if l.lost {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, l.ttl)
	defer stop()
	l.body.Seconds = 0
	err := l.replace(ctx, l.etag)
	if errors.Is(err, ErrLeased) || errors.Is(err, ErrAbsent) {
		return nil
	}
	return err
}

// put writes the lease object on a condition. The error is that of the store.
func (l *lease) put(ctx context.Context, condition, value string) error {
	body, err := json.Marshal(l.body)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if l.store.sse != nil {
		l.store.sse.Marshal(header)
	}
	header.Set(condition, value)
	l.sent = time.Now()
	r, err := l.store.send(ctx, "write "+l.key, request{method: http.MethodPut, bucket: l.bucket, key: l.key, header: header, body: body})
	if err != nil {
		return err
	}
	l.etag, l.renewed = r.etag(), l.sent
	return nil
}

// read gives the lease object. The error wraps ErrAbsent when it is gone.
func (l *lease) read(ctx context.Context) (leaseBody, *reply, error) {
	var held leaseBody
	header := http.Header{}
	if key := l.store.customerKey(); key != nil {
		key.Marshal(header)
	}
	r, err := l.store.send(ctx, "read "+l.key, request{method: http.MethodGet, bucket: l.bucket, key: l.key, header: header})
	switch {
	case isAbsent(err):
		return held, nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	case err != nil:
		return held, nil, err
	}
	if json.Unmarshal(r.body, &held) != nil || held.Token == "" {
		return held, nil, fmt.Errorf("%w: %s is no lease of memvault: want JSON with holder, token and generation", ErrConflict, l.key)
	}
	return held, r, nil
}

// timeLeft tells how long a lease still lasts, by the store's clock. Both times are cut to
// the second.
func timeLeft(held leaseBody, r *reply) (time.Duration, error) {
	if held.Seconds <= 0 {
		return 0, nil
	}
	now, err := r.clock()
	if err != nil {
		return 0, err
	}
	written, err := http.ParseTime(r.header.Get("Last-Modified"))
	if err != nil {
		return 0, fmt.Errorf("the store does not say how old the lease is: %w", err)
	}
	ttl := min(time.Duration(held.Seconds)*time.Second, maxLease)
	return ttl - now.Sub(written) + time.Second, nil
}

// refused reports whether the condition of a write was not met, or another write to the
// same key was under way.
func refused(err error) bool {
	status := statusOf(err)
	return status == http.StatusPreconditionFailed || status == http.StatusConflict
}

// explain adds what a refusal for other reasons means.
func (l *lease) explain(err error) error {
	if statusOf(err) == http.StatusNotImplemented {
		return fmt.Errorf("%w: %w", ErrNoConditions, err)
	}
	return err
}
