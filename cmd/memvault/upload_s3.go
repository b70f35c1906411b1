package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/statedir"
	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

const uploadS3Long = `upload s3 stores captures in a bucket, compressed on the way as memvault compress does
it, without a temporary file and in little memory, and proves that they are there. The
key depends on what a capture holds, so that uploading again uploads nothing:

    PREFIX/v1/COMPONENT/YYYY/MM/DD/START-PID-SHA256.bin.zst

Beside it lies the manifest, KEY.json, which is written last: an object that has one is
whole. No object is ever overwritten. A key that holds something else is a conflict.

After a kill, or when the network was gone, the same command goes on where it stopped:
it sends only parts that the store does not have with the right checksum. What it needs
for that lies in the state folder, and is reserved before it is needed, so a full disk
does no harm.

--proof says what proves that an object is stored:

    auto   size and checksum that the store shows, where it checks checksums; else as read
    head   size and checksum that the store shows, else it is an error
    read   the object is read back and hashed

--delete-after deletes the local file, once the store has just proved that it has it, by
the rules of memvault gc: nobody may have the file open.

Of a folder all captures are taken, those of crashed processes first and then the
oldest. One that is still written is left alone. One named on the command line is an
error then, 75, or --wait. When a file fails the others are still uploaded.

Credentials are looked for as the AWS tools do (environment, profiles, SSO, web
identity, roles of pods and instances), then in MINIO_ROOT_USER and the configuration of
the MinIO client.

` + redactHelp + `
Nor is it in metadata and tags, which carry component, host, versions, state, peak,
duration and the SHA-256, and as many labels as stores take.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 some of the files failed, 4 the key
holds something else, or the store other bytes than were sent, 75 a capture is live, or
the store cannot be reached.`

const uploadS3Example = `  memvault upload s3 scheduler_memory.bin s3://bucket/captures
  memvault upload s3 -r --delete-after --json /captures s3://bucket/captures
  memvault upload s3 --bucket captures --endpoint https://minio:9000 --bwlimit 20MiB x.bin
  memvault upload s3 --label keep=30d --wait 2h /captures/x.bin s3://bucket`

// uploadOptions are the flags of upload s3.
type uploadOptions struct {
	storeFlags
	archiveFlags
	objectFlags
	inUse                     inUseFlags
	proof, minLife, bandwidth string
	remove, recursive, dryRun bool
	wait                      time.Duration
	jobs, parts               int
	place                     upload.Place
	proofOptions              upload.ProofOptions
	bytesPerSecond            int64
}

func newUploadS3(a *app) *cobra.Command {
	var o uploadOptions
	cmd := &cobra.Command{
		Use:     "s3 FILE|DIR... [s3://BUCKET/PREFIX]",
		Short:   "Store captures in a bucket, exactly once and proved",
		Long:    uploadS3Long,
		Example: uploadS3Example,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := o.resolve(cmd, args)
			if err != nil {
				return err
			}
			return a.uploadS3(cmd.Context(), &o, files)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.remove, "delete-after", false, "delete the local file once it is proved to be stored")
	f.BoolVarP(&o.recursive, "recursive", "r", false, "enter folders within folders")
	f.BoolVar(&o.dryRun, "dry-run", false, "send and delete nothing, say what would be done")
	f.DurationVar(&o.wait, "wait", 0, "how long to wait for a live capture")
	f.StringVar(&o.proof, "proof", string(upload.ProofAuto), "what proves that an object is stored: auto, head, read")
	f.StringVar(&o.minLife, "min-archive-life", "7d", "an object that the bucket's rules delete sooner is no proof; 0s for any")
	f.StringVar(&o.bandwidth, "bwlimit", "", "send at most so much a second, as 20MiB")
	f.IntVar(&o.jobs, "jobs", defaultJobs, "how many files are uploaded at a time")
	f.IntVar(&o.parts, "parts", upload.DefaultParts, "how many parts of a file are sent at a time")
	o.objectFlags.addTo(cmd)
	o.storeFlags.addTo(cmd)
	o.archiveFlags.addTo(cmd)
	o.inUse.addTo(f)
	a.addJSON(cmd)
	complete(cmd, "proof", []string{"auto", "head", "read"})
	return cmd
}

