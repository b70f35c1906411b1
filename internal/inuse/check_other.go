//go:build !linux

package inuse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/memvault/memvault/codec"
)

// A Lease proves that nobody else has a file open, as long as it is held.
type Lease struct{}

// TryLease fails with ErrNoLease: only Linux has leases.
func TryLease(*os.File) (*Lease, error) {
	return nil, fmt.Errorf("%w on %s", ErrNoLease, runtime.GOOS)
}

// Lost is never closed.
func (*Lease) Lost() <-chan struct{} { return nil }

// Held tells false.
func (*Lease) Held() bool { return false }

// Release does nothing.
func (*Lease) Release() error { return nil }

// Trusted is false: only Linux has leases.
func Trusted(*os.File) bool { return false }

// OpenFile opens a file for Check.
func OpenFile(name string) (*os.File, error) { return os.Open(name) }

// OpenAt fails: it is only there on Linux.
func OpenAt(dir *os.File, name string) (*os.File, error) {
	return nil, &os.PathError{Op: "openat", Path: name, Err: errors.ErrUnsupported}
}

func acquire(context.Context, *os.File, *codec.Header, Options) (Verdict, *Lease, error) {
	return Verdict{Reason: "what is in use is only known on Linux, not on " + runtime.GOOS}, nil, nil
}

func probe(*os.File, Options) (Verdict, bool) { return Verdict{}, false }
