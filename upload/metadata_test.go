package upload

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"golang.org/x/net/http/httpguts"

	"github.com/memvault/memvault/archive"
)

func TestMetadata(t *testing.T) {
	s := sampleSurvey()
	s.Host = "näme\x1b \n"
	s.RSSPeak = 1 << 30
	s.End = s.Start.Add(90e9)
	s.Header.CommandLine = "run.py --password=geheim"
	s.Name = "/secret/path.bin"
	labels := map[string]string{"keep": "30d", "ü b": "x&y"}
	got := metadata(s, archive.Options{Labels: labels, Idle: true})
	want := map[string]string{
		"memvault-raw-sha256": strings.Repeat("0123456789abcdef", 4), "memvault-raw-bytes": "0", "memvault-codec": "zstd",
		"memvault-component": "scheduler", "memvault-host": "n%C3%A4me%1B%20%0A", "memvault-rss-peak-bytes": "1073741824",
		"memvault-seconds": "90.000", "memvault-labels": "keep=30d&%C3%BC+b=x%26y",
		"memvault-memray": headerValue(s.Header.Releases()), "memvault-state": headerValue(s.StateText(true)), "memvault-python": headerValue(s.Header.Python()),
	}
	for name, value := range want {
		if got[name] != value && value != "" {
			t.Errorf("%s: got %q, want %q", name, got[name], value)
		}
	}
	for name := range got {
		if want[name] == "" {
			t.Errorf("%s: got %q, want none", name, got[name])
		}
	}
}

// TestMetadataFits: whatever the labels are, stores take metadata and tags.
func TestMetadataFits(t *testing.T) {
	s := sampleSurvey()
	s.Component, s.Host = strings.Repeat("ü", 2000), strings.Repeat("\n", 2000)
	o := archive.Options{Labels: map[string]string{}}
	for i := range archive.MaxLabels {
		o.Labels[fmt.Sprintf("label %d %s", i, strings.Repeat("ö", 50))] = strings.Repeat("é&\x00", 60)
	}
	m := withHeaders(metadata(s, o), metaToken, strings.Repeat("T", 26))
	if n := metadataSize(m); n > maxMetadata {
		t.Errorf("metadata: got %d bytes, want %d or fewer", n, maxMetadata)
	}
	for name, value := range m {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) || strings.TrimSpace(value) != value {
			t.Errorf("%q: %q is no header", name, value)
		}
	}
	put := minio.PutObjectOptions{UserTags: tags(s, o, strings.Repeat("T", 26))}
	if header := put.Header(); header.Get("X-Amz-Tagging") == "" || len(put.UserTags) != maxTags {
		t.Errorf("tags: got %d, %q, want %d that the client takes", len(put.UserTags), header.Get("X-Amz-Tagging"), maxTags)
	}
}

func TestTags(t *testing.T) {
	got := tags(sampleSurvey(), archive.Options{Labels: map[string]string{"keep": "30d", "aws:x": "y", "team": "a"}}, "TOKEN")
	for name, want := range map[string]string{
		"component": "scheduler", "host": "node-1", "keep": "30d", "team": "a", "upload-token": "TOKEN",
		"raw-sha256": strings.Repeat("0123456789abcdef", 4), "aws:x": "",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
}

func TestMetaIgnoresCase(t *testing.T) {
	info := minio.ObjectInfo{UserMetadata: minio.StringMap{http.CanonicalHeaderKey(metaToken): "x"}}
	if got := meta(info, metaToken); got != "x" {
		t.Errorf("meta: got %q, want x", got)
	}
}
