package archive

import (
	"encoding/json"
	"flag"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/codec"
)

var update = flag.Bool("update", false, "rewrite the expected manifests")

// sample is a survey with everything in it, hostile texts included.
func sample() (*Survey, Stored) {
	peak, leaked, n := uint64(1<<40), uint64(7), uint64(12)
	d := Digest{Size: 1000, SHA256: [32]byte{1, 2, 3}}
	start := time.Date(2026, 1, 2, 15, 4, 5, 678_000_000, time.UTC)
	s := &Survey{
		Name: "scheduler_memory.bin", Component: "scheduler", Host: "h\x1b[31m",
		Content: ContentRaw, Container: "lz4", File: d, Raw: Digest{Size: 5000, SHA256: [32]byte{9}},
		Header: &codec.Header{
			Version: 13, PythonVersion: 0x030c01f0, CommandLine: "airflow --password hush \u009b31m" + strings.Repeat("x", MaxCommandLine),
			PID: 77, PythonAllocator: 1, TracesPython: true, Word: 8, NativeTraces: true, SysPath: []string{"/srv/secret"},
		},
		State: codec.StateUnfinished, Reason: "no trailer", Start: start, End: start.Add(90 * time.Second),
		RSSPeak: 1 << 30, HeapPeak: &peak, Leaked: &leaked, Allocations: &n,
	}
	st := Stored{Digest: Digest{Size: 900, SHA256: [32]byte{4}}, CRC32C: 0xcead05a2, CRC64NVME: 0xae8b14860a799888, Codec: CodecZstd, Level: LevelDefault, Frames: 1}
	return s, st
}

func TestManifest(t *testing.T) {
	s, st := sample()
	none := *s
	none.Header, none.State, none.Content, none.Container, none.Raw = nil, codec.StateUnknown, ContentFile, "", s.File
	none.Start, none.End, none.RSSPeak, none.HeapPeak, none.Leaked, none.Allocations = time.Time{}, time.Time{}, 0, nil, nil, nil
	stNone := st
	stNone.Codec, stNone.Level, stNone.Frames, stNone.Digest = CodecNone, "", 0, s.File
	for _, tt := range []struct {
		name string
		s    *Survey
		st   Stored
		o    Options
	}{
		{"all", s, st, Options{Version: "v1.2.3", Labels: map[string]string{"team": "data"}, Idle: true}},
		{"redacted", s, st, Options{Version: "v1.2.3", Redact: true}},
		{"no-capture", &none, stNone, Options{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := NewManifest(tt.s, tt.st, tt.o)
			got, err := m.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "manifest-"+tt.name+".json")
			if *update {
				if err := os.WriteFile(golden, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got %s\nwant %s", got, want)
			}
			back, err := ParseManifest(got)
			if err != nil || !reflect.DeepEqual(back, m) {
				t.Errorf("parsed again: %+v, %v; want %+v", back, err, m)
			}
			if tt.o.Redact && (strings.Contains(string(got), "hush") || strings.Contains(string(got), "secret") || strings.Contains(string(got), "_memory.bin")) {
				t.Errorf("redacted, but: %s", got)
			}
		})
	}
}

