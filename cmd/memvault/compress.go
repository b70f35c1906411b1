package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/progress"
)

const compressLong = `compress stores a capture as FILE.zst: zstd that any zstd tool and every command of
memvault reads, in frames of 4 MiB with checksums and a seek table. LZ4, in which Memray
leaves captures, is taken off first: what comes out is about a third smaller than Memray's
file. A file that does not unpack cleanly, or is no capture, is stored as it is, byte for
byte.

Beside it FILE.zst.json is written, the manifest: sizes and SHA-256 of the file, of the
records and of what is stored, the header, how the writing ended, the peak. memvault
restore gives the capture back, and proves by the manifest that it is the same.

` + redactHelp + `

FILE stays where it is. --rm deletes it, once the result was read back from the disk and
compared, and by the rules of memvault gc: nobody may have it open for writing.

A capture that is still written is not touched: exit code 75, or --wait. Of a folder all
captures are taken, those of crashed processes first; what is live is skipped.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 some of the files failed, 4 what was
read back is not what was stored, 75 a capture is live.`

const compressExample = `  memvault compress scheduler_memory.20260102T150405Z.77.bin
  memvault compress --rm --level better /captures
  memvault compress -o - x.bin | ssh archive 'cat > x.bin.zst'`

// compressOptions are the flags of compress.
type compressOptions struct {
	archiveFlags
	output                           string
	remove, recursive, force, dryRun bool
	wait                             time.Duration
	inUse                            inUseFlags
}

func newCompress(a *app) *cobra.Command {
	var o compressOptions
	cmd := &cobra.Command{
		Use:     "compress FILE|DIR...",
		Short:   "Store captures in less space, with a manifest",
		Long:    compressLong,
		Example: compressExample,
		Args:    atLeastOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.compress(cmd.Context(), &o, args)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "write to this file, into this folder/, or - to standard output")
	f.BoolVar(&o.remove, "rm", false, "delete FILE when the result has been read back")
	f.BoolVarP(&o.recursive, "recursive", "r", false, "enter folders within folders")
	f.BoolVarP(&o.force, "force", "f", false, "overwrite an output that is there")
	f.BoolVar(&o.dryRun, "dry-run", false, "change nothing, say what would be done")
	f.DurationVar(&o.wait, "wait", 0, "how long to wait for a live capture")
	o.archiveFlags.addTo(cmd)
	o.inUse.addTo(f)
	a.addJSON(cmd)
	return cmd
}

// A compression is one run of compress.
type compression struct {
	app *app
	o   *compressOptions
	how archive.Options
	use inuse.Options
}

// compressedFile is what became of one file, and a line of compress --json.
type compressedFile struct {
	File string `json:"file"` // as given
	// Output and Manifest are empty where nothing was written.
	Output   string `json:"output"`
	Manifest string `json:"manifest,omitempty"`
	// State is stored, present (Output was there), live or failed.
	State string `json:"state"`
	// Capture is how its writing ended, Content what is stored of it, as in the manifest.
	Capture     string          `json:"capture,omitempty"`
	Content     archive.Content `json:"content,omitempty"`
	FileBytes   int64           `json:"file_bytes"`
	RawBytes    int64           `json:"raw_bytes"`
	StoredBytes int64           `json:"stored_bytes"`
	RawSHA256   string          `json:"raw_sha256,omitempty"`
	Deleted     bool            `json:"deleted"`
	Seconds     float64         `json:"seconds"`
	Error       string          `json:"error,omitempty"`
	DryRun      bool            `json:"dry_run,omitempty"`
}

func (a *app) compress(ctx context.Context, o *compressOptions, args []string) error {
	easeGC()
	how, err := o.options()
	if err != nil {
		return err
	}
	use, keep, err := o.inUse.options(a)
	if err != nil {
		return err
	}
	defer keep()
	if o.remove && isStream(o.output) {
		return usagef("--rm wants a result that can be read back: not standard output, a device or a pipe")
	}
	list, err := a.findCaptures(ctx, args, o.recursive, use)
	if err != nil {
		return err
	}
	c := &compression{app: a, o: o, how: how, use: use}
	jobs, err := c.jobs(list)
	if err != nil {
		return err
	}
	return c.run(ctx, list, jobs)
}

