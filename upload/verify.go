package upload

import (
	"context"
	"fmt"
	"strings"

	"github.com/memvault/memvault/archive"
)

// Verify reads an object again, unpacks it, and compares: the SHA-256 of the stored bytes
// and of the raw stream with the manifest, the checksum with that of the store. The error
// wraps ErrIntegrity when something differs, ErrNoManifest when all that can be told without
// a manifest is right, and ErrAbsent when there is no object.
func (s *Store) Verify(ctx context.Context, bucket, key string) (Got, error) {
	o, err := s.look(ctx, bucket, key)
	if err != nil {
		return Got{Bucket: bucket, Key: key}, err
	}
	packed := o.codec() != archive.CodecNone
	st, raw, err := s.readBack(ctx, s.remote(bucket, key, o.info), packed, o.got.Manifest)
	if err != nil {
		return o.got, err
	}
	if err := o.compare(st); err != nil {
		return o.got, err
	}
	if packed {
		o.got.RawSize, o.got.RawSHA256 = raw.Size, hexOf(raw.SHA256)
		err = o.compareRaw()
	}
	if err == nil && o.got.Manifest == nil {
		err = fmt.Errorf("%s: %w", object(bucket, key), ErrNoManifest)
	}
	return o.got, err
}

func (o *looked) codec() archive.Codec {
	if m := o.got.Manifest; m != nil {
		return m.Stored.Codec
	}
	return archive.Codec(meta(o.info, metaCodec))
}

// compareRaw compares the raw stream with what the upload noted beside the object. With the
// manifest it was compared while it was read.
func (o *looked) compareRaw() error {
	want := meta(o.info, metaRaw)
	if want == "" {
		return nil
	}
	if !strings.EqualFold(want, o.got.RawSHA256) {
		return fmt.Errorf("%w: the raw stream has SHA-256 %s, want %.64q as the metadata says", ErrIntegrity, o.got.RawSHA256, want)
	}
	o.got.Proved = append(o.got.Proved, "metadata")
	return nil
}
