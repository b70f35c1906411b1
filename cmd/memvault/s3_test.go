package main

import (
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/upload"
)

func TestLocalName(t *testing.T) {
	tests := []struct{ name, key, want string }{
		{"usual", "v1/scheduler/2026/01/02/x.bin.zst", "x.bin.zst"},
		{"no folder", "x.bin.zst", "x.bin.zst"},
		{"parent", "a/..", ""},
		{"this", "a/.", ""},
		{"slash", "a/", "a"},
		{"hidden", "a/.bashrc", ""},
		{"a flag", "a/-rf", ""},
		{"backslashes", `a/..\..\x`, ""},
		{"drive", "a/c:x", ""},
		{"line", "a/b\nc", ""},
		{"escape", "a/\x1b[31m", ""},
		{"NUL", "a/b\x00", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := localName(tt.key)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// What a manifest says cannot leave its column, nor do anything to a terminal.
func TestRowOfHostileEntry(t *testing.T) {
	huge, ages, evil := uint64(1<<64-1), 1e300, "\x1b[2J\t\n\u202e\x9b"
	e := upload.Entry{Key: evil, Size: -1, Summary: &upload.Summary{
		Component: evil, Host: evil, State: evil, Seconds: &ages, RSSPeak: &huge, HeapPeak: &huge, RawBytes: -1,
	}}
	line := strings.Join(rowOf(&e), "|")
	for _, c := range []string{"\x1b", "\t", "\n", "\u202e", "\x9b"} {
		if strings.Contains(line, c) {
			t.Errorf("got %q, want it without %q", line, c)
		}
	}
	if peakOf(e) < 0 {
		t.Errorf("peak of 2^64-1: got %d, want it above 0", peakOf(e))
	}
}

func TestParseWhen(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"2026-01-02":           time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
		"2026-01-02T03:04":     time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC),
		"2026-01-02T03:04:05Z": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"36h":                  now.Add(-36 * time.Hour),
		"7d":                   now.Add(-7 * 24 * time.Hour),
	} {
		if got, err := parseWhen(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "7", "5m", "yesterday", "2026-13-01"} {
		if got, err := parseWhen(in, now); err == nil {
			t.Errorf("%q: got %v, want an error", in, got)
		}
	}
}

func TestParseTagAge(t *testing.T) {
	for in, want := range map[string]struct {
		tag  upload.Tag
		days int
	}{
		"keep=7d:7d":  {upload.Tag{Key: "keep", Value: "7d"}, 7},
		"a=b:c=d:25h": {upload.Tag{Key: "a", Value: "b:c=d"}, 2},
		"empty=:1d":   {upload.Tag{Key: "empty"}, 1},
	} {
		if tag, days, err := parseTagAge(in); err != nil || tag != want.tag || days != want.days {
			t.Errorf("%q: got %v, %d, %v, want %v, %d", in, tag, days, err, want.tag, want.days)
		}
	}
	for _, in := range []string{"", "keep", "keep=7d", "=7d:7d", "keep=7d:0s", "keep=7d:7", "keep=7d:-1d"} {
		if tag, days, err := parseTagAge(in); err == nil {
			t.Errorf("%q: got %v, %d, want an error", in, tag, days)
		}
	}
}
