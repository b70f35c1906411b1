package airflow

import (
	"errors"
	"io/fs"
	"os"

	"github.com/memvault/memvault/internal/naming"
)

// carryKeep lets the file that keeps a capture from being cleaned go along when the capture is renamed: it
// has both names while do renames, so that no gc finds the capture without it. problem says why it
// could not; whether the capture is renamed does not depend on it.
func (t *turn) carryKeep(to string, do func() error) (problem, err error) {
	if t.DryRun {
		return nil, do()
	}
	from := t.From + naming.KeepSuffix
	to += naming.KeepSuffix
	root, problem := os.OpenRoot(t.Dir)
	if problem != nil {
		return problem, do()
	}
	defer root.Close()
	if _, gone := root.Lstat(from); errors.Is(gone, fs.ErrNotExist) {
		return nil, do()
	}
	problem = root.Link(from, to)
	err = do()
	switch {
	case err != nil && problem == nil:
		problem = root.Remove(to)
	case err != nil:
		problem = nil
	case problem == nil || errors.Is(problem, fs.ErrExist):
		problem = root.Remove(from)
	default: // a file system without links
		problem = root.Rename(from, to)
	}
	return problem, err
}
