package upload

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"
)

// abortPatience is how long giving an upload up may take: it is cleanliness, not duty.
const abortPatience = 30 * time.Second

// A session is an upload in parts that the store knows.
type session struct {
	s           *Store
	bucket, key string
	id          string
	sum         checksum
	listed      map[int]minio.ObjectPart // what the store had at the beginning
	// own tells that this machine began it, and not an unknown process.
	own bool

	record func(part) // remembers a part that was sent
}

// keeps reports whether the store listed the part with the size and checksum that it must
// have.
func (u *session) keeps(number int, size int64, sum string) (part, bool) {
	l, ok := u.listed[number]
	if !ok || sum == "" || l.Size != size || u.sum.ofPart(l) != sum {
		return part{}, false
	}
	return part{number, size, sum, l.ETag}, true
}

// create begins an upload in parts, with the best checksum that the store takes, and with
// the tags, unless it refuses them.
func (s *Store) create(ctx context.Context, bucket, key string, o minio.PutObjectOptions) (id string, took offer, err error) {
	took, err = s.offer(o, func(t offer) error {
		if t.sum != noSum {
			t.o.UserMetadata = withHeaders(t.o.UserMetadata, "x-amz-checksum-algorithm", t.sum.name(), "x-amz-checksum-type", "FULL_OBJECT")
		}
		return s.do(ctx, "begin the upload of "+object(bucket, key), func(ctx context.Context, _ *watch) error {
			var err error
			id, err = s.Core.NewMultipartUpload(ctx, bucket, key, t.o)
			return err
		})
	})
	return id, took, err
}

// An offer is what a store is asked to keep.
type offer struct {
	sum      checksum
	o        minio.PutObjectOptions
	untagged bool // the tags were left out
}

// offer makes a request with the best checksum and the tags, then with less and less as
// long as the store refuses what was asked for. It gives what the store took.
func (s *Store) offer(o minio.PutObjectOptions, request func(offer) error) (offer, error) {
	var tries []offer
	for _, sum := range s.checksums.list() {
		tries = append(tries, offer{sum, o, false})
		if o.UserTags != nil {
			bare := o
			bare.UserTags = nil
			tries = append(tries, offer{sum, bare, true})
		}
	}
	var first error
	for _, t := range tries {
		if errors.Is(first, ErrDenied) && t.sum != tries[0].sum {
			break // that is no question of checksums
		}
		err := request(t)
		if err == nil {
			s.checksums.settle(t.sum)
			return t, nil
		}
		if first == nil {
			first = err
		}
		if !asksTooMuch(err) {
			return t, err
		}
	}
	return tries[0], first
}

// asksTooMuch reports whether the store may take the request with less in it.
func asksTooMuch(err error) bool {
	status := statusOf(err)
	return (status == http.StatusBadRequest || status == http.StatusForbidden || status == http.StatusNotImplemented) &&
		!slices.Contains(unknownKeys, codeOf(err)) && !slices.Contains(damaged, codeOf(err))
}

// withHeaders gives metadata with more headers: names and values in turn.
func withHeaders(m map[string]string, more ...string) map[string]string {
	out := make(map[string]string, len(m)+len(more)/2)
	maps.Copy(out, m)
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// abort gives an upload up, also when ctx has ended. What cannot be aborted is left to
// s3 clean.
func (s *Store) abort(ctx context.Context, bucket, key, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortPatience)
	defer cancel()
	err := s.do(ctx, "give up the upload of "+object(bucket, key), func(ctx context.Context, _ *watch) error {
		return s.Core.AbortMultipartUpload(ctx, bucket, key, id)
	})
	if err != nil && !isAbsent(err) {
		s.log.Info("an unfinished upload stays: s3 clean takes it away", "key", key, "error", err)
	}
}

