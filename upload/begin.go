package upload

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// begin finds the upload that an earlier run has left, or an unfinished one of unknown
// making whose first part is ours, or starts one.
func (u *uploading) begin(ctx context.Context, size int64, first []byte) (*session, error) {
	options, err := u.fingerprint()
	if err != nil {
		return nil, err
	}
	found, err := u.resume(ctx, size, options)
	if err != nil {
		return nil, err
	}
	if found == nil {
		if found, err = u.adopt(ctx, first); err != nil {
			return nil, err
		}
	}
	if found == nil {
		if found, err = u.start(ctx); err != nil {
			return nil, err
		}
	}
	u.session = found
	found.record = u.ledger.record
	u.ledger.begin(saved{
		Version: savedVersion, Endpoint: u.s.Endpoint, Bucket: found.bucket, Key: found.key, UploadID: found.id, Token: u.token,
		Checksum: found.sum.name(), PartSize: size, Options: options, File: u.survey.Identity, Began: time.Now().UTC(),
		Parts: u.ledger.parts(),
	})
	return found, nil
}

// resume takes up what the state remembers. An upload that was begun with other options
// is given up.
func (u *uploading) resume(ctx context.Context, size int64, options string) (*session, error) {
	v, ok := u.ledger.known()
	if !ok || v.Endpoint != u.s.Endpoint || v.Bucket != u.o.Place.Bucket || v.Key != u.key {
		return nil, nil
	}
	sum, ok := parseChecksum(v.Checksum)
	if !ok || v.Version != savedVersion || v.PartSize != size || v.Options != options {
		u.s.abort(ctx, v.Bucket, v.Key, v.UploadID)
		u.ledger.forget()
		return nil, nil
	}
	parts, err := u.s.listParts(ctx, v.Bucket, v.Key, v.UploadID)
	if errors.Is(err, errVanished) {
		u.ledger.forget()
		return nil, nil
	}
	if errors.Is(err, ErrDenied) {
		u.log.Info("what an earlier run has sent cannot be listed: it is sent again", "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	u.token = v.Token
	return &session{s: u.s, bucket: v.Bucket, key: v.Key, id: v.UploadID, sum: sum, listed: parts, own: true}, nil
}

// adopt looks for an upload of unknown making. What it was begun with is not known: where
// that matters there is none to be had. Nor is that of a living process of this machine,
// which holds the lock.
func (u *uploading) adopt(ctx context.Context, first []byte) (*session, error) {
	special := u.o.Archive.Redact || u.o.Retention != Retention{} || len(u.o.Archive.Labels) > 0 || u.o.NoTags || u.s.sse != nil
	if special || u.o.State != nil && u.ledger == nil {
		return nil, nil
	}
	found, err := u.s.adoptable(ctx, u.o.Place.Bucket, u.key, u.o.StorageClass, first)
	if err != nil && !errors.Is(err, errVanished) && ctx.Err() == nil {
		u.log.Info("unfinished uploads cannot be looked for", "error", err)
		return nil, nil
	}
	return found, err
}

// start begins an upload.
func (u *uploading) start(ctx context.Context) (*session, error) {
	id, took, err := u.s.create(ctx, u.o.Place.Bucket, u.key, u.object())
	if err != nil {
		return nil, err
	}
	u.warnTags(took)
	return &session{s: u.s, bucket: u.o.Place.Bucket, key: u.key, id: id, sum: took.sum, own: true}, nil
}

func (u *uploading) warnTags(took offer) {
	if took.untagged {
		u.result.Warnings = append(u.result.Warnings, fmt.Sprintf("%s has no tags: the store refuses them", object(u.o.Place.Bucket, u.key)))
	}
}

// known gives what the state remembers, if anything.
func (l *ledger) known() (saved, bool) {
	if l == nil {
		return saved{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.saved, l.saved.UploadID != ""
}

// parts gives the checksums that the state remembers.
func (l *ledger) parts() []string {
	v, _ := l.known()
	return v.Parts
}
