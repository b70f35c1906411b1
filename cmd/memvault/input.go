package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/progress"
	"github.com/memvault/memvault/upload"
)

// An input is an open capture: a file, an object, or standard input.
type input struct {
	name string
	// at gives any part of it; nil where that cannot be, as of a pipe.
	at io.ReaderAt
	// size is that at opening, in bytes: a capture may grow while it is read. It is -1 when
	// it cannot be known, as of a pipe.
	size  int64
	begin int64        // where reading begins: standard input may stand in the middle of a file
	close func() error // the file or object
	bar   *progress.Reader
	io.Reader
}

// open opens a FILE of the command line, or an s3:// object.
func (a *app) open(ctx context.Context, name string) (*input, error) {
	in, err := a.openAny(ctx, name)
	if err != nil {
		return nil, err
	}
	if a.showsProgress() {
		rest := in.size
		if rest >= 0 {
			rest = max(0, rest-in.begin)
		}
		in.bar = progress.NewReader(in.Reader, rest, a.err, label(name))
		in.Reader = in.bar
	}
	return in, nil
}

func (a *app) openAny(ctx context.Context, name string) (*input, error) {
	if upload.IsURL(name) {
		return a.openRemote(ctx, name)
	}
	if name != standard {
		f, err := os.Open(name)
		if err != nil {
			return nil, inFile(name, err)
		}
		return openFile(name, f, f.Close)
	}
	if isTerminal(a.in) {
		return nil, hintf(usagef("standard input is a terminal, not a capture"), "name a FILE, or send one in a pipe")
	}
	return openFile(name, a.in, func() error { return nil })
}

// openFile makes an input of an open file, or closes it.
func openFile(name string, f *os.File, close func() error) (*input, error) {
	in := &input{name: name, size: -1, close: close, Reader: f}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = hintf(errFolder, "folders are not entered; name the files in it: %s", filepath.Join(name, "*.bin"))
	}
	if err != nil {
		return nil, errors.Join(inFile(name, err), close())
	}
	if info.Mode().IsRegular() {
		in.size, in.at = info.Size(), f
		if at, err := f.Seek(0, io.SeekCurrent); err == nil {
			in.begin = at
		}
		in.Reader = io.LimitReader(f, max(in.size-in.begin, 0))
	}
	return in, nil
}

// showsProgress reports whether somebody wants to see how far the work is.
func (a *app) showsProgress() bool { return !a.quiet && !a.noProgress && isTerminal(a.err) }

// Close takes the progress bar away and closes the file.
func (in *input) Close() error {
	var err error
	if in.bar != nil {
		err = in.bar.Close()
	}
	return errors.Join(err, in.close())
}

// label is what stands before a progress bar: the name of the file, or its end.
func label(name string) string {
	const width = 30
	if name == standard {
		return "standard input"
	}
	runes := []rune(printable(filepath.Base(name)))
	if len(runes) > width {
		runes = append([]rune("..."), runes[len(runes)-width+3:]...)
	}
	return string(runes)
}

// readCapture opens a FILE and hands its Reader to use, and closes both. Errors get the
// file's name.
func (a *app) readCapture(ctx context.Context, name string, use func(*codec.Reader) error) error {
	in, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	err = readFrom(in, use)
	if closeErr := in.Close(); err == nil && !errors.Is(closeErr, fs.ErrClosed) {
		err = closeErr
	}
	return inInput(name, err)
}

func readFrom(in *input, use func(*codec.Reader) error) error {
	r, err := codec.NewReader(in)
	if err != nil {
		return err
	}
	defer r.Close()
	return use(r)
}