// listParts gives the parts of an upload. The error wraps errVanished if there is no such
// upload.
func (s *Store) listParts(ctx context.Context, bucket, key, id string) (parts map[int]minio.ObjectPart, err error) {
	parts = map[int]minio.ObjectPart{}
	for marker := 0; ; {
		var page minio.ListObjectPartsResult
		err := s.do(ctx, "list the parts of "+object(bucket, key), func(ctx context.Context, _ *watch) error {
			var err error
			page, err = s.Core.ListObjectParts(ctx, bucket, key, id, marker, 1000)
			return err
		})
		if err != nil && isAbsent(err) {
			return nil, fmt.Errorf("%w: %w", errVanished, err)
		}
		if err != nil {
			return nil, err
		}
		for _, p := range page.ObjectParts {
			if p.PartNumber >= 1 && p.PartNumber <= maxParts {
				parts[p.PartNumber] = p
			}
		}
		if !page.IsTruncated || page.NextPartNumberMarker <= marker {
			return parts, nil
		}
		marker = page.NextPartNumberMarker
	}
}

const (
	// maxAdopted is how many unfinished uploads of one key are looked at.
	maxAdopted = 20
	// adoptPause is how long an upload must not have got a part to be taken for dead.
	adoptPause = 3 * time.Second
)

// adoptable finds an unfinished upload of the exact key whose parts may be ours, the first of
// which is first, and which gets no more parts: somebody had begun to send these very bytes.
// It gives nil if there is none. The error wraps errVanished if it has just ended.
func (s *Store) adoptable(ctx context.Context, bucket, key, class string, first []byte) (*session, error) {
	uploads, err := s.unfinished(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	for _, up := range uploads[:min(len(uploads), maxAdopted)] {
		if class != "" && up.StorageClass != class {
			continue
		}
		u, err := s.begunWith(ctx, bucket, key, up.UploadID, first)
		if errors.Is(err, errVanished) || err == nil && u == nil {
			continue
		}
		if err == nil {
			err = sleep(ctx, adoptPause)
		}
		if err != nil {
			return nil, err
		}
		now, err := s.listParts(ctx, bucket, key, up.UploadID)
		if err != nil {
			return nil, err
		}
		if maps.Equal(now, u.listed) {
			return u, nil
		}
	}
	return nil, nil
}

// begunWith gives the upload if its parts may be ours, the first of which is first; else nil.
func (s *Store) begunWith(ctx context.Context, bucket, key, id string, first []byte) (*session, error) {
	parts, err := s.listParts(ctx, bucket, key, id)
	if err != nil {
		return nil, err
	}
	for _, sum := range []checksum{crc32c, crc64n} {
		u := &session{s: s, bucket: bucket, key: key, id: id, sum: sum, listed: parts}
		if u.fits(first) {
			return u, nil
		}
	}
	return nil, nil
}

// fits reports whether the first part is first, or, when it is not there, the others have
// the sizes that ours have. Each part is kept by its own checksum in any case.
func (u *session) fits(first []byte) bool {
	if _, ok := u.listed[1]; ok {
		_, same := u.keeps(1, int64(len(first)), u.sum.sum(first))
		return same
	}
	last := 0
	for n := range u.listed {
		last = max(last, n)
	}
	for n, p := range u.listed {
		size := int64(len(first))
		if u.sum.ofPart(p) == "" || p.Size > size || n < last && p.Size != size {
			return false
		}
	}
	return last > 0
}

// unfinished lists the uploads of a key, the newest first.
func (s *Store) unfinished(ctx context.Context, bucket, key string) ([]minio.ObjectMultipartInfo, error) {
	var list []minio.ObjectMultipartInfo
	err := s.do(ctx, "list the uploads of "+object(bucket, key), func(ctx context.Context, _ *watch) error {
		page, err := s.Core.ListMultipartUploads(ctx, bucket, key, "", "", "", 1000)
		list = page.Uploads
		return err
	})
	list = slices.DeleteFunc(list, func(up minio.ObjectMultipartInfo) bool { return up.Key != key })
	slices.SortFunc(list, func(a, b minio.ObjectMultipartInfo) int { return b.Initiated.Compare(a.Initiated) })
	return list, err
}