// Each row breaks one good manifest.
func TestParseManifest(t *testing.T) {
	s, st := sample()
	good, err := NewManifest(s, st, Options{Labels: map[string]string{"a": "b"}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	stored := func(m map[string]any) map[string]any { return m["stored"].(map[string]any) }
	tests := []struct {
		name string
		edit func(m map[string]any)
		want string // within the error; empty: no error
	}{
		{"as it is", func(map[string]any) {}, ""},
		{"unknown key", func(m map[string]any) { m["new"] = 1 }, ""},
		{"unknown codec", func(m map[string]any) { stored(m)["codec"] = "brotli" }, ""},
		{"newer schema", func(m map[string]any) { m["schema"] = 2 }, "schema 2, this version reads 1"},
		{"no schema", func(m map[string]any) { delete(m, "schema") }, "schema 0"},
		{"negative size", func(m map[string]any) { m["raw"].(map[string]any)["bytes"] = -1 }, "bytes: -1"},
		{"huge size", func(m map[string]any) { m["raw"].(map[string]any)["bytes"] = 1e30 }, "manifest: "},
		{"short digest", func(m map[string]any) { m["file"].(map[string]any)["sha256"] = "00" }, "2 characters, want 64"},
		{"no hex", func(m map[string]any) { m["file"].(map[string]any)["sha256"] = strings.Repeat("z", 64) }, "invalid byte"},
		{"no digest", func(m map[string]any) { delete(m, "stored") }, "stored: no digest"},
		{"zero digest", func(m map[string]any) { stored(m)["sha256"] = strings.Repeat("0", 64) }, "stored: no digest"},
		{"checksum", func(m map[string]any) { stored(m)["crc32c"] = "AAAA" }, "crc32c: 4 characters"},
		{"content", func(m map[string]any) { m["content"] = "other" }, `content "other"`},
		{"file that is not raw", func(m map[string]any) { m["content"] = "file" }, "raw is not"},
		{"copy that is not the file", func(m map[string]any) { stored(m)["codec"] = "none" }, "stored is not the file"},
		{"larger than zstd can be", func(m map[string]any) { stored(m)["bytes"] = 1 << 20 }, "bytes of zstd for 5000"},
		{"no codec", func(m map[string]any) { delete(stored(m), "codec") }, "no codec"},
		{"no state", func(m map[string]any) { delete(m, "state") }, "no state"},
		{"long name", func(m map[string]any) { m["name"] = strings.Repeat("x", maxText+1) }, "name: 1025 bytes"},
		{"long command line", func(m map[string]any) {
			m["capture"].(map[string]any)["command_line"] = strings.Repeat("x", MaxCommandLine+1)
		}, "command_line: 4097 bytes"},
		{"label of control characters", func(m map[string]any) { m["labels"] = map[string]any{"a": "\x1b["} }, `label "a"`},
		{"wrong type", func(m map[string]any) { m["name"] = 7 }, "manifest: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m map[string]any
			if err := json.Unmarshal(good, &m); err != nil {
				t.Fatal(err)
			}
			tt.edit(m)
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseManifest(text)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
	for _, text := range []string{"", "null", "[]", "{", strings.Repeat(" ", MaxManifest+1), `{"schema":1}`} {
		if m, err := ParseManifest([]byte(text)); err == nil {
			t.Errorf("%.20q: got %+v, want an error", text, m)
		}
	}
}

func TestCheckLabels(t *testing.T) {
	many := map[string]string{}
	for i := range MaxLabels + 1 {
		many[strings.Repeat("x", i+1)] = ""
	}
	fits := maps.Clone(many)
	delete(fits, "x")
	for _, tt := range []struct {
		name   string
		labels map[string]string
		ok     bool
	}{
		{"none", nil, true}, {"one", map[string]string{"team": "größe 1"}, true}, {"as many as may be", fits, true},
		{"too many", many, false}, {"no name", map[string]string{"": "x"}, false}, {"empty value", map[string]string{"x": ""}, true},
		{"long name", map[string]string{strings.Repeat("x", MaxLabel+1): ""}, false},
		{"long value", map[string]string{"x": strings.Repeat("x", MaxLabel+1)}, false},
		{"control character", map[string]string{"x": "\x07"}, false}, {"wrong UTF-8", map[string]string{"\xff": ""}, false},
	} {
		if err := CheckLabels(tt.labels); (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want no error: %t", tt.name, err, tt.ok)
		}
	}
}

// The checksums are those of the standards, and are written as object stores write them.
func TestChecksums(t *testing.T) {
	out := newSink(&full{100})
	if _, err := out.Write([]byte("123456789")); err != nil {
		t.Fatal(err)
	}
	st := out.stored()
	if st.CRC32C != 0xe3069283 || st.CRC64NVME != 0xae8b14860a799888 || st.Digest != digestOf([]byte("123456789")) {
		t.Errorf("got %#x, %#x, %+v", st.CRC32C, st.CRC64NVME, st.Digest)
	}
	if st.CRC32CText() != "4waSgw==" || st.CRC64NVMEText() != "rosUhgp5mIg=" {
		t.Errorf("got %s, %s", st.CRC32CText(), st.CRC64NVMEText())
	}
	if got := crc32.Checksum([]byte("123456789"), crc32.MakeTable(crc32.Castagnoli)); got != st.CRC32C {
		t.Errorf("got %#x", got)
	}
}

func TestClip(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""}, {"abc", "abc"}, {"abcdef", "abcde"}, {"abcdö", "abcd"}, {"a\xffb", "a\uFFFDb"}, {"\xff\xfe\xffa", "\uFFFDa"}, {"a\xffb\xffc", "a\uFFFDb"},
	} {
		if got := clip(tt.in, 5); got != tt.want {
			t.Errorf("clip(%q, 5): got %q, want %q", tt.in, got, tt.want)
		}
	}
}
