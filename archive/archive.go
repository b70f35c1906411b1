// Package archive turns a capture file into its stored form and back, and says in a
// manifest what was stored.
//
// The stored form, X.bin.zst, is zstd that any zstd tool reads: independent frames of
// FrameSize bytes of the raw stream (the last one is shorter), each with the checksum of its
// content, and behind them a seek table in a skippable frame, as the "seekable format" of the
// zstd project has it. The raw stream is what the capture is when LZ4, gzip or zstd is taken
// off, zero tail included; a file that does not unpack cleanly to a capture is stored as it
// was found, byte for byte, and so is every file with CodecNone.
//
// A file is read twice. Examine hashes it, decides what its raw stream is and reads the
// records; Encode writes the stored form, and proves by the hashes that it stored what was
// examined. Neither needs a temporary file, nor memory that grows with the file. The bytes
// that Encode writes depend on nothing but the raw stream, Codec and Level: not on the number
// of processors, not on what else is encoded.
//
// # Captures that still grow
//
// Where a frame begins depends on the offset in the raw stream alone, so the frames of a
// capture's beginning are those of the whole capture, but for the last, short one: a program
// that archives a capture while it is written appends frames, at record boundaries if it
// likes since frames may be of any size up to FrameSize, and touches nothing that it wrote
// before. Until the seek table is written at the end, the stored form reads as an ordinary
// zstd stream; OpenSeekable then gives any offset of the raw stream, so a reader that knows
// where it stopped, at a record boundary, can go on from there. What changes in place at the
// end of tracking is the header of the raw stream, within the first frame: such a program
// keeps the first frame back until then.
package archive

import (
	"errors"
	"log/slog"
)

// FrameSize is how many bytes of the raw stream a frame of the stored form holds, but for the last.
const FrameSize = 4 << 20

// Codec names how the stored bytes are made, as in the manifest. The empty one is CodecZstd.
type Codec string

// The codecs.
const (
	// CodecZstd is the seekable zstd of the package comment.
	CodecZstd Codec = "zstd"
	// CodecNone stores the file as it is.
	CodecNone Codec = "none"
)

// Level says how long to search for a smaller stored form. The empty one is LevelDefault.
type Level string

// The levels.
const (
	// LevelDefault is for a machine that has no time.
	LevelDefault Level = "default"
	// LevelBetter takes three to six times as long for a few per cent.
	LevelBetter Level = "better"
)

// Options are common to all steps. The zero value works.
type Options struct {
	Codec Codec
	Level Level

	// Host and Component are kept in the manifest. An empty Component is taken from the
	// name of the file.
	Host, Component string
	// Labels are kept in the manifest; see CheckLabels.
	Labels map[string]string
	// Redact leaves the command line, the name of the file and all paths out of the
	// manifest. The capture still holds them.
	Redact bool
	// NoCount leaves the figures of the heap out of the manifest: counting them takes more than half
	// of the time of Examine.
	NoCount bool
	// Idle tells that nobody writes the file: a capture that is not finished was killed.
	Idle bool
	// Version is that of memvault, for the manifest.
	Version string

	// Workers are shared by all that encode at the same time. Nil stands for workers of
	// one's own.
	Workers *Workers
	// Progress is called now and then with how many more bytes of the file have been read,
	// by Examine and once more by Encode. Calls do not overlap. It may be nil.
	Progress func(n int64)
	// Log gets what is worth knowing and no error; nil is no log.
	Log *slog.Logger
}

// ErrChanged is wrapped by errors that say that the file is no longer what was examined.
// Whatever was written of it is to be given up, and Examine called again.
var ErrChanged = errors.New("the file has changed while it was read")

// ErrCorrupt is wrapped by errors that say that stored bytes are not what they were.
var ErrCorrupt = errors.New("stored bytes are damaged")
