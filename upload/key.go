package upload

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/memvault/memvault/archive"
)

const (
	// DefaultTemplate is the key of an object below its prefix. {sha256} is the first 16
	// digits of the raw stream's, {ext} is .bin.zst, or .bin of files that are stored as
	// they are.
	DefaultTemplate = "v1/{component}/{yyyy}/{mm}/{dd}/{start}-{pid}-{sha256}{ext}"
	// ManifestEnd is what the key of a manifest adds to that of its object.
	ManifestEnd = ".json"

	startForm  = "20060102T150405Z"
	keyDigits  = 16
	maxKey     = 1024 - len(ManifestEnd) // bytes
	maxKeyWord = 100
)

// errNoHash refuses a template: with the hash in the key, a store that ignores
// If-None-Match can only overwrite equal content.
var errNoHash = errors.New("want {sha256} in the template of keys")

var placeholder = regexp.MustCompile(`\{[^{}]*\}?|\}`)

// CheckTemplate refuses templates without {sha256}, and with what Key does not know.
func CheckTemplate(template string) error {
	if template == "" {
		return nil
	}
	if !strings.Contains(template, "{sha256}") {
		return fmt.Errorf("%q: %w", template, errNoHash)
	}
	values := keyValues(&archive.Survey{}, "")
	for _, p := range placeholder.FindAllString(template, -1) {
		if _, ok := values[p]; !ok {
			return fmt.Errorf("%q: %s is unknown: want {component} {host} {yyyy} {mm} {dd} {start} {pid} {sha256} {ext}", template, p)
		}
	}
	return Place{Bucket: "bucket", Prefix: strings.Trim(template, "/")}.Check()
}

// Key gives the key of a capture, which depends on its content, its process and the
// component, and on nothing else unless the template says so. An empty template is
// DefaultTemplate.
func Key(p Place, template string, s *archive.Survey, codec archive.Codec) (string, error) {
	if err := CheckTemplate(template); err != nil {
		return "", err
	}
	if template == "" {
		template = DefaultTemplate
	}
	values := keyValues(s, codec)
	key := placeholder.ReplaceAllStringFunc(strings.Trim(template, "/"), func(p string) string { return values[p] })
	key = path.Join(p.Prefix, key)
	if len(key) > maxKey {
		return "", fmt.Errorf("key of %d bytes: want %d or fewer", len(key), maxKey)
	}
	return key, nil
}

// keyValues gives what stands for the placeholders. A file without a header has no start
// and no process: the time at which it was changed last, and 0, take their place.
func keyValues(s *archive.Survey, codec archive.Codec) map[string]string {
	start, pid := s.Start, int64(0)
	if start.IsZero() {
		start = s.Identity.Modified
	}
	if s.Header != nil {
		pid = int64(s.Header.PID)
	}
	start = start.UTC()
	ext := ".bin.zst"
	if codec == archive.CodecNone {
		ext = ".bin"
	}
	return map[string]string{
		"{component}": keyWord(s.Component), "{host}": keyWord(s.Host),
		"{yyyy}": start.Format("2006"), "{mm}": start.Format("01"), "{dd}": start.Format("02"),
		"{start}": start.Format(startForm), "{pid}": strconv.FormatInt(max(pid, 0), 10),
		"{sha256}": fmt.Sprintf("%x", s.Raw.SHA256)[:keyDigits], "{ext}": ext,
	}
}

// keyWord makes a text that anybody may have chosen one element of a key.
func keyWord(s string) string {
	word := strings.Map(func(r rune) rune {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if letter || strings.ContainsRune("._-", r) {
			return r
		}
		return '_'
	}, s)
	if len(word) > maxKeyWord {
		word = word[:maxKeyWord]
	}
	if strings.Trim(word, ".") == "" {
		return "unknown"
	}
	return word
}

// KeyFacts is what a key of DefaultTemplate tells.
type KeyFacts struct {
	Prefix, Component string
	Start             time.Time // in UTC, to the second
	PID               int
	SHA256            string // the first 16 digits of the raw stream's
	// Manifest tells that the object is a manifest, Plain that it is stored as the file was.
	Manifest, Plain bool
}

var ourKey = regexp.MustCompile(`(?s)^(?:(.*)/)?v1/([A-Za-z0-9._-]{1,100})/([0-9]{4}/[0-9]{2}/[0-9]{2})/([0-9]{8}T[0-9]{6}Z)-([0-9]{1,19})-([0-9a-f]{16})(\.bin|\.bin\.zst)(\.json)?$`)

// ParseKey reads a key of DefaultTemplate below prefix, which is empty for any. It
// reports false for others.
func ParseKey(prefix, key string) (KeyFacts, bool) {
	m := ourKey.FindStringSubmatch(key)
	if m == nil || prefix != "" && m[1] != prefix && !strings.HasPrefix(m[1], prefix+"/") {
		return KeyFacts{}, false
	}
	start, err := time.Parse(startForm, m[4])
	pid, err2 := strconv.Atoi(m[5])
	if err != nil || err2 != nil || start.Format("2006/01/02") != m[3] {
		return KeyFacts{}, false
	}
	return KeyFacts{m[1], m[2], start, pid, m[6], m[8] != "", m[7] == ".bin"}, true
}

// ManifestKey gives the key of an object's manifest.
func ManifestKey(key string) string { return key + ManifestEnd }
