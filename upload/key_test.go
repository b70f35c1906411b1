package upload

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/codec"
)

func sampleSurvey() *archive.Survey {
	s := &archive.Survey{
		Component: "scheduler", Host: "node-1", Start: time.Date(2026, 1, 2, 15, 4, 5, 999e6, time.UTC),
		Header: &codec.Header{PID: 77}, Identity: archive.Identity{Modified: time.Date(2020, 3, 4, 5, 6, 7, 0, time.UTC)},
	}
	_, _ = hex.Decode(s.Raw.SHA256[:], []byte(strings.Repeat("0123456789abcdef", 4)))
	return s
}

func TestKey(t *testing.T) {
	headless := sampleSurvey()
	headless.Header, headless.Start = nil, time.Time{}
	hostile := sampleSurvey()
	hostile.Component, hostile.Host = "../a/b\x1b[2J", ".."
	long := sampleSurvey()
	long.Component = strings.Repeat("a", 500)
	for _, tt := range []struct {
		name, prefix, template string
		s                      *archive.Survey
		codec                  archive.Codec
		want                   string
	}{
		{"default", "captures", "", sampleSurvey(), "", "captures/v1/scheduler/2026/01/02/20260102T150405Z-77-0123456789abcdef.bin.zst"},
		{"no prefix", "", "", sampleSurvey(), archive.CodecZstd, "v1/scheduler/2026/01/02/20260102T150405Z-77-0123456789abcdef.bin.zst"},
		{"as it is", "", "", sampleSurvey(), archive.CodecNone, "v1/scheduler/2026/01/02/20260102T150405Z-77-0123456789abcdef.bin"},
		{"no header", "", "", headless, "", "v1/scheduler/2020/03/04/20200304T050607Z-0-0123456789abcdef.bin.zst"},
		{"own template", "p", "{host}/{sha256}", sampleSurvey(), "", "p/node-1/0123456789abcdef"},
		{"hostile", "p", "", hostile, "", "p/v1/.._a_b__2J/2026/01/02/20260102T150405Z-77-0123456789abcdef.bin.zst"},
		{"hostile host", "p", "{host}/{sha256}", hostile, "", "p/unknown/0123456789abcdef"},
		{"long", "", "{component}/{sha256}", long, "", strings.Repeat("a", maxKeyWord) + "/0123456789abcdef"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Key(Place{"bucket", tt.prefix}, tt.template, tt.s, tt.codec)
			if err != nil || got != tt.want {
				t.Errorf("Key: got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestCheckTemplate(t *testing.T) {
	for _, bad := range []string{"{start}", "{sha256}{what}", "{sha256}}", "{sha256}/../x", "{sha256}{", "a//{sha256}", "{sha256}\n"} {
		if err := CheckTemplate(bad); err == nil {
			t.Errorf("CheckTemplate(%q): got nil", bad)
		}
	}
	for _, good := range []string{"", DefaultTemplate, "{sha256}", "/x/{host}-{sha256}/"} {
		if err := CheckTemplate(good); err != nil {
			t.Errorf("CheckTemplate(%q): got %v", good, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	const key = "v1/scheduler/2026/01/02/20260102T150405Z-77-0123456789abcdef.bin"
	facts := KeyFacts{Component: "scheduler", Start: time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC), PID: 77, SHA256: "0123456789abcdef"}
	with := func(change func(*KeyFacts)) KeyFacts { f := facts; change(&f); return f }
	for _, tt := range []struct {
		prefix, key string
		want        KeyFacts
		ok          bool
	}{
		{"", key + ".zst", facts, true},
		{"", key, with(func(f *KeyFacts) { f.Plain = true }), true},
		{"", key + ".zst.json", with(func(f *KeyFacts) { f.Manifest = true }), true},
		{"", "a/b/" + key + ".zst", with(func(f *KeyFacts) { f.Prefix = "a/b" }), true},
		{"a", "a/b/" + key + ".zst", with(func(f *KeyFacts) { f.Prefix = "a/b" }), true},
		{"a/b", "a/b/" + key + ".zst", with(func(f *KeyFacts) { f.Prefix = "a/b" }), true},
		{"a", "ab/" + key + ".zst", KeyFacts{}, false},
		{"a", key + ".zst", KeyFacts{}, false},
		{"", "v1/scheduler/2026/01/03/20260102T150405Z-77-0123456789abcdef.bin", KeyFacts{}, false},
		{"", "v1/scheduler/2026/13/02/20261302T150405Z-77-0123456789abcdef.bin", KeyFacts{}, false},
		{"", "v1/a/b/2026/01/02/20260102T150405Z-77-0123456789abcdef.bin", KeyFacts{}, false},
		{"", "v1/scheduler/2026/01/02/20260102T150405Z-77-0123456789ABCDEF.bin", KeyFacts{}, false},
		{"", key + ".gz", KeyFacts{}, false},
		{"", "", KeyFacts{}, false},
	} {
		if got, ok := ParseKey(tt.prefix, tt.key); got != tt.want || ok != tt.ok {
			t.Errorf("ParseKey(%q, %q): got %+v, %v, want %+v, %v", tt.prefix, tt.key, got, ok, tt.want, tt.ok)
		}
	}
}

func TestParseURL(t *testing.T) {
	for url, want := range map[string]Place{
		"s3://bucket": {"bucket", ""}, "s3://bucket/": {"bucket", ""}, "s3://bucket/a/b/": {"bucket", "a/b"}, "s3://bucket/a b": {"bucket", "a b"},
	} {
		if got, err := ParseURL(url); err != nil || got != want {
			t.Errorf("ParseURL(%q): got %+v, %v, want %+v", url, got, err, want)
		}
	}
	for _, bad := range []string{"bucket", "s3://", "s3:///key", "s3://B_/x", "s3://bucket/../x", "s3://bucket/a//b", "s3://bucket/a\nb", "http://bucket/a"} {
		if got, err := ParseURL(bad); err == nil {
			t.Errorf("ParseURL(%q): got %+v, want an error", bad, got)
		}
	}
}

func FuzzKey(f *testing.F) {
	f.Add("scheduler", "host", "captures", int32(1), int64(1e9))
	f.Add("../\x00", "\xff", "é/ü", int32(-5), int64(-1e18))
	f.Fuzz(func(t *testing.T, component, host, prefix string, pid int32, start int64) {
		s := &archive.Survey{Component: component, Host: host, Header: &codec.Header{PID: pid}, Start: time.Unix(start%4e11, 0)}
		p := Place{"bucket", strings.Trim(prefix, "/")}
		if p.Check() != nil || s.Start.Year() < 1 || s.Start.Year() > 9999 {
			return
		}
		key, err := Key(p, "", s, "")
		if err != nil {
			return
		}
		facts, ok := ParseKey(p.Prefix, key)
		if !ok || facts.PID != int(max(pid, 0)) || !facts.Start.Equal(s.Start) {
			t.Errorf("ParseKey(%q, %q): got %+v, %v", p.Prefix, key, facts, ok)
		}
	})
}
