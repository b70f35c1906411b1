package upload

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
)

// maxTries is how often a file is sent from the beginning: after it has changed, or after
// its upload vanished.
const maxTries = 4

// Upload stores the file f, once. The Result says what is known also with an error; its
// File is f's name. The error wraps ErrConflict, ErrIntegrity, ErrUnreachable, ErrDenied,
// ErrCredentials or archive.ErrChanged where it is one of them. When ctx ends, or the store
// cannot be reached, what was sent stays, for the next run to go on.
func (s *Store) Upload(ctx context.Context, f *os.File, o Options) (Result, error) {
	began := time.Now()
	r, err := s.recalled(ctx, f, o)
	if r != nil {
		r.Seconds = time.Since(began).Seconds()
		return *r, nil
	}
	u := &uploading{s: s, f: f, o: o, survey: o.Survey, token: rand.Text(), result: Result{File: f.Name(), Bucket: o.Place.Bucket}}
	if o.Log != nil {
		u.log = o.Log.With("file", f.Name())
	} else {
		u.log = s.log
	}
	if err == nil {
		err = u.run(ctx)
	}
	r = &u.result
	r.Seconds, r.Survey = time.Since(began).Seconds(), u.survey
	if err != nil {
		r.State, r.Error = Failed, err.Error()
	}
	return *r, err
}

// Retention gives what the store must be told.
func (r Retention) options(o *minio.PutObjectOptions) {
	o.Mode, o.RetainUntilDate = minio.RetentionMode(r.Mode), r.Until
	if r.LegalHold {
		o.LegalHold = minio.LegalHoldEnabled
	}
}

// An uploading is one file on its way.
type uploading struct {
	s      *Store
	f      *os.File
	o      Options
	log    interface{ Info(string, ...any) }
	result Result

	survey *archive.Survey
	key    string
	token  string
	ledger *ledger
	// session is the upload in parts, nil before there is one.
	session *session
}

func (u *uploading) run(ctx context.Context) error {
	if err := u.o.Place.Check(); err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := u.attempt(ctx)
		changed, vanished := errors.Is(err, archive.ErrChanged), errors.Is(err, errVanished)
		switch {
		case !changed && !vanished || ctx.Err() != nil:
			return err
		case try == maxTries && vanished:
			return fmt.Errorf("given up after %d times: %w", try, err)
		case try == maxTries:
			return fmt.Errorf("given up after %d times, it seems to be written: %w", try, err)
		}
		u.log.Info("start again", "reason", err)
		if changed {
			u.survey = nil
		}
	}
}

// attempt is one time through the steps of the package comment.
func (u *uploading) attempt(ctx context.Context) error {
	if err := u.examine(ctx); err != nil {
		return err
	}
	proof, err := u.claim(nil).prove(ctx)
	if !errors.Is(err, ErrAbsent) {
		return u.done(Present, proof, err)
	}
	st, err := u.send(ctx)
	if errors.Is(err, errTaken) {
		proof, err = u.claim(nil).prove(ctx)
		return u.done(Present, proof, err)
	}
	if err != nil {
		return err
	}
	proof, err = u.claim(&st).prove(ctx)
	if proof.Token != u.token {
		return u.done(Present, proof, err) // we have only helped whoever began it
	}
	return u.done(Uploaded, proof, err)
}

// done fills in the result. An object that expires soon is stored all the same: it is only
// no proof.
func (u *uploading) done(state State, p Proof, err error) error {
	if errors.Is(err, ErrExpires) {
		u.result.Warnings, err = append(u.result.Warnings, err.Error()), nil
	}
	if err != nil {
		return err
	}
	r := &u.result
	if p.Plain {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s: the store does not say that it is encrypted with the key given: it may lie there unencrypted", object(p.Bucket, p.Key)))
	}
	r.proved(p, state)
	d := Done{Endpoint: u.s.Endpoint, Bucket: p.Bucket, Key: p.Key}
	d.named(u.o)
	remember(u.o.State, u.survey, d)
	return nil
}

// proved takes over what was proved of the object.
func (r *Result) proved(p Proof, state State) {
	r.State, r.VersionID, r.StoredBytes, r.Checksum = state, p.VersionID, p.Size, p.Checksum
	if !p.Expires.IsZero() {
		t := p.Expires.UTC()
		r.Expires = &t
	}
}

// examine hashes the file, and names the object.
func (u *uploading) examine(ctx context.Context) error {
	var err error
	if u.survey == nil {
		if u.survey, err = archive.Examine(ctx, u.f, u.archive(Hashing)); err != nil {
			return err
		}
	}
	u.result.RawBytes, u.result.RawSHA256 = u.survey.Raw.Size, hex.EncodeToString(u.survey.Raw.SHA256[:])
	u.key, err = Key(u.o.Place, u.o.Template, u.survey, u.o.Archive.Codec)
	u.result.Key = u.key
	return err
}

// archive gives the options of a stage.
func (u *uploading) archive(stage Stage) archive.Options {
	o := u.o.Archive
	o.Progress = nil
	if u.o.Progress != nil {
		o.Progress = func(n int64) { u.o.Progress(stage, n) }
	}
	return o
}

