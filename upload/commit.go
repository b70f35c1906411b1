package upload

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
)

// errTaken: an object of that key is there, which another upload has made.
var errTaken = errors.New("somebody else was first")

// commit makes the object, unless its key is taken.
func (u *uploading) commit(ctx context.Context, p *splitter, st archive.Stored) error {
	var err error
	if p.session == nil {
		err = u.putWhole(ctx, p.only(), st)
	} else {
		err = u.complete(ctx, p.parts, st)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	return u.decide(ctx, err)
}

// putWhole sends an object of one part.
func (u *uploading) putWhole(ctx context.Context, data []byte, st archive.Stored) error {
	if got := crc32c.sum(data); got != crc32c.whole(st) {
		return fmt.Errorf("%w: one part of CRC32C %s, want %s", ErrIntegrity, got, crc32c.whole(st))
	}
	took, err := u.s.offer(u.object(), func(t offer) error {
		if t.sum != noSum {
			t.o.UserMetadata = withHeaders(t.o.UserMetadata, t.sum.Key(), t.sum.whole(st))
		}
		return u.s.putOnce(ctx, u.o.Place.Bucket, u.key, data, t.o)
	})
	if err == nil {
		u.result.PartsSent++
		u.warnTags(took)
	}
	return err
}

// complete puts the parts together.
func (u *uploading) complete(ctx context.Context, parts []part, st archive.Stored) error {
	c := u.session
	if err := checkParts(c.sum, parts, st); err != nil {
		return err
	}
	list := make([]minio.CompletePart, len(parts))
	for i, p := range parts {
		list[i] = c.sum.complete(p)
	}
	o := minio.PutObjectOptions{ServerSideEncryption: u.s.customerKey()}
	o.SetMatchETagExcept("*")
	if c.sum != noSum {
		o.UserMetadata = withHeaders(nil, c.sum.Key(), c.sum.whole(st), "x-amz-checksum-type", "FULL_OBJECT")
	}
	return u.s.doFor(ctx, "complete "+object(c.bucket, c.key), u.s.retry.Assemble, func(ctx context.Context, _ *watch) error {
		_, err := u.s.Core.CompleteMultipartUpload(ctx, c.bucket, c.key, c.id, list, o)
		return listDamaged(err)
	})
}

// listDamaged takes it for damage on the way that the store cannot read the list of parts:
// what was sent is well-formed.
func listDamaged(err error) error {
	var answer minio.ErrorResponse
	if errors.As(err, &answer) && answer.Code == "MalformedXML" {
		answer.Code, answer.Message = "BadDigest", "the list of parts came damaged: "+answer.Message
		return answer
	}
	return err
}

// startAgain are answers after which the parts are of no use.
var startAgain = []string{"NoSuchUpload", "ConditionalRequestConflict", "InvalidPart", "InvalidPartOrder", "BadDigest", "EntityTooSmall", "XAmzContentChecksumMismatch", "InvalidRequest"}

// decide finds out what became of a commit that failed with err: the reply may have been
// lost, or the key be taken by somebody else. The object's own token tells. Nil means that
// the object is ours.
func (u *uploading) decide(ctx context.Context, err error) error {
	info, headErr := u.s.head(ctx, u.o.Place.Bucket, u.key)
	switch {
	case errors.Is(headErr, ErrAbsent) && u.session != nil && slices.Contains(startAgain, codeOf(err)):
		return fmt.Errorf("%w: %w", errVanished, err)
	case errors.Is(headErr, ErrAbsent):
		return err
	case headErr != nil:
		return fmt.Errorf("%w; and %w", err, headErr)
	case meta(info, metaToken) == u.token:
		return nil
	}
	return fmt.Errorf("%w: %w", errTaken, err)
}
