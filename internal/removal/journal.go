package removal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"time"
)

// The journal is a file of lines in room that was reserved, and synced, in advance, so that
// it can be written on a full disk:
//
//	CRC32C SEQUENCE {"op":...}
//
// A line counts if its CRC is right and its sequence follows that of the line before; the first
// that does not ends the journal. So once nothing is under way the lines begin again at offset
// 0, over old ones that are then no longer read.
const (
	journalRoom = 64 << 10 // bytes reserved at a time
	maxJournal  = 256 << 20
)

// The steps of a removal.
const (
	opIntent = "intent" // about to be renamed into the trash
	opMoved  = "moved"  // is there, and is the right file
	opDone   = "done"   // deleted for good
	opBack   = "back"   // put back, or never moved
)

// record is a line of the journal. Only opIntent has more than the entry's ID, and opMoved the ctime.
type record struct {
	Op string `json:"op"`
	ID string `json:"id"`
	// Name is bytes, for names need not be UTF-8.
	Name     []byte    `json:"name,omitempty"`
	Dev      uint64    `json:"dev,omitempty"`
	Ino      uint64    `json:"ino,omitempty"`
	Size     int64     `json:"size,omitempty"`
	Mtime    int64     `json:"mtime,omitempty"` // in nanoseconds since 1970
	Ctime    int64     `json:"ctime,omitempty"` // likewise
	Occupied int64     `json:"occupied,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	// Boot and Up are At by the clock of the boot, which nobody sets.
	Boot   string        `json:"boot,omitempty"`
	Up     time.Duration `json:"up,omitempty"`
	Reason string        `json:"reason,omitempty"`
	Proved bool          `json:"proved,omitempty"`
}

// journal is an open journal file. A nil journal keeps nothing.
type journal struct {
	f         *os.File
	pos, size int64  // where the next line goes; how far room is reserved
	seq       uint64 // of the next line
	live      map[string]bool
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// reserve fills a new journal file with zeros: only what was written is certain to have room.
func reserve(f *os.File, from int64) error {
	if _, err := f.WriteAt(make([]byte, journalRoom), from); err != nil {
		return err
	}
	return f.Sync()
}

// readJournal reads the lines of f, which counts as empty from the first that is damaged.
func readJournal(f *os.File) (*journal, []record, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxJournal+1))
	if err != nil {
		return nil, nil, err
	}
	if len(b) > maxJournal {
		return nil, nil, fmt.Errorf("%s: a journal of more than %d bytes, which memvault does not write", f.Name(), maxJournal)
	}
	j := &journal{f: f, size: int64(len(b)), seq: 1, live: make(map[string]bool)}
	var all []record
	for {
		line, _, found := bytes.Cut(b[j.pos:], []byte("\n"))
		r, seq, ok := parseLine(line)
		if !found || !ok || len(all) > 0 && seq != j.seq {
			return j, all, nil
		}
		all = append(all, r)
		j.note(r)
		j.pos, j.seq = j.pos+int64(len(line))+1, seq+1
	}
}

func parseLine(line []byte) (r record, seq uint64, ok bool) {
	sum, rest, found := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || err != nil || crc32.Checksum(rest, castagnoli) != uint32(want) {
		return r, 0, false
	}
	number, text, _ := bytes.Cut(rest, []byte(" "))
	if seq, err = strconv.ParseUint(string(number), 10, 64); err != nil {
		return r, 0, false
	}
	err = json.Unmarshal(text, &r)
	return r, seq, err == nil
}

// note keeps count of what is under way.
func (j *journal) note(r record) {
	switch r.Op {
	case opIntent:
		j.live[r.ID] = true
	case opDone, opBack:
		delete(j.live, r.ID)
	}
}

// add writes a line and syncs it.
func (j *journal) add(r record) error {
	if j == nil {
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	rest := fmt.Sprintf("%d %s", j.seq, text)
	line := fmt.Appendf(nil, "%08x %s\n", crc32.Checksum([]byte(rest), castagnoli), rest)
	if len(j.live) == 0 {
		j.pos = 0
	}
	for j.pos+int64(len(line)) > j.size {
		if err := reserve(j.f, j.size); err != nil {
			// What was reserved in part is cut off, so that the end is known.
			return errors.Join(err, j.f.Truncate(j.size))
		}
		j.size += journalRoom
	}
	if _, err := j.f.WriteAt(line, j.pos); err != nil {
		return err
	}
	if err := j.f.Sync(); err != nil {
		return err
	}
	j.pos, j.seq = j.pos+int64(len(line)), j.seq+1
	j.note(r)
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.f.Close()
}
