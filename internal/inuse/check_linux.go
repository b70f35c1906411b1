package inuse

import (
	"context"
	"errors"
	"os"

	"github.com/memvault/memvault/codec"
)

// A Lease proves that nobody else has a file open or mapped, as long as it is held. An open by
// another process waits until it is released, which happens by itself within a second.
type Lease struct{}

// TryLease asks for a write lease on f (F_SETLEASE, F_WRLCK). The errors are ErrRefused and ErrNoLease.
func TryLease(f *os.File) (*Lease, error) { return nil, ErrNoLease }

// Lost is closed when the lease was given up because somebody wanted the file.
func (l *Lease) Lost() <-chan struct{} { return nil }

// Release gives the lease up. It may be called again.
func (l *Lease) Release() error { return nil }

// OpenFile opens a file for Check, without following a link, waiting for a FIFO or
// taking a terminal.
func OpenFile(name string) (*os.File, error) { return nil, errors.ErrUnsupported }

// OpenAt is OpenFile for a name in the open folder dir. The name has no slash.
func OpenAt(dir *os.File, name string) (*os.File, error) { return nil, errors.ErrUnsupported }

func check(ctx context.Context, f *os.File, hdr *codec.Header, o Options) (Verdict, error) {
	return Verdict{}, errors.ErrUnsupported
}
