// Package statedir keeps small files of state in a folder of the user's, so that work
// can be taken up again after a kill. State is a hint: whoever reads it checks it, and
// whoever cannot write it goes on without and says so.
package statedir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/memvault/memvault/internal/atomicfile"
)

// ErrNoState is wrapped by the errors that tell why no state can be kept: no home, a
// full or a read-only disk, no permission.
var ErrNoState = errors.New("no state can be kept")

// ErrName refuses an entry name that is not letters, digits, dots, dashes and
// underscores, or begins with a dot.
var ErrName = errors.New("bad name of a state entry")

const (
	// gate is the lock file that is held while other lock files are opened, made and removed.
	gate = ".gate"
	// spare begins the names of files whose space is reserved for entries to come.
	spare = ".spare-"
	// lockEnd ends the names of lock files.
	lockEnd = ".lock"
	// maxEntry is the largest entry that Get reads, in bytes.
	maxEntry = 8 << 20
)

// A Dir is a folder of state. Several processes may use one at a time.
type Dir struct {
	path string
}

// Default gives the folder that is used when none is named: memvault below
// XDG_STATE_HOME, else below ~/.local/state.
func Default() (string, error) {
	if base := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "memvault"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoState, err)
	}
	return filepath.Join(home, ".local", "state", "memvault"), nil
}

// Open makes the folder if it is not there, for its owner only, and checks that files
// can be made in it. An empty dir is Default's. The error wraps ErrNoState.
func Open(dir string) (*Dir, error) {
	if dir == "" {
		var err error
		if dir, err = Default(); err != nil {
			return nil, err
		}
	}
	d := &Dir{dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, noState(err)
	}
	unlock, err := d.enter()
	if err != nil {
		return nil, err
	}
	unlock()
	return d, nil
}

func noState(err error) error { return fmt.Errorf("%w: %w", ErrNoState, err) }

// Path gives the folder's path.
func (d *Dir) Path() string { return d.path }

// Put writes an entry whole or not at all: into a temporary file, synced, renamed.
func (d *Dir) Put(name string, data []byte) error {
	file, err := d.file(name)
	if err != nil {
		return err
	}
	err = atomicfile.Write(file, atomicfile.Options{Overwrite: true}, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return noState(err)
	}
	return nil
}

// Get reads an entry that Put or a Reserved wrote. The error is fs.ErrNotExist when
// there is none, or none that was written whole.
func (d *Dir) Get(name string) ([]byte, error) {
	file, err := d.file(name)
	if err != nil {
		return nil, err
	}
	data, err := readSmall(file)
	if err != nil {
		return nil, err
	}
	return content(data)
}

// Remove takes an entry away; one that is not there is no error.
func (d *Dir) Remove(name string) error {
	file, err := d.file(name)
	if err != nil {
		return err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Names lists the entries whose names begin with prefix, sorted.
func (d *Dir) Names(prefix string) ([]string, error) {
	all, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range all {
		name := e.Name()
		if e.Type().IsRegular() && valid(name) && strings.HasPrefix(name, prefix) && !strings.HasSuffix(name, lockEnd) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Lock takes the lock of name, which need not be an entry, without waiting. It is not
// ok when somebody else holds it, in this process or another; the kernel drops it when
// its holder dies. Unlock must be called once when ok.
func (d *Dir) Lock(name string) (unlock func(), ok bool, err error) {
	file, err := d.file(name)
	if err != nil {
		return nil, false, err
	}
	leave, err := d.enter()
	if err != nil {
		return nil, false, err
	}
	defer leave()
	lock := flock.New(file+lockEnd, flock.SetPermissions(0o600))
	ok, err = lock.TryLock()
	if err != nil || !ok {
		return nil, false, errors.Join(err, lock.Close())
	}
	return func() { d.unlock(lock) }, true, nil
}

// unlock removes the lock file while no other can be about to open it, so that no two
// lock different files of one name.
func (d *Dir) unlock(lock *flock.Flock) {
	if leave, err := d.enter(); err == nil {
		defer leave()
		// Windows keeps open files: the file stays, which harms nobody.
		_ = os.Remove(lock.Path())
	}
	_ = lock.Close()
}

// enter holds the gate: nobody else opens or removes lock files, or takes spare ones.
func (d *Dir) enter() (leave func(), err error) {
	lock := flock.New(filepath.Join(d.path, gate), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return nil, noState(errors.Join(err, lock.Close()))
	}
	return func() { _ = lock.Close() }, nil
}

// file gives the path of an entry.
func (d *Dir) file(name string) (string, error) {
	if !valid(name) || strings.HasSuffix(name, lockEnd) {
		return "", fmt.Errorf("%w: %q", ErrName, name)
	}
	return filepath.Join(d.path, name), nil
}

func valid(name string) bool {
	if name == "" || len(name) > 200 || name[0] == '.' {
		return false
	}
	for _, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("._-", rune(c)) {
			return false
		}
	}
	return true
}
