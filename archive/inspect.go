package archive

import (
	"errors"
	"io"

	"github.com/memvault/memvault/codec"
)

// Inspect is codec.Inspect for stored captures too, plain and otherwise packed ones included: it reads
// the seek table, the first frame, and a few others to find where a zero tail begins. The error is that of
// codec.Inspect, or wraps ErrCorrupt.
func Inspect(r io.ReaderAt, size int64) (*codec.Summary, error) {
	k, err := OpenSeekable(r, size)
	if errors.Is(err, ErrNotSeekable) {
		return codec.Inspect(r, size)
	}
	if err != nil {
		return nil, err
	}
	s, err := codec.Inspect(k, k.Size())
	if err := errors.Join(err, k.Close()); err != nil {
		return nil, err
	}
	s.Size = size
	switch s.Container {
	case "":
	case "plain":
		s.Container = "zstd"
	default:
		s.Container = "zstd+" + s.Container
	}
	return s, nil
}
