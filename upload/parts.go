package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
)

const (
	// DefaultPartSize is the least size of parts, in bytes, but for the last.
	DefaultPartSize = 8 << 20
	// DefaultParts is how many parts of a file are sent at a time.
	DefaultParts = 4

	minPartSize = 5 << 20 // what Amazon allows
	maxParts    = 10000
)

// partSize gives the size of all parts of an object of at most stored bytes: some stores
// want them equal, and all want 10,000 of them at most. It depends on nothing else, so that
// the next run has the same parts.
func partSize(stored, least int64) int64 {
	if least == 0 {
		least = DefaultPartSize
	}
	least = max(least, minPartSize)
	needed := (stored + maxParts - 1) / maxParts
	return max(least, (needed+1<<20-1)>>20<<20)
}

// errVanished: the store no longer knows the upload, which somebody has completed or aborted.
var errVanished = errors.New("the upload is gone")

// A part is one that the store has.
type part struct {
	number    int
	size      int64
	sum, etag string
}

// A splitter cuts the stored form into parts and sends those that the store lacks, several
// at a time. It holds back the first one until there is a second: a stored form of one part
// needs no upload in parts. It is written to by one goroutine.
type splitter struct {
	s      *Store
	ctx    context.Context // of the whole upload; ended by the first error
	cancel context.CancelCauseFunc
	size   int // of a part
	// begin starts or finds the upload, before the first part is sent.
	begin func(first []byte) (*session, error)

	session *session // nil before
	slots   chan struct{}
	wg      sync.WaitGroup
	buffer  []byte // nil when none is held
	filled  int
	number  int // of the part in the buffer, from 1

	mu         sync.Mutex
	parts      []part // by number less 1
	sent, kept int
}

func newSplitter(ctx context.Context, s *Store, size int64, parallel int, begin func([]byte) (*session, error)) *splitter {
	if parallel <= 0 {
		parallel = DefaultParts
	}
	ctx, cancel := context.WithCancelCause(ctx)
	return &splitter{s: s, ctx: ctx, cancel: cancel, size: int(size), begin: begin, slots: make(chan struct{}, parallel), number: 1}
}

// Write implements io.Writer.
func (p *splitter) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		if p.filled == p.size {
			if err := p.flush(); err != nil {
				return written, err
			}
		}
		if p.buffer == nil {
			buffer, err := p.s.memory.take(p.ctx, p.size)
			if err != nil {
				return written, err
			}
			p.buffer = buffer
		}
		n := copy(p.buffer[p.filled:], b)
		p.filled, written, b = p.filled+n, written+n, b[n:]
	}
	if p.ctx.Err() != nil {
		return written, context.Cause(p.ctx)
	}
	return written, nil
}

// flush hands the buffer to a goroutine that sends it, or keeps what the store has already.
func (p *splitter) flush() error {
	data := p.buffer[:p.filled]
	if p.session == nil {
		var err error
		if p.session, err = p.begin(data); err != nil {
			p.cancel(err)
			return err
		}
	}
	number := p.number
	p.buffer, p.filled, p.number = nil, 0, number+1
	p.mu.Lock()
	p.parts = append(p.parts, part{number: number})
	p.mu.Unlock()
	select {
	case p.slots <- struct{}{}:
	case <-p.ctx.Done():
		p.s.memory.give(data)
		return context.Cause(p.ctx)
	}
	p.wg.Go(func() {
		defer func() { p.s.memory.give(data); <-p.slots }()
		if err := p.send(number, data); err != nil {
			p.cancel(err)
		}
	})
	return nil
}

// send makes sure that the store has a part.
func (p *splitter) send(number int, data []byte) error {
	sum := p.session.sum.sum(data)
	done, kept := p.session.keeps(number, int64(len(data)), sum)
	if !kept {
		var err error
		if done, err = p.session.put(p.ctx, number, data, sum); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parts[number-1] = done
	if kept {
		p.kept++
	} else {
		p.sent++
	}
	return nil
}

// finish sends the last part, if there is an upload, and waits for all.
func (p *splitter) finish() error {
	var err error
	if p.session != nil && p.filled > 0 {
		err = p.flush()
	}
	p.wg.Wait()
	if cause := context.Cause(p.ctx); cause != nil {
		return cause
	}
	return err
}

// only gives all that was written, when it fits one part.
func (p *splitter) only() []byte { return p.buffer[:p.filled] }

// close ends all sending and gives the buffers back.
func (p *splitter) close() {
	p.cancel(errClosed)
	p.wg.Wait()
	if p.buffer != nil {
		p.s.memory.give(p.buffer)
		p.buffer = nil
	}
}

// put sends a part, as often as it takes.
func (u *session) put(ctx context.Context, number int, data []byte, sum string) (part, error) {
	p := part{number: number, size: int64(len(data)), sum: sum}
	what := fmt.Sprintf("send part %d of %s", number, object(u.bucket, u.key))
	err := u.s.do(ctx, what, func(ctx context.Context, w *watch) error {
		o := minio.PutObjectPartOptions{SSE: u.s.customerKey(), DisableContentSha256: true}
		if u.sum != noSum {
			o.CustomHeader = http.Header{u.sum.KeyCapitalized(): {sum}}
		}
		got, err := u.s.Core.PutObjectPart(ctx, u.bucket, u.key, u.id, number, u.s.body(ctx, w, data), int64(len(data)), o)
		if err != nil {
			return err
		}
		if there := u.sum.ofPart(got); there != "" && there != sum {
			return fmt.Errorf("the store has %s %.64q, want %q", u.sum.name(), there, sum)
		}
		p.etag = got.ETag
		return nil
	})
	if err != nil && (isAbsent(err) || codeOf(err) == "" && u.gone(ctx)) {
		return p, fmt.Errorf("%w: %w", errVanished, err)
	}
	if err == nil {
		u.record(p)
	}
	return p, err
}

// gone asks once whether the store no longer knows the upload: one that refuses a part may close the
// connection before its answer can be read.
func (u *session) gone(ctx context.Context) bool {
	err := u.s.once(ctx, u.s.retry.Stall, func(ctx context.Context, _ *watch) error {
		_, err := u.s.Core.ListObjectParts(ctx, u.bucket, u.key, u.id, 0, 1)
		return err
	})
	return err != nil && isAbsent(err)
}

// checkParts proves that the parts are the stored form: their checksums together are its own.
func checkParts(sum checksum, parts []part, st archive.Stored) error {
	var size int64
	list := make([]minio.ObjectPart, len(parts))
	for i, p := range parts {
		size += p.size
		list[i] = minio.ObjectPart{PartNumber: p.number, Size: p.size, ChecksumCRC32C: p.sum, ChecksumCRC64NVME: p.sum}
	}
	if size != st.Size {
		return fmt.Errorf("%w: parts of %d bytes, want %d", ErrIntegrity, size, st.Size)
	}
	if sum == noSum {
		return nil
	}
	whole, err := sum.FullObjectChecksum(list)
	if err != nil {
		return err
	}
	if got, want := whole.Encoded(), sum.whole(st); got != want {
		return fmt.Errorf("%w: parts of %s %s, want %s", ErrIntegrity, sum.name(), got, want)
	}
	return nil
}
