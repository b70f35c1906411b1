package airflow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/removal"
)

// found is what a look at a file in a capture's place tells.
type found struct {
	identity removal.Identity
	size     int64
	mtime    time.Time
	summary  *codec.Summary // nil when err is set
	// err is why there is no header.
	err error
	// foreign tells that the file is not a capture, nor the beginning of one.
	foreign bool
	verdict inuse.Verdict
}

// errNoFile marks what is in the way of a capture and no file.
var errNoFile = errors.New("in the way of Airflow, and no file that memvault moves: remove it")

// look opens the file, reads its header and its end, and asks whether it is live. The error
// is of the file system, of ctx, or errNoFile.
func look(ctx context.Context, path string, o inuse.Options) (*found, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w", kind(info.Mode()), errNoFile)
	}
	file, err := inuse.OpenFile(path)
	if err != nil {
		return nil, err
	}
	f, err := lookAt(file)
	if err == nil {
		f.verdict, err = inuse.Check(ctx, file, f.header(), o)
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m.IsDir():
		return "a folder"
	}
	return "a special file"
}

func lookAt(file *os.File) (*found, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", kind(info.Mode()), errNoFile)
	}
	f := &found{size: info.Size(), mtime: info.ModTime()}
	f.identity, _ = removal.IdentityOf(info)
	f.summary, err = codec.Inspect(file, f.size)
	var io *fs.PathError
	if errors.As(err, &io) {
		return nil, err
	}
	if f.err = err; errors.Is(err, codec.ErrMagic) {
		f.foreign, err = holdsData(file, f.size)
		if !f.foreign && err == nil {
			f.err = errors.New("nothing but zeros: its first bytes were lost, as by a power cut")
		}
		return f, err
	}
	return f, nil
}

// holdsData reports whether there is a byte in the file's first page that is not zero.
func holdsData(file *os.File, size int64) (bool, error) {
	b := make([]byte, min(size, 4096))
	if _, err := file.ReadAt(b, 0); err != nil {
		return false, err
	}
	for _, c := range b {
		if c != 0 {
			return true, nil
		}
	}
	return false, nil
}

// header gives the header, or nil.
func (f *found) header() *codec.Header {
	if f.summary == nil || f.summary.Header.Version == 0 {
		return nil
	}
	return &f.summary.Header
}

// ending reports whether tracking has ended, and Memray has not compressed the capture.
func (f *found) ending() bool {
	return f.header() != nil && f.summary.State == codec.StateComplete && f.summary.Container == "plain"
}

// word says in one what a capture that nobody writes is.
func (f *found) word() string {
	switch {
	case f.foreign:
		return "no capture"
	case f.header() == nil:
		return "empty"
	case f.summary.State.Finished() || f.summary.Container == "lz4":
		return "finished"
	}
	return "crashed"
}

// state is word for what nobody writes, else "live" or "unknown".
func (f *found) state() string {
	if f.verdict.MayRotate() {
		return f.word()
	}
	return f.verdict.State.String()
}

// text says what was found in a few words, and who holds it.
func (f *found) text() string {
	text := f.word()
	switch {
	case f.err != nil:
		text += ": " + f.err.Error()
	case f.header() == nil:
		text += ": nothing was recorded"
	}
	if n := len(f.verdict.Holders); n > 0 {
		text += fmt.Sprintf("; held by %d processes that do not write it (%s): deleting it frees no space until they end",
			n, f.verdict.HeldBy())
	}
	return text
}
