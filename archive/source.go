package archive

import (
	"context"
	"io"
	"os"
)

// source reads a file from its beginning, without moving its position, for as many bytes as
// it had when it was opened.
type source struct {
	ctx      context.Context
	r        io.Reader
	progress func(int64)
	err      error // the first that is not io.EOF, so that it is not taken for one of the format
}

func newSource(ctx context.Context, f *os.File, size int64, progress func(int64)) *source {
	if progress == nil {
		progress = func(int64) {}
	}
	return &source{ctx: ctx, r: io.NewSectionReader(f, 0, size), progress: progress}
}

func (s *source) Read(b []byte) (int, error) {
	if s.err == nil && s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(b)
	if n > 0 {
		s.progress(int64(n))
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
