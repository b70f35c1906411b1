package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/progress"
	"github.com/memvault/memvault/internal/removal"
	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

// uploadedFile is a line of upload s3 --json.
type uploadedFile struct {
	upload.Result
	DryRun bool `json:"dry_run,omitempty"`
}

// run uploads all files, several at a time, going on when one fails.
func (u *uploads) run(ctx context.Context, list []found) error {
	if u.app.showsProgress() {
		u.bar.open(u.app, list)
		defer u.bar.close()
	}
	jobs := make(chan found)
	o := &outcome{u: u, only: len(list) == 1}
	var wg sync.WaitGroup
	for range min(u.o.jobs, len(list)) {
		wg.Go(func() {
			for f := range jobs {
				r, err := u.one(ctx, f)
				o.add(ctx, r, err)
			}
		})
	}
	for _, f := range list {
		select {
		case jobs <- f:
		case <-ctx.Done():
		}
	}
	close(jobs)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return o.err()
}

// An outcome gathers what became of the files.
type outcome struct {
	u    *uploads
	only bool // there is one file

	mu      sync.Mutex
	t       tally
	codes   []int
	first   error // of the only file
	printed error
}

func (o *outcome) add(ctx context.Context, r uploadedFile, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Err() != nil {
		return // what was cut short says nothing
	}
	o.u.bar.hide(func() {
		for _, w := range r.Warnings {
			o.u.app.warn(r.File, "%s", w)
		}
		if o.printed == nil {
			o.printed = o.u.print(r)
		}
		if o.only {
			o.first = err
		} else {
			o.t.add(err, o.u.app)
		}
	})
	if err != nil {
		o.codes = append(o.codes, exitCode(err))
	}
}

// err gives what the command ends with: the code of the files, if all failed alike.
func (o *outcome) err() error {
	switch {
	case o.printed != nil:
		return o.printed
	case o.only:
		return o.first
	case o.t.done > 0 || o.t.partly > 0 || len(o.codes) == 0:
		return o.t.err()
	}
	for _, code := range o.codes {
		if code != o.codes[0] {
			return o.t.err()
		}
	}
	return &toldError{o.codes[0]}
}

// one uploads one file, and deletes it if that is wanted.
func (u *uploads) one(ctx context.Context, f found) (uploadedFile, error) {
	r := uploadedFile{Result: upload.Result{File: f.file, Bucket: u.o.place.Bucket, State: upload.Failed}, DryRun: u.o.dryRun}
	if f.listed && f.live {
		r.State, r.Error = upload.Live, f.note
		r.Warnings = []string{"skipped, since it is live: " + f.note}
		return r, nil
	}
	err := u.send(ctx, f, &r)
	if err == nil {
		return r, nil
	}
	switch {
	case errors.Is(err, errLive):
		r.State = upload.Live
	case r.State != upload.Uploaded && r.State != upload.Present:
		r.State = upload.Failed
	}
	r.Error = withoutFile(err).Error()
	if errors.Is(err, archive.ErrChanged) {
		err = &codedError{err, exitRetry}
	}
	return r, inFile(f.file, storeError(err))
}

func (u *uploads) send(ctx context.Context, f found, r *uploadedFile) error {
	if f.err != nil {
		return f.err
	}
	file, verdict, err := u.app.openIdle(ctx, f.file, u.use, u.o.wait)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	how := u.how
	how.Idle = verdict.State != inuse.Quiet
	if u.o.dryRun {
		return u.plan(ctx, file, how, r)
	}
	r.Result, err = u.store.Upload(ctx, file, u.options(how))
	r.File = f.file
	if err != nil || !u.o.remove {
		return err
	}
	// Another descriptor of ours would count as somebody else's.
	if err := file.Close(); err != nil {
		return err
	}
	return u.remove(ctx, f.file, info, r)
}

func (u *uploads) options(how archive.Options) upload.Options {
	o := upload.Options{
		Place: u.o.place, Archive: how, Proof: u.o.proofOptions, Parts: u.o.parts, State: u.state,
		Progress: func(_ upload.Stage, n int64) { u.bar.add(n) },
	}
	u.o.objectFlags.setTo(&o)
	return o
}

// plan says under which key a file would be stored.
func (u *uploads) plan(ctx context.Context, file *os.File, how archive.Options, r *uploadedFile) error {
	how.Progress = u.bar.add
	s, err := archive.Examine(ctx, file, how)
	if err != nil {
		return err
	}
	r.State, r.RawBytes, r.RawSHA256 = upload.Uploaded, s.Raw.Size, fmt.Sprintf("%x", s.Raw.SHA256)
	r.Key, err = upload.Key(u.o.place, u.o.template, s, how.Codec)
	return err
}

