package inuse

import (
	"context"
	"errors"
	"os"

	"github.com/memvault/memvault/codec"
)

// The errors of TryLease.
var (
	// ErrRefused: somebody has the file open or mapped, perhaps we ourselves by another descriptor.
	ErrRefused = errors.New("somebody has the file open")
	// ErrNoLease: no lease can be had, or none that proves anything, on this file system or with
	// these rights.
	ErrNoLease = errors.New("no lease to be had")
)

// Check tells whether the capture f is in use. f must come from OpenFile or OpenAt and be the
// only descriptor that this process has of the file: another one counts as somebody else's.
// hdr is its header; nil lets Check read it from f when it is needed.
//
// It takes up to Options.Settle where others hold the file, and up to Options.Idle with
// Options.Wait. The error is one of reading f, or of ctx; the verdict is then Unknown.
func Check(ctx context.Context, f *os.File, hdr *codec.Header, o Options) (Verdict, error) {
	if v, ok := probe(f, o); ok {
		return v, nil
	}
	v, lease, err := Acquire(ctx, f, hdr, o)
	if lease != nil {
		err = errors.Join(err, lease.Release())
	}
	return v, err
}

// Acquire is Check, and keeps the lease that proves a file Free, for what is to be done with
// the file while nobody else can open it. The lease is nil where the verdict has another ground.
func Acquire(ctx context.Context, f *os.File, hdr *codec.Header, o Options) (Verdict, *Lease, error) {
	return acquire(ctx, f, hdr, o)
}
