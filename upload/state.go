package upload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/statedir"
)

// savedVersion is that of the JSON below.
const savedVersion = 1

// A saved is what the state holds of an unfinished upload: a hint, which the store's own
// list of parts confirms or not. There is nothing secret in it.
type saved struct {
	Version  int              `json:"version"`
	Endpoint string           `json:"endpoint"`
	Bucket   string           `json:"bucket"`
	Key      string           `json:"key"`
	UploadID string           `json:"upload_id"`
	Token    string           `json:"token"`
	Checksum string           `json:"checksum"`
	PartSize int64            `json:"part_size"`
	Options  string           `json:"options"` // a hash of what the upload was begun with
	File     archive.Identity `json:"file"`
	Began    time.Time        `json:"began"`
	// Parts are the checksums of the parts that were sent, by number less 1; "" for others.
	Parts []string `json:"parts"`
}

// bytesPerPart is what a part takes in the JSON, at most; bytesBesides what the rest does.
const (
	bytesPerPart = 16
	bytesBesides = 4 << 10
)

// recordEvery is how often the parts are written to the state: losing some of the list
// costs nothing.
const recordEvery = time.Second

func shortHash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// StateName gives the name of the state entry, and of the lock, of uploads to a key.
func (s *Store) StateName(bucket, key string) string {
	return "upload-" + shortHash(s.Endpoint, bucket, key)
}

// A ledger is the state entry of one upload, locked. A nil one keeps nothing.
type ledger struct {
	entry  *statedir.Reserved
	unlock func()
	log    *slog.Logger

	mu    sync.Mutex
	saved saved
	last  time.Time // of the last writing
}

// openLedger takes the lock of the key and reserves space. Without state it gives nil and
// says why; busy tells that another process on this machine uploads to the key.
func (s *Store) openLedger(dir *statedir.Dir, bucket, key string, parts int64) (l *ledger, busy bool, err error) {
	if dir == nil {
		return nil, false, nil
	}
	name := s.StateName(bucket, key)
	unlock, ok, err := dir.Lock(name)
	if err != nil || !ok {
		return nil, err == nil, err
	}
	entry, err := dir.Reserve(name, int(parts)*bytesPerPart+bytesBesides)
	if err != nil {
		unlock()
		return nil, false, err
	}
	l = &ledger{entry: entry, unlock: unlock, log: s.log}
	if data, err := entry.Get(); err == nil && json.Unmarshal(data, &l.saved) != nil {
		l.saved = saved{}
	}
	return l, false, nil
}

// begin writes what is needed to find the upload again.
func (l *ledger) begin(v saved) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saved = v
	l.write()
}

// record remembers a part.
func (l *ledger) record(p part) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.saved.Parts) < p.number {
		l.saved.Parts = append(l.saved.Parts, "")
	}
	l.saved.Parts[p.number-1] = p.sum
	if time.Since(l.last) >= recordEvery {
		l.write()
	}
}

func (l *ledger) write() {
	l.last = time.Now()
	data, err := json.Marshal(l.saved)
	if err == nil {
		err = l.entry.Put(data)
	}
	if err != nil {
		l.log.Info("the state cannot be written: a kill now costs the parts sent", "error", err)
	}
}

// close keeps the entry for the next run; release ends it.
func (l *ledger) close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.saved.UploadID == "" {
		_ = l.entry.Release()
	} else {
		l.write()
		_ = l.entry.Close()
	}
	l.unlock()
}

// forget makes close release the entry.
func (l *ledger) forget() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saved = saved{}
}
