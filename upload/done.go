package upload

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/statedir"
)

// Done is what the state remembers of a file that was uploaded: a hint where to ask for
// proof, and with which hash, so that the file need not be read again.
type Done struct {
	Endpoint  string           `json:"endpoint"`
	Bucket    string           `json:"bucket"`
	Key       string           `json:"key"`
	File      archive.Identity `json:"file"`
	RawSHA256 []byte           `json:"raw_sha256"`
	RawBytes  int64            `json:"raw_bytes"`
	// Template and Codec gave Key; each is empty for the default.
	Template string        `json:"template"`
	Codec    archive.Codec `json:"codec"`
}

// maxDone is how many files are remembered; then some are forgotten.
const maxDone = 4096

func doneName(id archive.Identity) string {
	return fmt.Sprintf("done-%x-%x", id.Device, id.Inode)
}

// Recall gives what is remembered of the file of that identity.
func Recall(state *statedir.Dir, id archive.Identity) (Done, bool) {
	var d Done
	if state == nil {
		return d, false
	}
	data, err := state.Get(doneName(id))
	ok := err == nil && json.Unmarshal(data, &d) == nil
	return d, ok && sameFile(d.File, id) && len(d.RawSHA256) == 32
}

func sameFile(a, b archive.Identity) bool {
	return a.Size == b.Size && a.Device == b.Device && a.Inode == b.Inode && a.Changed.Equal(b.Changed) && a.Modified.Equal(b.Modified)
}

// recalled gives the Result for a file that was uploaded from here, as it is now, to this place, if the
// store still proves to have it: then it need not be read again, which a run each ten minutes would do.
// It is nil where nothing is remembered, or it is no longer so. The error is that of a store out of reach.
func (s *Store) recalled(ctx context.Context, f *os.File, o Options) (*Result, error) {
	id, err := archive.IdentityOf(f)
	if err != nil || o.Survey != nil {
		return nil, nil //nolint:nilerr // the long way tells
	}
	d, ok := Recall(o.State, id)
	want := Done{Endpoint: s.Endpoint, Bucket: o.Place.Bucket, Key: d.Key, File: d.File, RawSHA256: d.RawSHA256, RawBytes: d.RawBytes}
	if want.named(o); !ok || !o.Place.Holds(d.Key) || !reflect.DeepEqual(d, want) {
		return nil, nil
	}
	proof := o.Proof
	proof.State = o.State
	p, err := s.Archived(ctx, d.Bucket, d.Key, [32]byte(d.RawSHA256), proof)
	if errors.Is(err, ErrUnreachable) || ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		return nil, nil //nolint:nilerr // the long way tells what is wrong, or mends it
	}
	r := &Result{File: f.Name(), Bucket: d.Bucket, Key: d.Key, RawBytes: d.RawBytes, RawSHA256: hex.EncodeToString(d.RawSHA256)}
	r.proved(p, Present)
	return r, nil
}

// named takes over what the key is made by.
func (d *Done) named(o Options) {
	if o.Template != DefaultTemplate {
		d.Template = o.Template
	}
	if o.Archive.Codec != archive.CodecZstd {
		d.Codec = o.Archive.Codec
	}
}

// remember is content when it cannot.
func remember(state *statedir.Dir, s *archive.Survey, d Done) {
	if state == nil || s.Identity.Inode == 0 {
		return
	}
	d.File, d.RawSHA256, d.RawBytes = s.Identity, s.Raw.SHA256[:], s.Raw.Size
	data, err := json.Marshal(d)
	if err != nil || state.Put(doneName(s.Identity), data) != nil {
		return
	}
	if names, err := state.Names("done-"); err == nil && len(names) > maxDone {
		for _, name := range names[:maxDone/4] {
			_ = state.Remove(name)
		}
	}
}
