package upload

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/memvault/memvault/internal/s3test"
)

func TestLease(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		p := Place{server.NewBucket(t), "captures"}
		worked := 0
		for range 2 { // the second takes over what the first gave back
			err := s.WithLease(t.Context(), p, "first", func(ctx context.Context) error {
				worked++
				return s.WithLease(ctx, p, "second", func(context.Context) error {
					t.Error("two hold the lease")
					return nil
				})
			})
			if !errors.Is(err, ErrLeased) || !strings.Contains(err.Error(), "first") {
				t.Errorf("got %v, want %v by first", err, ErrLeased)
			}
		}
		l := &lease{store: s, bucket: p.Bucket, key: "captures/" + leaseName}
		if held, _, err := l.read(t.Context()); err != nil || held.Generation != 2 || held.Seconds != 0 || worked != 2 {
			t.Errorf("at the end: got %+v, %v, worked %d times, want generation 2, given back, and 2", held, err, worked)
		}
		if got := listed(t, s, Place{p.Bucket, ""}, ListOptions{}); len(got) != 0 {
			t.Errorf("captures: got %q, want none: the lease is not one", got)
		}
	})
}

// Many ask at once: they work one after the other, never two together. The server in process is left out: it
// looks at a condition and writes in two steps, so two can pass it at once.
func TestLeaseRace(t *testing.T) {
	for _, server := range s3test.Servers(t) {
		t.Run(server.Name, func(t *testing.T) { testLeaseRace(t, server) })
	}
}

func testLeaseRace(t *testing.T, server s3test.Server) {
	s := dialServer(t, server, nil)
	p := Place{server.NewBucket(t), ""}
	var inside, most, won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			err := s.WithLease(t.Context(), p, "racer", func(ctx context.Context) error {
				won.Add(1)
				if n := inside.Add(1); n > most.Load() {
					most.Store(n)
				}
				defer inside.Add(-1)
				return sleep(ctx, 50*time.Millisecond)
			})
			if err != nil && !errors.Is(err, ErrLeased) {
				t.Errorf("got %v, want none or %v", err, ErrLeased)
			}
		})
	}
	all.Wait()
	if most.Load() != 1 || won.Load() < 1 {
		t.Errorf("got %d at once, %d in all, want 1 at once, and at least 1", most.Load(), won.Load())
	}
}

// A holder that died is followed once its time is over by the store's clock, and one that
// is renewed keeps the lease far longer than that.
func TestLeaseExpires(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		p := Place{server.NewBucket(t), ""}
		const ttl = time.Second
		dead := &lease{store: s, bucket: p.Bucket, key: leaseName, ttl: ttl, body: leaseBody{Holder: "dead", Token: "t", Seconds: 1}}
		if err := dead.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		work := func(ctx context.Context) error {
			if err := sleep(ctx, 2*ttl); err != nil {
				return err
			}
			if err := s.withLease(ctx, p, "third", ttl, func(context.Context) error { return nil }); !errors.Is(err, ErrLeased) {
				t.Errorf("while renewed: got %v, want %v", err, ErrLeased)
			}
			return nil
		}
		if err := s.withLease(t.Context(), p, "second", ttl, work); !errors.Is(err, ErrLeased) {
			t.Errorf("at once: got %v, want %v", err, ErrLeased)
		}
		deadline := time.Now().Add(10 * ttl)
		for {
			err := s.withLease(t.Context(), p, "second", ttl, work)
			if err == nil {
				break
			}
			if !errors.Is(err, ErrLeased) || time.Now().After(deadline) {
				t.Fatalf("after the end: got %v, want the lease", err)
			}
			time.Sleep(200 * time.Millisecond)
		}
		if err := dead.replace(t.Context(), dead.etag); !errors.Is(err, ErrLeased) {
			t.Errorf("the dead one comes back: got %v, want %v", err, ErrLeased)
		}
	})
}

// When somebody takes the lease away, the work ends.
func TestLeaseLost(t *testing.T) {
	server := s3test.Minis3(t)
	s := dialServer(t, server, nil)
	p := Place{server.NewBucket(t), ""}
	err := s.withLease(t.Context(), p, "first", time.Second, func(ctx context.Context) error {
		if !drop(t, s, p.Bucket, leaseName, `{"holder":"thief","token":"x","generation":9,"seconds":30}`) {
			t.Fatal("no thief")
		}
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if !errors.Is(err, ErrLeaseLost) || !strings.Contains(err.Error(), "thief") {
		t.Errorf("got %v, want %v to the thief", err, ErrLeaseLost)
	}
}

// Stores that ignore a condition are found out, and nothing is done there.
func TestLeaseNeedsConditions(t *testing.T) {
	for _, server := range s3test.Servers(t) {
		for _, ignored := range []string{"If-None-Match", "If-Match"} {
			t.Run(server.Name+" without "+ignored, func(t *testing.T) {
				proxy := server.Proxy(t, s3test.Faults{Rewrite: func(_ s3test.Request, h http.Header) { h.Del(ignored) }})
				s := dialServer(t, proxy.Server, nil)
				err := s.WithLease(t.Context(), Place{server.NewBucket(t), ""}, "us", func(context.Context) error {
					t.Error("the work was done")
					return nil
				})
				if !errors.Is(err, ErrNoConditions) {
					t.Errorf("got %v, want %v", err, ErrNoConditions)
				}
			})
		}
	}
}

// Replies that are lost, and a busy store, do not make us lose our own lease.
func TestLeaseThroughFaults(t *testing.T) {
	for _, server := range s3test.Servers(t) {
		t.Run(server.Name, func(t *testing.T) {
			puts := 0
			proxy := server.Proxy(t, s3test.Faults{Choose: func(q s3test.Request) s3test.Fault {
				if q.Op != s3test.Put {
					return s3test.Fault{}
				}
				puts++
				return s3test.Fault{Kind: []s3test.Kind{s3test.LostReply, s3test.Unavailable, s3test.None}[puts%3]}
			}})
			s := dialServer(t, proxy.Server, nil)
			p := Place{server.NewBucket(t), ""}
			const ttl = time.Second
			err := s.withLease(t.Context(), p, "us", ttl, func(ctx context.Context) error { return sleep(ctx, 2*ttl) })
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLeaseOfSomethingElse(t *testing.T) {
	server := s3test.Minis3(t)
	s := dialServer(t, server, nil)
	p := Place{server.NewBucket(t), ""}
	for _, content := range []string{"", "notes", "{}", `{"token":5}`, strings.Repeat("[", 1<<20)} {
		drop(t, s, p.Bucket, leaseName, content)
		err := s.WithLease(t.Context(), p, "us", func(context.Context) error { return nil })
		if !errors.Is(err, ErrConflict) {
			t.Errorf("%.20q: got %v, want %v", content, err, ErrConflict)
		}
	}
}
