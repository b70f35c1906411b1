package flamegraph_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/flamegraph"
	"github.com/memvault/memvault/heap"
)

// hostile are texts that mean something to a browser, a terminal or a reader's eye.
var hostile = []string{
	`</script><img src=x onerror="ran('img')">`,
	`<!--<script>ran('comment')`,
	`"><svg onload=ran('svg')>`,
	`javascript:ran('url')`,
	`{{.Policy}} ${ran('template')} ` + "`",
	"\x1b[31mred\x07",
	"\u202egnp.exe\u2066",
	"nul\x00 and line\nbreak\u2028",
	`lone \ud800 surrogate` + "\ufffd",
	"שלום عالم",
	"</STYLE></title></textarea></noscript>",
}

// hostileProfile has these texts wherever a capture has texts.
func hostileProfile() *heap.Profile {
	p := newProfiler()
	p.Header.CommandLine = strings.Join(hostile, " ")
	for i, text := range hostile {
		p.Threads = append(p.Threads, heap.Thread{ID: uint64(10 + i), Name: text})
		p.add(uint32(len(p.Threads)-1), uint64(1000*(i+1)), frame(text, text, 1), frame("f "+text, "/srv/"+text+".py", 2))
	}
	p.Status = codec.Status{State: codec.StateDamaged, Err: errors.New(hostile[0]), Reason: hostile[0]}
	p.series(10)
	return p.Profile
}

// No text of a capture is markup in the page.
func TestEscaping(t *testing.T) {
	page := write(t, hostileProfile(), flamegraph.Options{})
	plain := write(t, small(), flamegraph.Options{})
	for _, tag := range []string{"<script", "</script", "<style", "</style", "<img", "<svg", "<!--", "</title", "</noscript"} {
		got, want := bytes.Count(bytes.ToLower(page), []byte(tag)), bytes.Count(bytes.ToLower(plain), []byte(tag))
		if got != want {
			t.Errorf("%s: got %d in the page, want %d", tag, got, want)
		}
	}
	if i := bytes.IndexFunc(page, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x202e || r == 0x2028 }); i >= 0 {
		t.Errorf("control character at %d: %q", i, page[max(i-40, 0):i+10])
	}
}

// What the head of the page says of captures that lack something.
func TestFacts(t *testing.T) {
	tests := []struct {
		name   string
		change func(p *heap.Profile)
		want   []string
		not    []string
	}{
		{"plain", func(*heap.Profile) {},
			[]string{"serve.py --port 80", "10.000 MB", "3.12.1", "1.19.0-1.19.3", "2026-09-21 14:13:20 UTC", "1 min 0 s"},
			[]string{`class="warning" role`, `class="note"`}},
		{"killed", func(p *heap.Profile) {
			p.Status = codec.Status{
				State: codec.StateUnfinished, Reason: "no trailer: the process still runs, or was killed",
				Records: 12345, Bytes: 0x4c1, LastTime: start + 90*second,
			}
		}, []string{
			"This capture is incomplete.", "No trailer: the process still runs, or was killed.", "12,345 records, up to offset 0x4c1",
			"2026-09-21 14:14:50 UTC", "1 min 30 s",
		}, nil},
		{"window", func(p *heap.Profile) { p.Window = &heap.Window{From: start + 10*second, Until: start + 3700*second} },
			[]string{"from 10 s to 1 h 1 min after its start"}, nil},
		{"aggregated", func(p *heap.Profile) { p.Aggregated = true }, []string{"An aggregated capture"}, []string{"<dt>Events</dt>"}},
		{"native", func(p *heap.Profile) { p.Header.NativeTraces = true }, []string{"the page shows the Python stacks only"}, nil},
		{"like Memray", func(p *heap.Profile) { p.LikeMemray = true }, []string{"Memray&#39;s own"}, nil},
		{"undefined", func(p *heap.Profile) { p.Unknown = 1234 }, []string{"1,234 references"}, nil},
		{"no series", func(p *heap.Profile) { p.Series = nil }, []string{"no memory records"}, nil},
		{"no command line", func(p *heap.Profile) { p.Header.CommandLine = "" }, []string{"(no command line)"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := small()
			tt.change(p)
			page := string(write(t, p, flamegraph.Options{}))
			head := page[strings.Index(page, "<body>"):strings.Index(page, "</header>")]
			for _, want := range tt.want {
				if !strings.Contains(head, want) {
					t.Errorf("no %q in the head: %s", want, head)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(head, not) {
					t.Errorf("%q is in the head: %s", not, head)
				}
			}
		})
	}
}

// The page names no address that a browser could ask for.
func TestSelfContained(t *testing.T) {
	page := string(write(t, small(), flamegraph.Options{}))
	for _, bad := range []string{"http://", "https://", "src=", "href=", "url(", "@import", "import(", "fetch(", "innerHTML", "eval("} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q in it", bad)
		}
	}
	if !strings.Contains(page, `default-src &#39;none&#39;`) {
		t.Error("no content security policy")
	}
}
