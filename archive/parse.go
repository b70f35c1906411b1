package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/memvault/memvault/internal/safetext"
)

// Marshal gives the manifest as JSON, indented, with a newline at the end. Nothing in it can
// do anything to a terminal. The error tells what check found.
func (m *Manifest) Marshal() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(safetext.JSON(string(bytes.TrimSpace(b.Bytes())))), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	if out.Len() > MaxManifest {
		return nil, fmt.Errorf("manifest: %d bytes, want at most %d", out.Len(), MaxManifest)
	}
	return out.Bytes(), nil
}

// ParseManifest reads a manifest, which may be of anybody's making: sizes, digests and names
// are checked, and nothing longer than MaxManifest is read. Unknown keys are left out.
func ParseManifest(data []byte) (*Manifest, error) {
	if len(data) > MaxManifest {
		return nil, fmt.Errorf("manifest: %d bytes, want at most %d", len(data), MaxManifest)
	}
	var version struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if version.Schema != Schema {
		return nil, fmt.Errorf("manifest: schema %d, this version reads %d", version.Schema, Schema)
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return m, nil
}

// check says what cannot be true of a manifest, whoever wrote it.
func (m *Manifest) check() error {
	for _, d := range []struct {
		name string
		Digest
	}{{"file", m.File}, {"raw", m.Raw}, {"stored", m.Stored.Digest}} {
		if d.SHA256 == [32]byte{} || d.Size < 0 {
			return fmt.Errorf("%s: no digest", d.name)
		}
	}
	if m.Content != ContentRaw && m.Content != ContentFile {
		return fmt.Errorf("content %q, want %q or %q", m.Content, ContentRaw, ContentFile)
	}
	if m.Content == ContentFile && m.Raw != m.File {
		return errors.New("content is the file, but raw is not")
	}
	if m.Stored.Codec == CodecNone && m.Stored.Digest != m.File {
		return errors.New("the file is stored as it is, but stored is not the file")
	}
	if m.Stored.Codec == CodecZstd && m.Stored.Size > MaxStored(m.Raw.Size) {
		return fmt.Errorf("stored: %d bytes of zstd for %d", m.Stored.Size, m.Raw.Size)
	}
	if m.Stored.Codec == "" || m.State == "" {
		return errors.New("no codec, or no state")
	}
	return errors.Join(m.checkTexts(), CheckLabels(m.Labels))
}

// checkTexts bounds the strings.
func (m *Manifest) checkTexts() error {
	texts := map[string]string{
		"memvault": m.Memvault, "name": m.Name, "component": m.Component, "host": m.Host,
		"container": m.Container, "codec": string(m.Stored.Codec), "level": string(m.Stored.Level),
		"checksum": m.Checksum, "state": m.State, "reason": m.Reason,
	}
	if f := m.Capture; f != nil {
		texts["memray"], texts["python"], texts["format"], texts["python_allocator"] = f.Memray, f.Python, f.Format, f.Allocator
		if len(f.CommandLine) > MaxCommandLine {
			return fmt.Errorf("command_line: %d bytes, want at most %d", len(f.CommandLine), MaxCommandLine)
		}
	}
	for name, s := range texts {
		if len(s) > maxText {
			return fmt.Errorf("%s: %d bytes, want at most %d", name, len(s), maxText)
		}
	}
	return nil
}

// CheckLabels says what is wrong with labels: more than MaxLabels of them, a name or a value of more than
// MaxLabel bytes, an empty name, or characters that are not printable.
func CheckLabels(labels map[string]string) error {
	if len(labels) > MaxLabels {
		return fmt.Errorf("%d labels, want at most %d", len(labels), MaxLabels)
	}
	for k, v := range labels {
		switch {
		case k == "":
			return errors.New("label without a name")
		case len(k) > MaxLabel || len(v) > MaxLabel:
			return fmt.Errorf("label %s: more than %d bytes", strconv.Quote(clip(k, 40)), MaxLabel)
		case safetext.Printable(k) != k || safetext.Printable(v) != v:
			return fmt.Errorf("label %s: characters that are not printable", strconv.Quote(clip(k, 40)))
		}
	}
	return nil
}

// clip gives the first bytes of s, at most n of them, as valid UTF-8.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s[:min(n, len(s))], "\uFFFD")
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return s
}
