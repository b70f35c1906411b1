package retention

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// addTrash counts what lies in a trash folder. One that is not there is empty.
func (d *Disk) addTrash(trash string) error {
	entries, err := os.ReadDir(trash)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "journal") {
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // deleted meanwhile, or not ours
		}
		d.Trash += allocated(info)
		d.TrashFiles++
	}
	return nil
}
