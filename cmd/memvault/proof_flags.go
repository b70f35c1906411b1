package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/statedir"
	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

// proofFlags say where captures are archived, and what proves it.
type proofFlags struct {
	archive, key, mode string
	minLife            time.Duration
	store              storeFlags
}

func (p *proofFlags) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.archive, "archive", "", "s3://BUCKET/PREFIX that captures are uploaded to")
	f.StringVar(&p.key, "key", "", "template of the keys there, as upload has it (default: "+upload.DefaultTemplate+")")
	f.StringVar(&p.mode, "proof", string(upload.ProofAuto), "what proves that it is stored: auto, head, read")
	durationVar(f, &p.minLife, "min-archive-life", "7d", "how long the store must still keep it")
	complete(cmd, "proof", []string{string(upload.ProofAuto), string(upload.ProofHead), string(upload.ProofRead)})
	p.store.addTo(cmd)
}

func (p *proofFlags) given() bool { return p.archive != "" }

// prover gives the function that proves a capture archived. It reads the file once, for the hash
// by which it is stored; what it gives back asks the store again, without the file.
func (p *proofFlags) prover(ctx context.Context, a *app) (retention.Prover, error) {
	if err := upload.CheckTemplate(p.key); err != nil {
		return nil, usagef("--key: %w", err)
	}
	mode := upload.ProofMode(p.mode)
	if mode != upload.ProofAuto && mode != upload.ProofHead && mode != upload.ProofRead {
		return nil, usagef("--proof %q: want auto, head or read", p.mode)
	}
	place, err := p.store.place(p.archive)
	if err != nil {
		return nil, err
	}
	store, err := p.store.dial(ctx, a)
	if err != nil {
		return nil, err
	}
	state, err := statedir.Open(a.state)
	if err != nil {
		state = nil // it only remembers what stores can do
	}
	life := p.minLife
	if life == 0 {
		life = -1 // any
	}
	proof := &prover{store: store, place: place, template: p.key,
		options: upload.ProofOptions{Mode: mode, MinLife: life, State: state}}
	return proof.prove, nil
}

// A prover proves captures archived.
type prover struct {
	store    *upload.Store
	place    upload.Place
	template string
	options  upload.ProofOptions
	// down is how the store could not be reached, until it is worth asking again.
	down  error
	until time.Time
}

// askAgain is how long a store that cannot be reached is not asked: finding that out takes patience, and a
// folder of many captures is locked meanwhile.
const askAgain = time.Minute

func (p *prover) prove(ctx context.Context, c *retention.Capture) (func(context.Context) error, error) {
	if ask := p.recall(c); ask != nil && ask(ctx) == nil {
		return ask, nil
	}
	if time.Now().Before(p.until) {
		return nil, p.down
	}
	survey, err := survey(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, codec := range []archive.Codec{archive.CodecZstd, archive.CodecNone} {
		key, keyErr := upload.Key(p.place, p.template, survey, codec)
		if keyErr != nil {
			return nil, keyErr
		}
		ask := p.ask(key, survey.Raw.SHA256)
		if err = ask(ctx); err == nil {
			return ask, nil
		}
		if !errors.Is(err, upload.ErrAbsent) {
			return nil, err
		}
	}
	return nil, err
}

// ask gives the question whether the key holds that raw stream.
func (p *prover) ask(key string, raw [32]byte) func(context.Context) error {
	return func(ctx context.Context) error {
		if time.Now().Before(p.until) {
			return p.down
		}
		_, err := p.store.Archived(ctx, p.place.Bucket, key, raw, p.options)
		if errors.Is(err, upload.ErrUnreachable) {
			p.down, p.until = err, time.Now().Add(askAgain)
		}
		return unproved(err)
	}
}

// recall gives the question by what an upload from this machine remembers of this very file,
// which then need not be read again; nil if there is nothing.
func (p *prover) recall(c *retention.Capture) func(context.Context) error {
	f, err := inuse.OpenFile(c.Path())
	if err != nil {
		return nil
	}
	id, err := archive.IdentityOf(f)
	if err = errors.Join(err, f.Close()); err != nil || id.Inode != c.File.Ino || id.Size != c.File.Size || !id.Changed.Equal(c.File.Ctime) {
		return nil
	}
	d, ok := upload.Recall(p.options.State, id)
	if !ok || d.Endpoint != p.store.Endpoint || d.Bucket != p.place.Bucket || !p.place.Holds(d.Key) {
		return nil
	}
	return p.ask(d.Key, [32]byte(d.RawSHA256))
}

// survey reads and hashes the file, which must be the one that was found.
func survey(ctx context.Context, c *retention.Capture) (*archive.Survey, error) {
	f, err := inuse.OpenFile(c.Path())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := archive.Examine(ctx, f, archive.Options{Component: c.Component})
	if err != nil {
		return nil, err
	}
	if id := s.Identity; id.Inode != c.File.Ino || id.Size != c.File.Size {
		return nil, fmt.Errorf("%w: it changed while it was looked at", retention.ErrNotArchived)
	}
	return s, nil
}

// unproved turns what the store answers into what retention asks.
func unproved(err error) error {
	for _, no := range []error{upload.ErrAbsent, upload.ErrConflict, upload.ErrIntegrity, upload.ErrNoManifest, upload.ErrExpires} {
		if errors.Is(err, no) {
			return fmt.Errorf("%w: %w", retention.ErrNotArchived, err)
		}
	}
	return err
}
