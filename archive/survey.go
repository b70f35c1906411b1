package archive

import (
	"time"

	"github.com/memvault/memvault/codec"
)

// Digest is the length and the SHA-256 of a run of bytes.
type Digest struct {
	Size   int64 // in bytes
	SHA256 [32]byte
}

// Identity tells one state of one file from all others, as far as the operating system
// does: on Linux a file cannot change and keep its identity, but for writes through a
// mapping within the granularity of the file system's clock.
type Identity struct {
	Device, Inode uint64    // 0 where the system does not say
	Size          int64     // in bytes
	Changed       time.Time // ctime, else mtime
	Modified      time.Time // mtime
}

// Content says what the raw stream is.
type Content string

// The contents.
const (
	// ContentRaw: the bytes of a capture, header and records, with no compression left on it.
	ContentRaw Content = "raw"
	// ContentFile: the file as it was found, for it did not unpack cleanly to a capture.
	ContentFile Content = "file"
)

// Survey is what Examine found out about a file.
type Survey struct {
	// Name is the last element of the file's path.
	Name string
	// Component and Host are from Options; Component else from the name.
	Component, Host string
	Identity        Identity
	Content         Content
	// Container is what the capture is packed in, as codec.Reader gives it: "plain", "lz4".
	// It is empty if the file is no capture.
	Container string
	// File is of the file as it was found. Raw is of the raw stream; it equals File where
	// Content is ContentFile or Container "plain".
	File, Raw Digest

	// Header is nil if the file holds no header that can be read.
	Header *codec.Header
	// State and Reason say how the writing ended. A file that is no capture is codec.StateUnknown.
	State  codec.State
	Reason string
	// Start and End are when tracking began and ended, in UTC; End is the time of the last
	// memory record where the capture is not complete. Zero without a header, and where they
	// are not in years of four digits.
	Start, End time.Time
	// RSSPeak is the largest resident size among the memory records, in bytes; 0 if there is none.
	RSSPeak uint64
	// HeapPeak, Leaked and Allocations are the largest size of the heap, what of it was alive at
	// the end, both in bytes, and the number of allocations. Nil where counting them would have
	// taken too much memory; Allocations also in aggregated captures, which do not tell.
	HeapPeak, Leaked, Allocations *uint64
}

// Stored is what Encode wrote.
type Stored struct {
	Digest
	// CRC32C (Castagnoli) and CRC64NVME are of the stored bytes, as object stores define them.
	CRC32C    uint32
	CRC64NVME uint64
	Codec     Codec
	Level     Level // of CodecZstd
	// Frames is how many frames hold the raw stream; 0 with CodecNone.
	Frames int
}
