package archive

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// maxWorkers is how many processors encoding takes at most: with a fourth one an upload would
// take more than 128 MB, and three are faster than most networks.
const maxWorkers = 3

// Workers limits how many frames are encoded at the same time, by all that share it.
type Workers struct {
	idle chan *worker
	busy atomic.Int32 // calls of Encode
}

// worker encodes one frame at a time.
type worker struct {
	encoders map[Level]*zstd.Encoder
}

// NewWorkers makes as many workers as there are processors, at most three. Each keeps about
// 6 MB once it has worked, 10 MB with LevelBetter; a call of Encode takes 8 MB for each of
// them, and one beside others 16 MB.
func NewWorkers() *Workers { return newWorkers(min(maxWorkers, runtime.GOMAXPROCS(0))) }

func newWorkers(n int) *Workers {
	w := &Workers{idle: make(chan *worker, n)}
	for range n {
		w.idle <- &worker{encoders: map[Level]*zstd.Encoder{}}
	}
	return w
}

// encode appends the frame of raw to out, once a worker is free.
func (w *Workers) encode(ctx context.Context, level Level, raw, out []byte) ([]byte, error) {
	select {
	case k := <-w.idle:
		defer func() { w.idle <- k }()
		e, err := k.encoder(level)
		if err != nil {
			return nil, err
		}
		return e.EncodeAll(raw, out), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (k *worker) encoder(level Level) (*zstd.Encoder, error) {
	if e := k.encoders[level]; e != nil {
		return e, nil
	}
	speed := zstd.SpeedDefault
	switch level {
	case LevelDefault:
	case LevelBetter:
		speed = zstd.SpeedBetterCompression
	default:
		return nil, fmt.Errorf("level %q: want %q or %q", level, LevelDefault, LevelBetter)
	}
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(speed), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(FrameSize),
		zstd.WithEncoderCRC(true), zstd.WithZeroFrames(true), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	k.encoders[level] = e
	return e, nil
}