// defaultJobs is a compromise: hashing needs processors, sending a line.
const defaultJobs = 2

// resolve checks the command line and tells files from the place to store them.
func (o *uploadOptions) resolve(cmd *cobra.Command, args []string) (files []string, err error) {
	var url string
	for _, arg := range args {
		switch {
		case !upload.IsURL(arg):
			files = append(files, arg)
		case url != "":
			return nil, usagef("captures are stored in one place, got %s and %s", url, arg)
		default:
			url = arg
		}
	}
	if err := atLeastOne(cmd, files); err != nil {
		return nil, err
	}
	if slices.Contains(files, standard) {
		return nil, hintf(usagef("upload reads a capture twice, so it needs a FILE"), "store standard input in a file first")
	}
	if url != "" && (o.bucket != "" || o.prefix != "") {
		return nil, usagef("give %s, or --bucket and --prefix, not both", url)
	}
	if o.place, err = o.storeFlags.place(url); err != nil {
		return nil, err
	}
	return files, o.checkFlags()
}

func (o *uploadOptions) checkFlags() error {
	switch mode := upload.ProofMode(o.proof); mode {
	case upload.ProofAuto, upload.ProofHead, upload.ProofRead:
		o.proofOptions.Mode = mode
	default:
		return usagef("--proof %q: want auto, head or read", o.proof)
	}
	life, err := retention.ParseDuration(o.minLife)
	if err != nil {
		return usagef("--min-archive-life: %w", err)
	}
	if o.proofOptions.MinLife = life; life <= 0 {
		o.proofOptions.MinLife = -1
	}
	if o.bandwidth != "" {
		if o.bytesPerSecond, err = retention.ParseSize(o.bandwidth); err != nil || o.bytesPerSecond <= 0 {
			return usagef("--bwlimit %q: want a size for each second, as 20MiB", o.bandwidth)
		}
	}
	if o.jobs < 1 || o.parts < 1 {
		return usagef("--jobs %d --parts %d: want 1 or more", o.jobs, o.parts)
	}
	return o.objectFlags.resolve()
}

func (a *app) uploadS3(ctx context.Context, o *uploadOptions, files []string) error {
	easeGC()
	how, err := o.archiveFlags.options()
	if err != nil {
		return err
	}
	use, keep, err := o.inUse.options(a)
	if err != nil {
		return err
	}
	defer keep()
	u := &uploads{app: a, o: o, how: how, use: use}
	if err := u.connect(ctx); err != nil {
		return err
	}
	list, err := a.findCaptures(ctx, files, o.recursive, use)
	if err != nil {
		return err
	}
	return u.run(ctx, list)
}

// connect finds the store and the state folder.
func (u *uploads) connect(ctx context.Context) error {
	c, err := u.o.config(u.app)
	if err != nil {
		return err
	}
	c.Bandwidth = u.o.bytesPerSecond
	if u.o.dryRun {
		return nil
	}
	if u.store, err = dialStore(ctx, c); err != nil {
		return err
	}
	if u.state, err = statedir.Open(u.app.state); err != nil {
		u.app.warn("state", "uploading without being able to resume: %v", err)
	}
	return nil
}

// uploads is one run of upload s3.
type uploads struct {
	app   *app
	o     *uploadOptions
	how   archive.Options
	use   inuse.Options
	store *upload.Store // nil with --dry-run
	state *statedir.Dir // nil where there can be none
	bar   sharedBar
	// removing is held while a file is deleted: its folder lets in one at a time.
	removing sync.Mutex
}
