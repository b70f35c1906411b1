package upload

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
)

// Archived proves, by asking the store now, that the object is there whole, holds the raw
// stream of that SHA-256, has its manifest, and will stay. It is what Upload ends with, and
// what deleting a local file asks last. The error wraps ErrAbsent, ErrConflict, ErrIntegrity,
// ErrNoManifest, ErrExpires or ErrUnreachable; any error means that nothing is proved.
//
// An object without a manifest is read back and hashed, and gets one, if o has what one is
// made of.
func (s *Store) Archived(ctx context.Context, bucket, key string, raw [32]byte, o ProofOptions) (Proof, error) {
	c := &claim{s: s, bucket: bucket, key: key, raw: raw, o: o}
	return c.prove(ctx)
}

// A claim is that an object is stored.
type claim struct {
	s           *Store
	bucket, key string
	raw         [32]byte
	o           ProofOptions
	// fresh is what was sent, if this run has made the object, whose token it then is; it
	// stands for the manifest.
	fresh *archive.Stored
	token string
	// adopted tells that the upload was begun by somebody unknown, whose token the object has.
	adopted bool
	// put are tags and retention, which a manifest has in common with its object.
	put minio.PutObjectOptions

	info     minio.ObjectInfo
	manifest *archive.Manifest // nil if there is none yet
	expected archive.Stored
	proof    Proof
}

// errUnproved: --proof head, and the HEAD proves nothing.
var errUnproved = errors.New("the store shows no checksum of the whole object")

func (c *claim) prove(ctx context.Context) (Proof, error) {
	var err error
	if c.info, err = c.s.head(ctx, c.bucket, c.key); err != nil {
		return Proof{}, err
	}
	c.proof = Proof{Bucket: c.bucket, Key: c.key, VersionID: c.info.VersionID, Size: c.info.Size, Token: meta(c.info, metaToken), Expires: c.info.Expiration}
	c.proof.Plain = c.s.customerKey() != nil && c.info.Headers.Get("x-amz-server-side-encryption-customer-algorithm") == ""
	steps := []func(context.Context) error{c.compareRaw, c.findManifest, c.compareStored, c.checkBytes, c.writeManifest, c.checkLife}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return c.proof, err
		}
	}
	return c.proof, nil
}

// compareRaw looks at the hash in the metadata. An object that has none, as after copying
// with a tool that drops it, is judged by its manifest or its bytes.
func (c *claim) compareRaw(context.Context) error {
	want := hex.EncodeToString(c.raw[:])
	if got := meta(c.info, metaRaw); got != "" && got != want {
		return c.conflict(got, want)
	}
	return nil
}

func (c *claim) conflict(got, want string) error {
	return fmt.Errorf("%s: %w: it holds a capture of SHA-256 %.64s, want %s", object(c.bucket, c.key), ErrConflict, got, want)
}

// findManifest takes what is expected from the object's own manifest: another version or
// level may have written it. Without one the object is read back, unless we know what it
// must be because we have sent it.
func (c *claim) findManifest(ctx context.Context) error {
	m, err := c.s.ReadManifest(ctx, c.bucket, c.key)
	switch {
	case err == nil:
		if m.Raw.SHA256 != c.raw {
			return c.conflict(hex.EncodeToString(m.Raw.SHA256[:]), hex.EncodeToString(c.raw[:]))
		}
		c.manifest, c.expected = m, m.Stored
		return nil
	case !errors.Is(err, ErrAbsent):
		return err
	case c.fresh != nil && (c.proof.Token == c.token || c.adopted && c.showsFresh()):
		c.expected = *c.fresh
		return nil
	case c.o.Survey == nil:
		return fmt.Errorf("%s: %w", object(c.bucket, c.key), ErrNoManifest)
	}
	return c.readAll(ctx)
}

// showsFresh reports whether the store shows the size and checksum of what we have sent.
func (c *claim) showsFresh() bool {
	sum, got := shown(c.info)
	return got != "" && got == sum.whole(*c.fresh) && c.info.Size == c.fresh.Size
}

// readAll finds out by reading what is stored.
func (c *claim) readAll(ctx context.Context) error {
	plain := meta(c.info, metaCodec) == string(archive.CodecNone)
	st, raw, err := c.s.readBack(ctx, c.s.remote(c.bucket, c.key, c.info), !plain, nil)
	if err != nil {
		return err
	}
	st.Codec = archive.CodecZstd
	if plain {
		// The file as it was found: its hash is known, and with it that of its raw stream.
		st.Codec, raw = archive.CodecNone, archive.Digest{}
		if st.Digest == c.o.Survey.File {
			raw = c.o.Survey.Raw
		}
	}
	if raw.SHA256 != c.raw {
		return c.conflict(hex.EncodeToString(raw.SHA256[:]), hex.EncodeToString(c.raw[:]))
	}
	c.expected, c.proof.By = st, ProofRead
	return nil
}

// compareStored compares size and checksum with what is expected.
func (c *claim) compareStored(context.Context) error {
	if c.info.Size != c.expected.Size {
		return fmt.Errorf("%s: %w: %d bytes, want %d", object(c.bucket, c.key), ErrIntegrity, c.info.Size, c.expected.Size)
	}
	sum, got := shown(c.info)
	if want := sum.whole(c.expected); got != want {
		return fmt.Errorf("%s: %w: %s %.64q, want %q", object(c.bucket, c.key), ErrIntegrity, sum.name(), got, want)
	}
	c.proof.Checksum = sum.text(got)
	return nil
}

// checkBytes reads the object back where what the store shows is no proof.
func (c *claim) checkBytes(ctx context.Context) error {
	if c.proof.By == ProofRead {
		return nil
	}
	switch c.o.Mode {
	case ProofHead:
		if c.proof.Checksum == "" {
			return fmt.Errorf("%s: %w: --proof read would read it back", object(c.bucket, c.key), errUnproved)
		}
		c.proof.By = ProofHead
		return nil
	case ProofRead:
	default:
		if c.proof.Checksum != "" && c.s.checksChecksums(ctx, c.bucket, c.key, c.o.State) {
			c.proof.By = ProofHead
			return nil
		}
	}
	st, _, err := c.s.readBack(ctx, c.s.remote(c.bucket, c.key, c.info), false, nil)
	if err != nil {
		return err
	}
	if st.Digest != c.expected.Digest {
		return fmt.Errorf("%s: %w: SHA-256 %x of %d bytes, want %x of %d", object(c.bucket, c.key), ErrIntegrity,
			st.SHA256, st.Size, c.expected.SHA256, c.expected.Size)
	}
	c.proof.By = ProofRead
	return nil
}

func (c *claim) checkLife(context.Context) error {
	return checkExpiry(c.info, c.bucket, c.key, c.o.MinLife, time.Now())
}

// writeManifest marks the object as whole, once everything else is proved.
func (c *claim) writeManifest(ctx context.Context) error {
	if c.manifest != nil {
		return nil
	}
	m := archive.NewManifest(c.o.Survey, c.expected, c.o.Archive)
	sum, _ := shown(c.info)
	m.Checksum = sum.name()
	return c.s.putManifest(ctx, c.bucket, c.key, m, c.put)
}
