// Package retention decides which captures may go, and why, and lets them go safely.
//
// Policy.Plan is pure: it has no clock and no disk, and gives each capture a decision and a
// reason. A dry run prints what Plan says; Clean obeys the same Plan by internal/removal.
package retention

import (
	"path/filepath"
	"time"

	"github.com/memvault/memvault/internal/removal"
)

// State is what is known of the writer of a capture.
type State uint8

// The states of a capture, as far as retention cares.
const (
	// Unknown: whether somebody writes it could not be told, or not what it is.
	Unknown State = iota
	// Live: it is being written.
	Live
	// Finished: tracking ended regularly.
	Finished
	// Crashed: the process that wrote it ended otherwise, or the file was cut or damaged.
	Crashed
)

var stateNames = [...]string{"unknown", "live", "finished", "crashed"}

// String gives the state in a word.
func (s State) String() string { return stateNames[s] }

// Archived tells whether a capture is proved to be in the object store.
type Archived uint8

// What is known of the archive.
const (
	// NotAsked: nobody has looked yet.
	NotAsked Archived = iota
	// NotArchived: it is not there, or is not proved to be.
	NotArchived
	// InArchive: it is there, proved.
	InArchive
)

var archivedNames = [...]string{"not asked", "no", "yes"}

// String gives the word of the table and of JSON.
func (a Archived) String() string { return archivedNames[a] }

// Capture is one capture, in a folder or a bucket, as the policy sees it. A list of a
// million of them is ordinary.
type Capture struct {
	// Dir is the folder that holds it, and Name its name there; in a bucket Name is the key.
	Dir, Name string
	// Component and Host are what captures are grouped by; Host is empty for local files.
	Component, Host string
	// Tags are the labels of a stored capture, each name=value, for KeepTags.
	Tags []string
	// Start is that of the header, zero where there is none. End is that of the last record,
	// or the time of the last change; in a bucket the later of the end and the upload.
	Start, End time.Time
	// Bytes are the bytes that it occupies, not those it holds.
	Bytes int64
	// Note says of a live, unknown or held capture who writes or holds it, and of a crashed
	// one what it lacks.
	Note string
	// Pinned says why it cannot be deleted whatever the policy says; empty when it can.
	Pinned string
	// File is what removal needs to delete this very file; zero in a bucket.
	File removal.Identity

	State    State
	Archived Archived
	// Held tells that processes hold it open which never write: deleting it frees nothing.
	Held bool
	// OnlyArchived tells that there is no proof that nobody writes it: it may go only when it
	// is archived, whatever the policy says.
	OnlyArchived bool
	// Leftover tells that it is the partial copy of a capture that Memray was compressing when it
	// was killed: no Keep rule counts or keeps it.
	Leftover bool
	// Kept tells that a file <name>.keep lies beside it.
	Kept bool
}

// Path is the name with its folder.
func (c *Capture) Path() string {
	if c.Dir == "" {
		return c.Name
	}
	return filepath.Join(c.Dir, c.Name)
}
