package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
)

// leastPart is the least size of a part that is not the last one, in bytes.
const leastPart = 5 << 20

// open begins an upload whose parts and whole have checksums of the type.
func (p *prober) open(ctx context.Context, name string, sum minio.ChecksumType) (id string, err error) {
	key := p.root + name
	p.opened = append(p.opened, key) // also when the reply is lost
	err = p.do(ctx, "begin upload", func(ctx context.Context, _ *watch) (err error) {
		id, err = p.Core.NewMultipartUpload(ctx, p.place.Bucket, key, minio.PutObjectOptions{
			ServerSideEncryption: p.sse,
			UserMetadata:         map[string]string{"X-Amz-Checksum-Algorithm": sum.String(), "X-Amz-Checksum-Type": "FULL_OBJECT"},
		})
		return err
	})
	return id, err
}

// part sends one.
func (p *prober) part(ctx context.Context, name, id string, n int, body []byte, sum minio.ChecksumType) (part minio.ObjectPart, err error) {
	err = p.do(ctx, "send part", func(ctx context.Context, _ *watch) (err error) {
		part, err = p.partOnce(ctx, name, id, n, body, sum, sum.ChecksumBytes(body).Encoded())
		return err
	})
	return part, err
}

func (p *prober) partOnce(ctx context.Context, name, id string, n int, body []byte, sum minio.ChecksumType, value string) (minio.ObjectPart, error) {
	return p.Core.PutObjectPart(ctx, p.place.Bucket, p.root+name, id, n, bytes.NewReader(body), int64(len(body)), minio.PutObjectPartOptions{
		SSE: p.customerKey(), DisableContentSha256: true, CustomHeader: http.Header{sum.Key(): {value}},
	})
}

// complete puts the parts together, saying that the checksum of all is whole.
func (p *prober) complete(ctx context.Context, name, id string, sum minio.ChecksumType, whole string, parts ...minio.ObjectPart) error {
	return p.do(ctx, "complete upload", func(ctx context.Context, _ *watch) error {
		return p.completeOnce(ctx, name, id, sum, whole, parts...)
	})
}

func (p *prober) completeOnce(ctx context.Context, name, id string, sum minio.ChecksumType, whole string, parts ...minio.ObjectPart) error {
	done := make([]minio.CompletePart, len(parts))
	for i, part := range parts {
		done[i] = minio.CompletePart{PartNumber: part.PartNumber, ETag: part.ETag,
			ChecksumCRC32C: part.ChecksumCRC32C, ChecksumCRC64NVME: part.ChecksumCRC64NVME}
	}
	opts := minio.PutObjectOptions{
		ServerSideEncryption: p.customerKey(),
		UserMetadata:         map[string]string{sum.Key(): whole, "X-Amz-Checksum-Type": "FULL_OBJECT"},
	}
	opts.SetMatchETagExcept("*")
	_, err := p.Core.CompleteMultipartUpload(ctx, p.place.Bucket, p.root+name, id, done, opts)
	return err
}

// single begins an upload and sends its one part.
func (p *prober) single(ctx context.Context, name string) (id string, part minio.ObjectPart, err error) {
	if id, err = p.open(ctx, name, minio.ChecksumCRC32C); err != nil {
		return "", part, err
	}
	part, err = p.part(ctx, name, id, 1, probeBody, minio.ChecksumCRC32C)
	return id, part, err
}

func (p *prober) checkPartChecksum(ctx context.Context) (string, error) {
	id, err := p.open(ctx, "wrong-part", minio.ChecksumCRC32C)
	if err != nil {
		return "", err
	}
	err = p.wrong(ctx, func(ctx context.Context) error {
		_, err := p.partOnce(ctx, "wrong-part", id, 1, probeBody, minio.ChecksumCRC32C, crc32cOf(probeBody[1:]))
		return err
	})
	return refusal(err, "it was accepted", "400")
}

func (p *prober) checkListParts(ctx context.Context) (string, error) {
	id, _, err := p.single(ctx, "listed")
	if err != nil {
		return "", err
	}
	var parts minio.ListObjectPartsResult
	err = p.do(ctx, "list parts", func(ctx context.Context, _ *watch) (err error) {
		parts, err = p.Core.ListObjectParts(ctx, p.place.Bucket, p.root+"listed", id, 0, 10)
		return err
	})
	if err != nil {
		return "", err
	}
	if len(parts.ObjectParts) != 1 {
		return "", fmt.Errorf("%d parts of 1", len(parts.ObjectParts))
	}
	if got := parts.ObjectParts[0]; got.Size != int64(len(probeBody)) || got.ChecksumCRC32C != crc32cOf(probeBody) {
		return "", fmt.Errorf("got %d bytes, CRC32C %q; want %d, %q", got.Size, got.ChecksumCRC32C, len(probeBody), crc32cOf(probeBody))
	}
	return "listed", nil
}

