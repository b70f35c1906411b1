package upload

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/internal/statedir"
)

// An Orphan is an upload that was begun and not completed.
type Orphan struct {
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	UploadID string `json:"upload_id"`
	// Started is when it was begun, Newest when its newest part came, else Started; both by
	// the store's clock.
	Started time.Time `json:"started"`
	Newest  time.Time `json:"newest"`
	Parts   int       `json:"parts"`
	Bytes   int64     `json:"bytes"` // of all parts
	// Age is that of Newest.
	Age time.Duration `json:"-"`
	// Kept says why it is left alone; empty if it is to be aborted.
	Kept string `json:"kept,omitempty"`
	// Aborted tells that it was.
	Aborted bool `json:"aborted"`
}

// OrphanOptions of Store.Orphans. The zero value wants every upload of ours.
type OrphanOptions struct {
	// OlderThan is how long ago the newest part must have come.
	OlderThan time.Duration
	// State is where uploads on this machine lock the keys they are at work on; nil for none.
	State *statedir.Dir
}

// Orphans lists the unfinished uploads below p whose keys are like ours, with those that
// are too young, or at work, among them. Others is how many are not ours. All of the bucket
// is listed, for some stores answer a prefix with nothing.
func (s *Store) Orphans(ctx context.Context, p Place, o OrphanOptions) (orphans []Orphan, others int, err error) {
	now, err := s.Now(ctx, p.Bucket)
	if err != nil {
		return nil, 0, err
	}
	err = s.uploads(ctx, p.Bucket, func(u minio.ObjectMultipartInfo) error {
		k, ours := ParseKey(p.Prefix, u.Key)
		if !ours || k.Manifest {
			others++
			return nil
		}
		found := Orphan{Bucket: p.Bucket, Key: u.Key, UploadID: u.UploadID, Started: u.Initiated.UTC(), Newest: u.Initiated.UTC()}
		if err := s.judge(ctx, &found, now, o); err != nil {
			return err
		}
		orphans = append(orphans, found)
		return nil
	})
	return orphans, others, err
}

// judge decides whether an upload is to be aborted. The store says what time it is to the second only, or a second late.
func (s *Store) judge(ctx context.Context, u *Orphan, now time.Time, o OrphanOptions) error {
	age := func(t time.Time) time.Duration { return max(now.Sub(t), 0) }
	if err := s.parts(ctx, u); err != nil {
		return err
	}
	if u.Age = age(u.Newest); u.Age < o.OlderThan {
		u.Kept = fmt.Sprintf("its newest part is %v old, want %v", u.Age.Round(time.Second), o.OlderThan)
		return nil
	}
	unlock, err := s.lockKey(o.State, u)
	unlock()
	return err
}

// lockKey keeps uploads on this machine off the key until unlock, which is never nil. If
// one is at work there, u is kept.
func (s *Store) lockKey(state *statedir.Dir, u *Orphan) (unlock func(), err error) {
	nothing := func() {}
	if state == nil {
		return nothing, nil
	}
	unlock, free, err := state.Lock(s.StateName(u.Bucket, u.Key))
	switch {
	case err != nil:
		return nothing, fmt.Errorf("is an upload at work on %s: %w", u.Key, err)
	case !free:
		u.Kept = "an upload on this machine is at work on it"
		return nothing, nil
	}
	return unlock, nil
}

// pageSize is how much stores list at a time.
const pageSize = 1000

// parts fills in what the parts of an upload tell. One that vanished meanwhile has none.
func (s *Store) parts(ctx context.Context, u *Orphan) error {
	for marker := 0; ; {
		var r minio.ListObjectPartsResult
		err := s.do(ctx, "list parts of "+u.Key, func(ctx context.Context, _ *watch) (err error) {
			r, err = s.Core.ListObjectParts(ctx, u.Bucket, u.Key, u.UploadID, marker, pageSize)
			return err
		})
		if isAbsent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, part := range r.ObjectParts {
			u.Parts++
			u.Bytes += part.Size
			if part.LastModified.After(u.Newest) {
				u.Newest = part.LastModified.UTC()
			}
		}
		if !r.IsTruncated {
			return nil
		}
		if r.NextPartNumberMarker <= marker {
			return fmt.Errorf("list parts of %s: the store repeats part %d", u.Key, marker)
		}
		marker = r.NextPartNumberMarker
	}
}

// uploads calls each for all unfinished uploads of the bucket.
func (s *Store) uploads(ctx context.Context, bucket string, each func(minio.ObjectMultipartInfo) error) error {
	key, id := "", ""
	for {
		var r minio.ListMultipartUploadsResult
		err := s.do(ctx, "list uploads of "+bucket, func(ctx context.Context, _ *watch) (err error) {
			r, err = s.Core.ListMultipartUploads(ctx, bucket, "", key, id, "", pageSize)
			return err
		})
		if err != nil {
			return err
		}
		for _, u := range r.Uploads {
			if err := each(u); err != nil {
				return err
			}
		}
		if !r.IsTruncated {
			return nil
		}
		if r.NextKeyMarker == key && r.NextUploadIDMarker == id {
			return fmt.Errorf("list uploads of %s: the store repeats %q", bucket, key)
		}
		key, id = r.NextKeyMarker, r.NextUploadIDMarker
	}
}

// Abort takes away the upload, with its parts, unless it is kept, or an upload that locks in
// state has begun to work on it. One that has vanished meanwhile is as good.
func (s *Store) Abort(ctx context.Context, state *statedir.Dir, u *Orphan) error {
	if u.Kept != "" {
		return nil
	}
	unlock, err := s.lockKey(state, u)
	if err != nil || u.Kept != "" {
		return err
	}
	defer unlock()
	err = s.do(ctx, "abort the upload of "+u.Key, func(ctx context.Context, _ *watch) error {
		return s.Core.AbortMultipartUpload(ctx, u.Bucket, u.Key, u.UploadID)
	})
	if err != nil && !isAbsent(err) {
		return err
	}
	u.Aborted = true
	return nil
}

// ByAge sorts orphans, the oldest first.
func ByAge(orphans []Orphan) {
	slices.SortFunc(orphans, func(a, b Orphan) int { return a.Newest.Compare(b.Newest) })
}
