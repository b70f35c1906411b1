package upload

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
)

// Names of the metadata, without x-amz-meta-.
const (
	metaPrefix = "memvault-"
	metaToken  = metaPrefix + "upload-token"
	metaRaw    = metaPrefix + "raw-sha256"
	metaCodec  = metaPrefix + "codec"
	metaLabels = metaPrefix + "labels"

	// maxMetadata is how much of it stores take, in bytes of names and values.
	maxMetadata = 2 << 10
	maxTags     = 10
	maxTagKey   = 128
	maxTagValue = 256
)

// A fact is told by metadata and tags.
type fact struct{ name, value string }

// facts says of a capture what can be said of it without looking into it, the most useful
// first. Neither its command line nor its name is among them.
func facts(s *archive.Survey, o archive.Options) []fact {
	all := []fact{{"component", s.Component}, {"state", s.StateText(o.Idle)}, {"host", s.Host}}
	add := func(name, value string) { all = append(all, fact{name, value}) }
	if h := s.Header; h != nil {
		add("memray", h.Releases())
		add("python", h.Python())
	}
	if s.HeapPeak != nil {
		add("peak-bytes", strconv.FormatUint(*s.HeapPeak, 10))
	} else if s.RSSPeak > 0 {
		add("rss-peak-bytes", strconv.FormatUint(s.RSSPeak, 10))
	}
	if !s.Start.IsZero() && !s.End.Before(s.Start) {
		add("seconds", strconv.FormatFloat(s.End.Sub(s.Start).Seconds(), 'f', 3, 64))
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.value == "" })
}

// metadata gives what the object itself carries, but for the token.
func metadata(s *archive.Survey, o archive.Options) map[string]string {
	m := map[string]string{
		metaRaw: hex.EncodeToString(s.Raw.SHA256[:]), metaCodec: string(codecOf(o)),
		metaPrefix + "raw-bytes": strconv.FormatInt(s.Raw.Size, 10),
	}
	for _, f := range facts(s, o) {
		m[metaPrefix+f.name] = headerValue(f.value)
	}
	if len(o.Labels) > 0 {
		m[metaLabels] = labelText(o.Labels, maxMetadata-metadataSize(m)-200) // the token comes to it
	}
	return m
}

func codecOf(o archive.Options) archive.Codec {
	if o.Codec == "" {
		return archive.CodecZstd
	}
	return o.Codec
}

func metadataSize(m map[string]string) int {
	n := 0
	for name, value := range m {
		n += len(name) + len(value)
	}
	return n
}

// labelText gives as many labels as fit into size bytes; the manifest has all.
func labelText(labels map[string]string, size int) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		pair := url.QueryEscape(name) + "=" + url.QueryEscape(labels[name])
		if b.Len()+len(pair)+1 > size {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pair)
	}
	return b.String()
}

// headerValue escapes, as in URLs, what does not come through every proxy as it is.
func headerValue(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("._-:/@+=,()~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
		if b.Len() >= maxTagValue {
			break
		}
	}
	return b.String()
}

// tags gives the ten tags that an object can have: labels, which lifecycle rules are made
// for, come right behind component and state.
func tags(s *archive.Survey, o archive.Options, token string) map[string]string {
	all := facts(s, o)
	var labels []fact
	for _, name := range slices.Sorted(maps.Keys(o.Labels)) {
		labels = append(labels, fact{name, o.Labels[name]})
	}
	all = slices.Insert(all, 2, labels...)
	all = append(all, fact{"raw-sha256", hex.EncodeToString(s.Raw.SHA256[:])}, fact{"upload-token", token})
	m := map[string]string{}
	for _, f := range all {
		if name := tagText(f.name, maxTagKey); len(m) < maxTags && name != "" && !strings.HasPrefix(strings.ToLower(name), "aws:") {
			m[name] = tagText(f.value, maxTagValue)
		}
	}
	return m
}

// tagText replaces what tags must not hold.
func tagText(s string, size int) string {
	s = strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(" +-=._:/@", r) {
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), size)]
}

// meta gives a value of the object's metadata; empty if there is none.
func meta(info minio.ObjectInfo, name string) string {
	for k, v := range info.UserMetadata {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}