// checkListUploads wants what s3 clean does: all uploads of the bucket, for some stores
// answer other prefixes with nothing. It takes those of the exact key for a bad second.
func (p *prober) checkListUploads(ctx context.Context) (string, error) {
	id, _, err := p.single(ctx, "unfinished")
	if err != nil {
		return "", err
	}
	key := p.root + "unfinished"
	var found []string
	for _, scope := range []struct{ name, prefix string }{{"all", ""}, {"a folder", p.root}, {"a key", key}} {
		seen, err := p.seesUpload(ctx, scope.prefix, key, id)
		if err != nil {
			return "", err
		}
		if seen {
			found = append(found, scope.name)
		}
	}
	text := "listed when asked for " + strings.Join(found, ", ")
	if len(found) == 0 || found[0] != "all" {
		return "", errors.New(strings.TrimSuffix("not listed when asked for all; "+text, "; listed when asked for "))
	}
	return text, nil
}

// seesUpload looks for the upload on as many pages as there are.
func (p *prober) seesUpload(ctx context.Context, prefix, key, id string) (bool, error) {
	var page minio.ListMultipartUploadsResult
	for {
		err := p.do(ctx, "list uploads", func(ctx context.Context, _ *watch) (err error) {
			page, err = p.Core.ListMultipartUploads(ctx, p.place.Bucket, prefix, page.NextKeyMarker, page.NextUploadIDMarker, "", 1000)
			return err
		})
		if err != nil {
			return false, err
		}
		for _, u := range page.Uploads {
			if u.Key == key && u.UploadID == id {
				return true, nil
			}
		}
		if !page.IsTruncated || page.NextKeyMarker == "" {
			return false, nil
		}
	}
}

func (p *prober) checkAbort(ctx context.Context) (string, error) {
	id, _, err := p.single(ctx, "aborted")
	if err != nil {
		return "", err
	}
	if err := p.abort(ctx, p.root+"aborted", id); err != nil {
		return "", err
	}
	seen, err := p.seesUpload(ctx, p.root+"aborted", p.root+"aborted", id)
	if err != nil {
		return "", err
	}
	if seen {
		return "", errors.New("accepted, and the upload is still listed")
	}
	return "aborted", nil
}

// checkMultipart sends two parts, so that a checksum of checksums is told from one of the
// whole object.
func (p *prober) checkMultipart(ctx context.Context) (string, error) {
	var errs []error
	for _, sum := range []minio.ChecksumType{minio.ChecksumCRC32C, minio.ChecksumCRC64NVME} {
		err := p.twoParts(ctx, sum)
		if err == nil {
			return sum.String(), nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", sum, err))
	}
	return "", errors.Join(errs...)
}

func (p *prober) twoParts(ctx context.Context, sum minio.ChecksumType) error {
	name := "two-parts-" + sum.String()
	id, err := p.open(ctx, name, sum)
	if err != nil {
		return err
	}
	bodies := [][]byte{bytes.Repeat([]byte("memvault"), leastPart/8), probeBody}
	var parts []minio.ObjectPart
	for i, body := range bodies {
		part, err := p.part(ctx, name, id, i+1, body, sum)
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	want := sum.ChecksumBytes(bytes.Join(bodies, nil)).Encoded()
	if err := p.complete(ctx, name, id, sum, want, parts...); err != nil {
		return err
	}
	r, err := p.head(ctx, name)
	if err != nil {
		return err
	}
	if got := r.header.Get(sum.Key()); got != want {
		return fmt.Errorf("got checksum %q, want %q", got, want)
	}
	return nil
}

func (p *prober) checkWholeChecksum(ctx context.Context) (string, error) {
	id, part, err := p.single(ctx, "wrong-whole")
	if err != nil {
		return "", err
	}
	err = p.wrong(ctx, func(ctx context.Context) error {
		return p.completeOnce(ctx, "wrong-whole", id, minio.ChecksumCRC32C, crc32cOf(probeBody[1:]), part)
	})
	return refusal(err, "it was accepted", "400")
}

// checkCompleteIfAbsent has a rival put its object between begin and end of an upload.
func (p *prober) checkCompleteIfAbsent(ctx context.Context) (string, error) {
	id, part, err := p.single(ctx, "raced")
	if err != nil {
		return "", err
	}
	if _, err := p.putObject(ctx, "raced", probeBody, nil); err != nil {
		return "", err
	}
	err = p.complete(ctx, "raced", id, minio.ChecksumCRC32C, crc32cOf(probeBody), part)
	return refusal(err, "it overwrote the object of a rival", "412", "409")
}
