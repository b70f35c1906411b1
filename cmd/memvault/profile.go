package main

import (
	"errors"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// readProfile reads a FILE into a profile. A window that counts from the end of an
// unfinished capture takes a first pass, which finds the end.
func (a *app) readProfile(file string, o heap.Options) (*heap.Profile, error) {
	p, err := a.readPass(file, o)
	if !errors.Is(err, heap.ErrNeedsEnd) {
		return p, err
	}
	if file == standard {
		return nil, hintf(err, "a bound from the end takes two passes, so it needs a FILE")
	}
	err = a.readCapture(file, func(r *codec.Reader) error {
		var err error
		o.End, err = heap.EndTime(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.readPass(file, o)
}

func (a *app) readPass(file string, o heap.Options) (p *heap.Profile, err error) {
	err = a.readCapture(file, func(r *codec.Reader) error {
		p, err = heap.Read(r, o)
		return err
	})
	return p, err
}
