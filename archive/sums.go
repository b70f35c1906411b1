package archive

import (
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"io"

	"github.com/minio/crc64nvme"
)

// digester hashes what is written to it, and never fails.
type digester struct {
	h hash.Hash
	n int64
}

func newDigester() *digester { return &digester{h: sha256.New()} }

func (d *digester) Write(b []byte) (int, error) {
	d.n += int64(len(b))
	return d.h.Write(b)
}

func (d *digester) digest() Digest {
	out := Digest{Size: d.n}
	d.h.Sum(out.SHA256[:0])
	return out
}

// sink passes the stored bytes on to w and sums them up.
type sink struct {
	w     io.Writer
	sha   *digester
	crc32 hash.Hash32
	crc64 hash.Hash64
}

func newSink(w io.Writer) *sink {
	return &sink{w: w, sha: newDigester(), crc32: crc32.New(crc32.MakeTable(crc32.Castagnoli)), crc64: crc64nvme.New()}
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	// Hashes do not fail.
	_, _ = s.sha.Write(b[:n])
	_, _ = s.crc32.Write(b[:n])
	_, _ = s.crc64.Write(b[:n])
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return n, err
}

func (s *sink) stored() Stored {
	return Stored{Digest: s.sha.digest(), CRC32C: s.crc32.Sum32(), CRC64NVME: s.crc64.Sum64()}
}