// claim is that the object is there; fresh is what we have sent.
func (u *uploading) claim(fresh *archive.Stored) *claim {
	o := u.o.Proof
	o.Survey, o.Archive = u.survey, u.o.Archive
	if o.State == nil {
		o.State = u.o.State
	}
	return &claim{
		s: u.s, bucket: u.o.Place.Bucket, key: u.key, raw: u.survey.Raw.SHA256, o: o, put: u.put(),
		fresh: fresh, token: u.token, adopted: u.session != nil && !u.session.own,
	}
}

// put gives what the object is to have, but for its metadata.
func (u *uploading) put() minio.PutObjectOptions {
	o := minio.PutObjectOptions{ServerSideEncryption: u.s.sse, StorageClass: u.o.StorageClass, ContentType: "application/zstd"}
	if codecOf(u.o.Archive) == archive.CodecNone {
		o.ContentType = "application/octet-stream"
	}
	u.o.Retention.options(&o)
	if !u.o.NoTags {
		o.UserTags = tags(u.survey, u.o.Archive, u.token)
	}
	return o
}

// object gives what the object is to have.
func (u *uploading) object() minio.PutObjectOptions {
	o := u.put()
	o.UserMetadata = withHeaders(metadata(u.survey, u.o.Archive), metaToken, u.token)
	return o
}

// fingerprint is of all that an upload was begun with, but for its token and keys, and the
// end of its retention, which is counted from when it was begun.
func (u *uploading) fingerprint() (string, error) {
	o := u.put()
	data, err := json.Marshal([]any{
		metadata(u.survey, u.o.Archive), u.o.Archive.Codec, u.o.Archive.Level, u.o.Archive.Redact,
		o.StorageClass, o.Mode, o.LegalHold, u.o.NoTags, u.s.sseText(),
	})
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// sseText names the encryption, without keys.
func (s *Store) sseText() string {
	if s.sse == nil {
		return ""
	}
	return string(s.sse.Type())
}

// send encodes the file and sends what the store lacks, and commits.
func (u *uploading) send(ctx context.Context) (archive.Stored, error) {
	most := archive.MaxStored(max(u.survey.Raw.Size, u.survey.File.Size))
	size := partSize(most, u.o.PartSize)
	u.openLedger(most/size + 1)
	defer func() { u.ledger.close(); u.ledger = nil }()
	u.session = nil
	p := newSplitter(ctx, u.s, min(size, most+chunkSize), u.o.Parts, func(first []byte) (*session, error) {
		return u.begin(ctx, size, first)
	})
	st, err := u.encode(p)
	if err == nil {
		err = u.commit(ctx, p, st)
	}
	p.close() // what is still being sent must not come after an abort
	u.result.PartsSent, u.result.PartsKept = u.result.PartsSent+p.sent, u.result.PartsKept+p.kept
	switch {
	case err == nil:
		u.ledger.forget()
	case ctx.Err() != nil, errors.Is(err, ErrUnreachable), errors.Is(err, ErrCredentials):
		// What was sent stays for the next run.
	default:
		u.giveUp(ctx, errors.Is(err, errTaken))
	}
	return st, err
}

// encode writes the stored form into the splitter, and makes sure that it is that of the
// file which was examined.
func (u *uploading) encode(p *splitter) (archive.Stored, error) {
	st, err := archive.Encode(p.ctx, p, u.f, u.survey, u.archive(Sending))
	if err == nil {
		err = p.finish()
	}
	if cause := context.Cause(p.ctx); cause != nil {
		return st, cause
	}
	if err != nil {
		return st, err
	}
	now, err := archive.IdentityOf(u.f)
	if err == nil && !sameFile(now, u.survey.Identity) {
		err = fmt.Errorf("%w: it had %d bytes, changed %v, and has %d, changed %v", archive.ErrChanged,
			u.survey.Identity.Size, u.survey.Identity.Changed, now.Size, now.Changed)
	}
	return st, err
}

// openLedger takes the state of the key. Without it nothing is lost but the ability to go
// on after a kill.
func (u *uploading) openLedger(parts int64) {
	// A spare of this size serves most files, should the disk be full by then.
	l, busy, err := u.s.openLedger(u.o.State, u.o.Place.Bucket, u.key, min(max(parts, 1000), maxParts))
	u.ledger = l
	switch {
	case busy:
		u.log.Info("another process uploads the same capture: whoever is first wins")
	case err != nil:
		u.result.Warnings = append(u.result.Warnings, fmt.Sprintf("uploading without being able to resume: %v", err))
	}
}

// giveUp takes away what was sent: of others only when the key is taken, since nobody can
// complete it any more.
func (u *uploading) giveUp(ctx context.Context, taken bool) {
	u.ledger.forget()
	if u.session != nil && (u.session.own || taken) {
		u.s.abort(ctx, u.session.bucket, u.session.key, u.session.id)
	}
	u.session = nil
}
