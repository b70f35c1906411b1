package upload

import (
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
)

// A checksum is one of the algorithms by which stores keep the checksum of a whole object
// although it came in parts. The zero one is none.
type checksum struct{ minio.ChecksumType }

var (
	crc32c = checksum{minio.ChecksumFullObjectCRC32C}
	crc64n = checksum{minio.ChecksumCRC64NVME}
	noSum  = checksum{}
)

// name is that of the manifest; empty for none.
func (c checksum) name() string { return c.String() }

// parseChecksum reads a name.
func parseChecksum(name string) (checksum, bool) {
	for _, c := range []checksum{crc32c, crc64n, noSum} {
		if c.name() == name {
			return c, true
		}
	}
	return noSum, false
}

// sum gives the checksum of bytes as the store writes it; empty for none.
func (c checksum) sum(b []byte) string { return c.EncodeToString(b) }

// whole gives that of all stored bytes.
func (c checksum) whole(st archive.Stored) string {
	switch c {
	case crc32c:
		return st.CRC32CText()
	case crc64n:
		return st.CRC64NVMEText()
	}
	return ""
}

// ofPart gives what the store says of a part.
func (c checksum) ofPart(p minio.ObjectPart) string {
	switch c {
	case crc32c:
		return p.ChecksumCRC32C
	case crc64n:
		return p.ChecksumCRC64NVME
	}
	return ""
}

// complete gives what Complete says of a part.
func (c checksum) complete(p part) minio.CompletePart {
	done := minio.CompletePart{PartNumber: p.number, ETag: p.etag}
	switch c {
	case crc32c:
		done.ChecksumCRC32C = p.sum
	case crc64n:
		done.ChecksumCRC64NVME = p.sum
	}
	return done
}

// shown gives the checksum of the whole object that a HEAD shows; noSum if there is none.
// One of parts, which ends in their number, tells nothing that could be compared.
func shown(info minio.ObjectInfo) (checksum, string) {
	if info.ChecksumMode != "" && info.ChecksumMode != "FULL_OBJECT" {
		return noSum, ""
	}
	for _, c := range []struct {
		sum  checksum
		text string
	}{{crc32c, info.ChecksumCRC32C}, {crc64n, info.ChecksumCRC64NVME}} {
		if c.text != "" && !strings.Contains(c.text, "-") {
			return c.sum, c.text
		}
	}
	return noSum, ""
}

// text gives what Result.Checksum holds.
func (c checksum) text(sum string) string {
	if c == noSum || sum == "" {
		return ""
	}
	return strings.ToLower(c.name()) + ":" + sum
}

// algorithms remembers which checksum the store keeps for objects in parts.
type algorithms struct {
	mu    sync.Mutex
	order []checksum // what is still to be tried, the best first
}

// newAlgorithms knows that R2 keeps no CRC32C of whole objects.
func newAlgorithms(endpoint *url.URL) algorithms {
	if strings.HasSuffix(endpoint.Hostname(), ".r2.cloudflarestorage.com") {
		return algorithms{order: []checksum{crc64n, crc32c, noSum}}
	}
	return algorithms{order: []checksum{crc32c, crc64n, noSum}}
}

func (a *algorithms) list() []checksum {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.order)
}

// settle tells that the store took c: those before it need not be tried again.
func (a *algorithms) settle(c checksum) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.Index(a.order, c); i > 0 {
		a.order = a.order[i:]
	}
}