// jobs names the outputs.
func (c *compression) jobs(list []found) ([]job, error) {
	folder, err := isFolder(c.o.output, len(list) > 1)
	if err != nil {
		return nil, err
	}
	suffix := ".zst"
	if c.how.Codec == archive.CodecNone {
		suffix = ""
		if c.o.output == "" {
			return nil, hintf(usagef("--codec none makes a copy of the same name"), "-o FILE or -o FOLDER/ says where")
		}
	}
	var jobs []job
	for _, f := range list {
		output := c.o.output
		switch {
		case f.file == standard:
			return nil, hintf(usagef("compress reads a capture twice, so it needs a FILE"), "store standard input in a file first")
		case folder:
			output = filepath.Join(c.o.output, filepath.Base(f.file)+suffix)
		case output == "":
			output = f.file + suffix
		}
		jobs = append(jobs, job{f.file, output})
	}
	if c.o.output == standard && len(jobs) > 1 {
		return nil, usagef("-o - holds one output, not %d", len(jobs))
	}
	err = errors.Join(outputPlan{}.collisions(jobs), checkInputs(jobs), c.app.checkTerminal(jobs))
	if err == nil && folder && !c.o.dryRun {
		err = inFile(c.o.output, os.MkdirAll(c.o.output, 0o777))
	}
	return jobs, err
}

// run compresses all files, going on when one fails.
func (c *compression) run(ctx context.Context, list []found, jobs []job) error {
	var t tally
	var retry error
	for i, j := range jobs {
		r, err := c.report(ctx, list[i], j)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errLive) || errors.Is(err, archive.ErrChanged):
			retry = err
		}
		if len(jobs) == 1 && err != nil {
			return errors.Join(c.print(r), err)
		}
		t.add(err, c.app)
		if err := c.print(r); err != nil {
			return err
		}
	}
	if retry != nil && t.done+t.partly == 0 {
		return &toldError{exitRetry}
	}
	return t.err()
}

// report compresses one file and says what became of it.
func (c *compression) report(ctx context.Context, f found, j job) (*compressedFile, error) {
	r := &compressedFile{File: j.input, State: "failed", DryRun: c.o.dryRun}
	start := time.Now()
	skip, err := false, inFile(j.input, f.err)
	if err == nil {
		skip, err = c.skip(f, j, r)
	}
	if err == nil && !skip {
		err = c.again(ctx, j, r)
	}
	r.Seconds = time.Since(start).Seconds()
	if err != nil {
		r.Error = withoutFile(err).Error()
		if errors.Is(err, errLive) {
			r.State = "live"
		}
	}
	return r, err
}

// skip leaves out what is in a folder and need not, or must not, be compressed.
func (c *compression) skip(f found, j job, r *compressedFile) (bool, error) {
	if f.listed && f.live {
		r.State, r.Error = "live", f.note
		c.app.warn(f.file, "skipped, since it is live: %s", f.note)
		return true, nil
	}
	err := checkFree(j.output, c.o.force)
	if errors.Is(err, os.ErrExist) && f.listed {
		r.State, r.Output = "present", j.output
		return true, nil
	}
	if err == nil && !isStream(j.output) {
		err = checkFree(manifestOf(j.output), c.o.force)
	}
	return false, err
}

// isStream reports whether an output is standard output, a device or a pipe: nothing can be read
// back from there, and no manifest lies beside it.
func isStream(output string) bool {
	if output == standard {
		return true
	}
	info, err := os.Stat(output)
	return err == nil && isDevice(info)
}

// manifestOf names the manifest of a stored file.
func manifestOf(stored string) string { return stored + ".json" }

