package upload

import (
	"encoding/json"
	"fmt"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/statedir"
)

// Done is what the state remembers of a file that was uploaded: a hint where to ask for
// proof, and with which hash, so that the file need not be read again.
type Done struct {
	Endpoint  string           `json:"endpoint"`
	Bucket    string           `json:"bucket"`
	Key       string           `json:"key"`
	File      archive.Identity `json:"file"`
	RawSHA256 []byte           `json:"raw_sha256"`
}

// maxDone is how many files are remembered; then some are forgotten.
const maxDone = 4096

func doneName(id archive.Identity) string {
	return fmt.Sprintf("done-%x-%x", id.Device, id.Inode)
}

// Recall gives what is remembered of the file of that identity.
func Recall(state *statedir.Dir, id archive.Identity) (Done, bool) {
	var d Done
	if state == nil {
		return d, false
	}
	data, err := state.Get(doneName(id))
	ok := err == nil && json.Unmarshal(data, &d) == nil
	return d, ok && sameFile(d.File, id) && len(d.RawSHA256) == 32
}

func sameFile(a, b archive.Identity) bool {
	return a.Size == b.Size && a.Device == b.Device && a.Inode == b.Inode && a.Changed.Equal(b.Changed) && a.Modified.Equal(b.Modified)
}

// remember is content when it cannot.
func remember(state *statedir.Dir, s *archive.Survey, d Done) {
	if state == nil || s.Identity.Inode == 0 {
		return
	}
	d.File, d.RawSHA256 = s.Identity, s.Raw.SHA256[:]
	data, err := json.Marshal(d)
	if err != nil || state.Put(doneName(s.Identity), data) != nil {
		return
	}
	if names, err := state.Names("done-"); err == nil && len(names) > maxDone {
		for _, name := range names[:maxDone/4] {
			_ = state.Remove(name)
		}
	}
}
