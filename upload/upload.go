// Package upload stores captures in object storage that speaks S3: each exactly once, in
// bounded memory, resumable after a kill, and proved to be there.
//
// The steps of Store.Upload:
//
//  1. archive.Examine reads the file and hashes it; the hash is part of the key.
//  2. If the key is there already, Archived decides: present, or a conflict.
//  3. archive.Encode writes the stored form into part buffers, whose number is bounded.
//     A stored form that fits one part is sent by one PUT with If-None-Match: *.
//  4. Else the parts of an unfinished upload of the key are listed, and each is kept
//     whose size and checksum are those of the fresh local part. The others are sent,
//     each with its checksum in a header.
//  5. Encode compares the file with what was examined. Only then the upload is completed,
//     with If-None-Match: * and the checksum of the whole object.
//  6. A lost reply, or one that says that the key or the upload is not as expected, decides
//     nothing: a HEAD does, by the random token in the metadata.
//  7. Archived proves what is stored, and writes the manifest, which is the mark that the
//     object is whole.
package upload

import (
	"errors"
	"log/slog"
	"time"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/statedir"
)

// Errors that callers branch on.
var (
	// ErrConflict: the key holds something else than the capture. Nothing was overwritten.
	ErrConflict = errors.New("conflict")
	// ErrIntegrity: the store holds other bytes than it was sent.
	ErrIntegrity = errors.New("stored bytes are wrong")
	// ErrAbsent: there is no object of that key.
	ErrAbsent = errors.New("not in the bucket")
	// ErrNoManifest: the object is there, but not its manifest, and nothing was at hand to
	// make it of.
	ErrNoManifest = errors.New("the object has no manifest")
	// ErrExpires: a lifecycle rule of the bucket deletes the object too soon.
	ErrExpires = errors.New("the object expires too soon")
	// ErrUnreachable: the store did not answer, or only that it is busy, until patience ended.
	ErrUnreachable = errors.New("the store cannot be reached")
	// ErrCredentials: none were found, or the store does not know them.
	ErrCredentials = errors.New("no credentials")
	// ErrDenied: the store forbids what was asked for.
	ErrDenied = errors.New("access denied")
)

// State says how an upload ended.
type State string

// The states.
const (
	// Uploaded: the object is there, and carries the token of this upload, or of an earlier
	// run of it that this one went on with.
	Uploaded State = "uploaded"
	// Present: the object was there already, or somebody else has begun to put it there.
	Present State = "present"
	// Live: the capture is still written, and was left alone.
	Live State = "live"
	// Failed: see Error.
	Failed State = "failed"
)

// Result is what came of one file, and as JSON the line of upload --json.
type Result struct {
	File   string `json:"file"` // as given
	Bucket string `json:"bucket"`
	// Key is empty when the upload ended before the file was hashed.
	Key       string `json:"key"`
	State     State  `json:"state"`
	VersionID string `json:"version_id"` // empty where the bucket keeps no versions
	// RawBytes and RawSHA256 are of the raw stream, StoredBytes and Checksum of the object.
	RawBytes    int64  `json:"raw_bytes"`
	StoredBytes int64  `json:"stored_bytes"`
	RawSHA256   string `json:"raw_sha256"` // in hexadecimal
	// Checksum is the algorithm, a colon, and the base64 of the store: "crc32c:yZRlqg==".
	Checksum string `json:"checksum"`
	// Expires is when a lifecycle rule of the bucket deletes the object; nil if none does.
	Expires *time.Time `json:"expires"`
	// Deleted tells that the local file is gone: for the caller to set.
	Deleted bool `json:"deleted"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error"` // empty unless Failed

	// Warnings are for the user: what was left out, and why.
	Warnings []string `json:"-"`
	// PartsSent and PartsKept count the parts that were sent, and those of an earlier run
	// that were not sent again.
	PartsSent, PartsKept int `json:"-"`
	// Survey is of the file; nil when it was not read: the upload ended before, or the state
	// remembers that this very file was uploaded, and the store has just proved to have it.
	Survey *archive.Survey `json:"-"`
}

// Retention is what object lock keeps an object for.
type Retention struct {
	// Mode is GOVERNANCE or COMPLIANCE; empty for none.
	Mode  string
	Until time.Time
	// LegalHold holds the object until somebody takes the hold away.
	LegalHold bool
}

// Stage is one of the two times that a file is read.
type Stage int

// The stages.
const (
	Hashing Stage = iota
	Sending
)

// Options of Store.Upload. The zero value, but for Place, works.
type Options struct {
	Place Place
	// Template is of the key below the prefix; empty for DefaultTemplate.
	Template string
	// Archive says how the file is stored; its Progress is not used.
	Archive archive.Options
	// Survey is that of the file, if the caller has examined it already.
	Survey *archive.Survey
	Proof  ProofOptions
	// StorageClass is the store's name of one; empty for its default. Manifests are small
	// and read often, and always have the default.
	StorageClass string
	Retention    Retention
	// NoTags sends no tags.
	NoTags bool
	// Parts is how many parts are sent at a time; 0 for DefaultParts.
	Parts int
	// PartSize is the least size of a part in bytes, from 5 MiB; 0 for DefaultPartSize. Large
	// files have larger parts, for there can be 10,000.
	PartSize int64
	// State keeps what is needed to resume; nil for none.
	State *statedir.Dir
	// Progress is called with how many more bytes of the file have been read; it may be nil.
	Progress func(stage Stage, n int64)
	// Log gets what is worth knowing and no error; nil is no log.
	Log *slog.Logger
}

// ProofMode says what proves that an object is stored as it was sent.
type ProofMode string

// The modes.
const (
	// ProofAuto takes the size and checksum that a HEAD shows, where the store is known to
	// check checksums; else it reads the object back.
	ProofAuto ProofMode = "auto"
	// ProofHead wants a HEAD with size and checksum, and never reads objects back.
	ProofHead ProofMode = "head"
	// ProofRead reads each object back and hashes it.
	ProofRead ProofMode = "read"
)

// DefaultMinLife is how long an object must be sure to stay.
const DefaultMinLife = 7 * 24 * time.Hour

// ProofOptions of Store.Archived. The zero value works.
type ProofOptions struct {
	// Mode is ProofAuto if empty.
	Mode ProofMode
	// MinLife is how long the object must still stay; 0 for DefaultMinLife, negative for
	// any time.
	MinLife time.Duration
	// Survey and Archive are what a missing manifest is made of, once the object was read
	// back. Without a Survey the error is ErrNoManifest.
	Survey  *archive.Survey
	Archive archive.Options
	// State remembers which stores check checksums; nil for none.
	State *statedir.Dir
}

// Proof tells what is stored, and how that was proved.
type Proof struct {
	Bucket, Key, VersionID string
	// Size is that of the object in bytes, Checksum as in Result.
	Size     int64
	Checksum string
	// By is ProofHead or ProofRead.
	By ProofMode
	// Expires is when a lifecycle rule deletes the object; zero if none does.
	Expires time.Time
	// Plain tells that the store does not say that it has encrypted the object with the key it
	// was given (SSE-C).
	Plain bool
	// Token is that of the upload which made the object; empty if the metadata has none.
	Token string
}
