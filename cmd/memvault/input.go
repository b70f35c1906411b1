package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/internal/progress"
)

// An input is an open capture file, or standard input.
type input struct {
	name string
	file *os.File
	// size is that at opening, in bytes: a capture may grow while it is read. It is -1 when
	// it cannot be known, as of a pipe.
	size int64
	bar  *progress.Reader // nil when no progress is shown
	io.Reader
}

// open opens a FILE of the command line.
func (a *app) open(name string) (*input, error) {
	in := &input{name: name, file: a.in, size: -1}
	if name != standard {
		f, err := os.Open(name)
		if err != nil {
			return nil, inFile(name, err)
		}
		in.file = f
	} else if isTerminal(a.in) {
		return nil, hintf(usagef("standard input is a terminal, not a capture"), "name a FILE, or send one in a pipe")
	}
	info, err := in.file.Stat()
	if err == nil && info.IsDir() {
		err = hintf(errFolder, "folders are not entered; name the files in it: %s", filepath.Join(name, "*.bin"))
	}
	if err != nil {
		return nil, errors.Join(inFile(name, err), in.Close())
	}
	in.Reader = in.file
	if info.Mode().IsRegular() {
		in.size = info.Size()
		in.Reader = io.LimitReader(in.file, in.remaining())
	}
	if a.showsProgress() {
		in.bar = progress.NewReader(in.Reader, in.remaining(), a.err, label(name))
		in.Reader = in.bar
	}
	return in, nil
}

// showsProgress reports whether somebody wants to see how far the work is.
func (a *app) showsProgress() bool { return !a.quiet && !a.noProgress && isTerminal(a.err) }

// remaining is size less what was read before memvault began, as standard input may
// stand in the middle of a file.
func (in *input) remaining() int64 {
	if in.size < 0 {
		return -1
	}
	at, err := in.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return in.size
	}
	return max(in.size-at, 0)
}

// Close takes the progress bar away and closes the file.
func (in *input) Close() error {
	var err error
	if in.bar != nil {
		err = in.bar.Close()
	}
	if in.name == standard {
		return err
	}
	return errors.Join(err, in.file.Close())
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
func (a *app) readCapture(name string, use func(*codec.Reader) error) error {
	in, err := a.open(name)
	if err != nil {
		return err
	}
	err = readFrom(in, use)
	if closeErr := in.Close(); err == nil && !errors.Is(closeErr, fs.ErrClosed) {
		err = closeErr
	}
	return inFile(name, err)
}

func readFrom(in *input, use func(*codec.Reader) error) error {
	r, err := codec.NewReader(in)
	if err != nil {
		return err
	}
	defer r.Close()
	return use(r)
}