// again compresses a file, and once more when it has changed meanwhile: then it was not as idle
// as it seemed.
func (c *compression) again(ctx context.Context, j job, r *compressedFile) error {
	const attempts = 3
	for n := 1; ; n++ {
		err := c.one(ctx, j, r)
		if !errors.Is(err, archive.ErrChanged) || n == attempts || isStream(j.output) {
			if errors.Is(err, archive.ErrChanged) {
				err = &codedError{err, exitRetry}
			}
			return err
		}
	}
}

// one compresses one file.
func (c *compression) one(ctx context.Context, j job, r *compressedFile) error {
	f, verdict, err := c.app.openIdle(ctx, j.input, c.use, c.o.wait)
	if err != nil {
		return inFile(j.input, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return inFile(j.input, err)
	}
	how := c.how
	how.Idle = verdict.State != inuse.Quiet
	if c.o.dryRun {
		r.State, r.Output, r.FileBytes = "stored", j.output, info.Size()
		return nil
	}
	if c.app.showsProgress() {
		bar := progress.New(2*info.Size(), c.app.err, label(j.input))
		defer bar.Close()
		how.Progress = bar.Add
	}
	m, err := c.write(ctx, f, j, how)
	if err != nil {
		return err
	}
	r.fill(m, j)
	if !c.o.remove {
		return nil
	}
	// Another descriptor of ours would count as somebody else's.
	if err := f.Close(); err != nil {
		return inFile(j.input, err)
	}
	r.Deleted, err = c.delete(ctx, j, info, m)
	return err
}

func (r *compressedFile) fill(m *archive.Manifest, j job) {
	r.State, r.Output, r.Capture, r.Content = "stored", j.output, m.State, m.Content
	if !isStream(j.output) {
		r.Manifest = manifestOf(j.output)
	}
	r.FileBytes, r.RawBytes, r.StoredBytes = m.File.Size, m.Raw.Size, m.Stored.Size
	r.RawSHA256 = hex.EncodeToString(m.Raw.SHA256[:])
}

// write makes the stored file and its manifest: both, or none.
func (c *compression) write(ctx context.Context, f *os.File, j job, how archive.Options) (*archive.Manifest, error) {
	s, err := archive.Examine(ctx, f, how)
	if err != nil {
		return nil, inFile(j.input, err)
	}
	var st archive.Stored
	failed := error(nil) // of the input, and not of the output
	err = c.app.writeOutput(ctx, j.output, c.o.force, func(w io.Writer) error {
		out := &writing{w: w}
		var err error
		if st, err = archive.Encode(ctx, out, f, s, how); out.err == nil {
			failed = err
		}
		return err
	})
	switch {
	case failed != nil:
		return nil, inFile(j.input, failed)
	case err != nil:
		return nil, hintFull(err)
	}
	m := archive.NewManifest(s, st, how)
	if isStream(j.output) {
		return m, nil
	}
	text, err := m.Marshal()
	if err == nil {
		err = c.app.writeOutput(ctx, manifestOf(j.output), c.o.force, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(hintFull(err), os.Remove(j.output))
	}
	return m, nil
}

// print says what became of a file; errors are told elsewhere.
func (c *compression) print(r *compressedFile) error {
	switch {
	case c.app.json && c.o.output != standard:
		return c.app.printJSON(r)
	case c.app.quiet || r.State != "stored" || c.o.output == standard:
		return nil
	}
	verb := "stored in"
	if c.o.dryRun {
		verb = "would be stored in"
	}
	line := fmt.Sprintf("%s: %s %s", r.File, verb, r.Output)
	if r.FileBytes > 0 && !c.o.dryRun {
		line += fmt.Sprintf(": %d of %d bytes, %.1f%%", r.StoredBytes, r.FileBytes, 100*float64(r.StoredBytes)/float64(r.FileBytes))
	}
	if r.Deleted {
		line += ", and deleted"
	}
	_, err := fmt.Fprintln(c.app.out, printable(line))
	return err
}
