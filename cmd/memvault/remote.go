package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/upload"
)

// openRemote opens an s3:// object, which is read by ranges.
func (a *app) openRemote(ctx context.Context, url string) (*input, error) {
	store, place, err := a.remote(ctx, url)
	if err != nil {
		return nil, err
	}
	at, size, err := store.ReaderAt(ctx, place.Bucket, place.Prefix)
	if err != nil {
		return nil, inInput(url, err)
	}
	r := readAhead(at, size)
	return &input{name: url, at: at, size: size, close: r.Close, Reader: r}, nil
}

// remote gives the store and the place of an object. The store is dialled once.
func (a *app) remote(ctx context.Context, url string) (*upload.Store, upload.Place, error) {
	place, err := a.store.place(url)
	if err != nil {
		return nil, place, err
	}
	if place.Prefix == "" {
		return nil, place, usagef("%s: names a bucket: want s3://BUCKET/KEY", url)
	}
	if a.dialled == nil {
		a.dialled, err = a.store.dial(ctx, a)
	}
	return a.dialled, place, err
}

// remoteManifest reads the manifest of an object; nil if it has none.
func (a *app) remoteManifest(ctx context.Context, url string) (*archive.Manifest, error) {
	store, place, err := a.remote(ctx, url)
	if err != nil {
		return nil, err
	}
	m, err := store.ReadManifest(ctx, place.Bucket, place.Prefix)
	if errors.Is(err, upload.ErrAbsent) {
		return nil, nil
	}
	return m, inInput(url, err)
}

// inInput adds the name of the input to err. Errors of the store name the object already, and
// get their exit codes.
func inInput(name string, err error) error {
	if !upload.IsURL(name) {
		return inFile(name, err)
	}
	if err = storeError(err); err != nil && strings.Contains(err.Error(), name) {
		return err
	}
	return inFile(name, err)
}

// What is asked for at a time, in bytes, and how many such requests run side by side.
const (
	aheadSize  = 4 << 20
	aheadCount = 3
)

// ahead reads a file from beginning to end by large requests, some of which run ahead. They
// begin with the first Read.
type ahead struct {
	at    io.ReaderAt
	size  int64
	parts chan chan part // in order
	part  part           // the one being read
	err   error
	start sync.Once
	stop  chan struct{}
	end   sync.Once
	work  sync.WaitGroup
}

type part struct {
	b   []byte
	err error
}

func readAhead(at io.ReaderAt, size int64) *ahead {
	return &ahead{at: at, size: size, parts: make(chan chan part, aheadCount-1), stop: make(chan struct{})}
}

// fetch starts the requests, as many at a time as there is room in parts.
func (r *ahead) fetch() {
	defer close(r.parts)
	for off := int64(0); off < r.size; off += aheadSize {
		c := make(chan part, 1)
		select {
		case r.parts <- c:
		case <-r.stop:
			return
		}
		r.work.Go(func() {
			b := make([]byte, min(aheadSize, r.size-off))
			n, err := r.at.ReadAt(b, off)
			if n == len(b) {
				err = nil
			} else if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			c <- part{b[:n], err}
		})
	}
}

// Read waits for the next part where the last one is used up.
func (r *ahead) Read(b []byte) (int, error) {
	r.start.Do(func() { r.work.Go(r.fetch) })
	for len(r.part.b) == 0 && r.err == nil {
		if r.err = r.part.err; r.err != nil {
			break
		}
		c, ok := <-r.parts
		if !ok {
			r.err = io.EOF
			break
		}
		r.part = <-c
	}
	if len(r.part.b) == 0 {
		return 0, r.err
	}
	n := copy(b, r.part.b)
	r.part.b = r.part.b[n:]
	return n, nil
}

// Close waits for the requests that run. Nothing may be read after it.
func (r *ahead) Close() error {
	r.start.Do(func() { close(r.parts) })
	r.end.Do(func() { close(r.stop) })
	r.work.Wait()
	return nil
}
