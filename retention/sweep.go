package retention

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/naming"
	"github.com/memvault/memvault/internal/removal"
)

// manifestSuffix ends the name of the manifest beside a capture that memvault compress has stored.
const manifestSuffix = ".json"

// sweep deletes the manifests whose captures are gone for good, so that they do not gather: those
// beside which no capture lies, unless the trash holds something that could come back.
func (c *cleaner) sweep(ctx context.Context) error {
	var failed error
	for dir, f := range c.folders {
		if d, err := ReadDisk(dir); err != nil || d.TrashFiles > 0 {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if id, ok := orphanedManifest(dir, e); ok {
				_, err := f.Remove(ctx, removal.Item{Name: e.Name(), Identity: id, Reason: "the capture that it describes is gone", Critical: true})
				failed = errors.Join(failed, err)
			}
		}
	}
	return failed
}

// orphanedManifest reports whether a file is a manifest of ours without its capture.
func orphanedManifest(dir string, e fs.DirEntry) (removal.Identity, bool) {
	capture, ok := strings.CutSuffix(e.Name(), manifestSuffix)
	if n, stored := naming.Parse(capture); !ok || !stored || !n.Stored || !e.Type().IsRegular() {
		return removal.Identity{}, false
	}
	if _, err := os.Lstat(filepath.Join(dir, capture)); !errors.Is(err, fs.ErrNotExist) {
		return removal.Identity{}, false
	}
	f, err := inuse.OpenFile(filepath.Join(dir, e.Name()))
	if err != nil {
		return removal.Identity{}, false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil || !bytes.HasPrefix(bytes.Join(bytes.Fields(head), nil), []byte(`{"schema":`)) {
		return removal.Identity{}, false
	}
	info, err := f.Stat()
	if err != nil {
		return removal.Identity{}, false
	}
	return removal.IdentityOf(info)
}