// folderWait is how long to wait for another memvault in the folder of a file to delete.
const folderWait = 30 * time.Second

var errNoIdentity = errors.New("this system does not tell files apart well enough to delete one")

// remove deletes a file that was uploaded, when the store proves just now that it has it.
func (u *uploads) remove(ctx context.Context, name string, info os.FileInfo, r *uploadedFile) error {
	id, ok := removal.IdentityOf(info)
	if !ok {
		return errNoIdentity
	}
	if _, err := os.Lstat(name + retention.KeepSuffix); err == nil {
		r.Warnings = append(r.Warnings, "it is stored, and stays here as well: "+filepath.Base(name)+retention.KeepSuffix+" lies beside it")
		return nil
	}
	u.removing.Lock()
	defer u.removing.Unlock()
	d, err := removal.Open(ctx, filepath.Dir(name), removal.Options{State: u.app.state, InUse: u.use, LockWait: folderWait})
	if err != nil {
		return retryLater(err)
	}
	proof := u.o.proofOptions
	proof.Survey, proof.Archive, proof.State = r.Survey, u.how, u.state
	var header *codec.Header
	if r.Survey != nil {
		header = r.Survey.Header
	}
	raw, err := hex.DecodeString(r.RawSHA256)
	if err != nil || len(raw) != sha256.Size {
		return errors.Join(fmt.Errorf("SHA-256 %q: want 64 hexadecimal digits", r.RawSHA256), d.Close())
	}
	_, err = d.Remove(ctx, removal.Item{
		Name: filepath.Base(name), Identity: id, Header: header, Reason: "stored as s3://" + r.Bucket + "/" + r.Key,
		Proof: func(ctx context.Context) error {
			_, err := u.store.Archived(ctx, r.Bucket, r.Key, [sha256.Size]byte(raw), proof)
			return err
		},
	})
	r.Deleted = err == nil
	if errors.Is(err, fs.ErrNotExist) && gone(name) {
		r.Warnings, err = append(r.Warnings, "it is stored, and somebody else has deleted it here"), nil
	}
	return retryLater(errors.Join(err, d.Close()))
}

// gone reports whether nothing has that name any more.
func gone(name string) bool {
	_, err := os.Lstat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// retryLater gives what may go away by itself its exit code.
func retryLater(err error) error {
	if errors.Is(err, removal.ErrInUse) || errors.Is(err, removal.ErrLocked) || errors.Is(err, removal.ErrChanged) {
		return &codedError{err, exitRetry}
	}
	return err
}

func (u *uploads) print(r uploadedFile) error {
	switch {
	case u.app.json:
		return u.app.printJSON(r)
	case u.app.quiet || r.State == upload.Failed || r.State == upload.Live:
		return nil
	}
	url := upload.Place{Bucket: r.Bucket, Prefix: r.Key}.String()
	line := fmt.Sprintf("%s: stored as %s", r.File, url)
	switch {
	case r.DryRun:
		line = fmt.Sprintf("%s: would be stored as %s", r.File, url)
	case r.State == upload.Present:
		line = fmt.Sprintf("%s: is there already: %s", r.File, url)
	}
	if r.RawBytes > 0 && !r.DryRun {
		line += fmt.Sprintf(": %d of %d bytes, %.1f%%", r.StoredBytes, r.RawBytes, 100*float64(r.StoredBytes)/float64(r.RawBytes))
	}
	if r.Deleted {
		line += ", and deleted here"
	}
	_, err := fmt.Fprintln(u.app.out, printable(line))
	return err
}

// A sharedBar is the progress of several files at once. The zero value shows nothing.
type sharedBar struct {
	mu  sync.Mutex
	bar *progress.Bar
}

// open counts each file twice: once for hashing, once for sending.
func (b *sharedBar) open(a *app, list []found) {
	var size int64
	for _, f := range list {
		if info, err := os.Stat(f.file); err == nil && !f.live {
			size += 2 * info.Size()
		}
	}
	name := label(list[0].file)
	if len(list) > 1 {
		name = fmt.Sprintf("%d files", len(list))
	}
	b.bar = progress.New(size, a.err, name)
}

func (b *sharedBar) add(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		b.bar.Add(n)
	}
}

// hide keeps the bar from drawing while other lines are written.
func (b *sharedBar) hide(write func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		b.bar.Hide()
	}
	write()
}

func (b *sharedBar) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		_ = b.bar.Close()
		b.bar = nil
	}
}
