package main

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/upload"
)

const restoreLong = `restore gives back the capture that memvault compress or memvault upload has stored. A
capture that was plain comes back byte for byte. One that was in LZ4 comes back as the
same records without it, which Memray opens as well. A file that was stored as it is, or
with --codec none, comes back byte for byte.

The manifest proves by SHA-256 that what comes back is what was stored: FILE.json, or
that of the object. Where there is none, the checksums of the frames and the seek table
at the end vouch for it, which is said.

The output is FILE without .zst, beside it; that of an object in the working folder. It
appears only when it is whole and proved.

Exit codes: 0 done, 1 failed, 2 wrong command line, 4 the stored bytes are damaged or not
those of the manifest, 75 the store cannot be reached.`

const restoreExample = `  memvault restore scheduler_memory.bin.zst
  memvault restore s3://captures/v1/web/2026/01/02/20260102T150405Z-77-01ab.bin.zst
  memvault restore -o - x.bin.zst | sha256sum`

type restoreOptions struct {
	output string
	force  bool
}

func newRestore(a *app) *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use:     "restore FILE|s3://BUCKET/KEY",
		Short:   "Give back a stored capture, proved",
		Long:    restoreLong,
		Example: restoreExample,
		Args:    exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.restore(cmd.Context(), &o, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "write to this file, into this folder/, or - to standard output")
	f.BoolVarP(&o.force, "force", "f", false, "overwrite an output that is there")
	a.addJSON(cmd)
	a.store.addTo(cmd)
	return cmd
}

// restoredFile is what became of a stored capture, and the line of restore --json.
type restoredFile struct {
	File   string `json:"file"` // as given
	Output string `json:"output"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Proved tells that the manifest says the same.
	Proved bool `json:"proved"`
}

func (a *app) restore(ctx context.Context, o *restoreOptions, name string) error {
	output, err := restoredName(name, o.output)
	if err != nil {
		return err
	}
	if err := a.checkTerminal([]job{{name, output}}); err != nil {
		return err
	}
	if err := errors.Join(checkFree(output, o.force), checkInputs([]job{{name, output}})); err != nil {
		return err
	}
	m, err := a.manifest(ctx, name)
	if err != nil {
		return err
	}
	in, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	var d archive.Digest
	corrupt := error(nil)
	err = a.writeOutput(ctx, output, o.force, func(w io.Writer) error {
		out := &writing{w: w}
		var err error
		if d, err = archive.Restore(ctx, out, in, m); out.err == nil {
			corrupt = err
		}
		return err
	})
	switch {
	case errors.Is(corrupt, archive.ErrCorrupt):
		return &codedError{inInput(name, corrupt), exitConflict}
	case corrupt != nil:
		return inInput(name, corrupt)
	case err != nil:
		return hintFull(err)
	}
	return a.printRestored(&restoredFile{name, output, d.Size, hex.EncodeToString(d.SHA256[:]), m != nil})
}

func (a *app) printRestored(r *restoredFile) error {
	if !r.Proved {
		a.warn(r.File, "there is no manifest: nothing but the checksums of its frames vouches for it")
	}
	if a.json && r.Output != standard {
		return a.printJSON(r)
	}
	return nil
}

// restoredName names the output for a stored file.
func restoredName(name, output string) (string, error) {
	base := filepath.Base(name)
	remote := upload.IsURL(name)
	if remote {
		base = path.Base(name)
	}
	short, ok := strings.CutSuffix(base, ".zst")
	folder, err := isFolder(output, false)
	switch {
	case err != nil:
		return "", err
	case output != "" && !folder:
		return output, nil
	case name == standard && !folder:
		return standard, nil
	case !ok || short == "":
		return "", hintf(usagef("%s: its name does not end in .zst, so the output has none", name), "-o FILE names it")
	case folder:
		return filepath.Join(output, short), nil
	case remote:
		return short, nil
	}
	return filepath.Join(filepath.Dir(name), short), nil
}

// manifest reads the manifest of a stored file or object; nil if there is none.
func (a *app) manifest(ctx context.Context, name string) (*archive.Manifest, error) {
	switch {
	case name == standard:
		return nil, nil
	case upload.IsURL(name):
		return a.remoteManifest(ctx, name)
	}
	return localManifest(name)
}

func localManifest(name string) (*archive.Manifest, error) {
	file := manifestOf(name)
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, inFile(file, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, archive.MaxManifest+1))
	if err != nil {
		return nil, inFile(file, err)
	}
	m, err := archive.ParseManifest(text)
	if err != nil {
		err = hintf(inFile(file, err), "move it away to go without a proof")
		return nil, &codedError{err, exitConflict}
	}
	return m, nil
}

// writing remembers whether an error was the output's.
type writing struct {
	w   io.Writer
	err error
}

func (w *writing) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	if err != nil {
		w.err = err
	}
	return n, err
}

// hintFull adds what can be done where a disk is full.
func hintFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return hintf(err, "nothing was left behind; memvault upload needs no space on the disk")
	}
	return err
}
