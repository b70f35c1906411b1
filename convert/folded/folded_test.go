package folded_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/convert/folded"
	"github.com/memvault/memvault/convert/internal/converttest"
	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/browser"
)

func write(t *testing.T, p *heap.Profile, o folded.Options) string {
	t.Helper()
	var buf bytes.Buffer
	if err := folded.Write(&buf, p, o); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func value(v heap.View, count, bytes uint64) (out [heap.Views]heap.Value) {
	out[v] = heap.Value{Count: count, Bytes: bytes}
	return out
}

// hostile has names that try to be something else.
func hostile() *heap.Profile {
	return &heap.Profile{
		Header: codec.Header{Version: 13},
		Frames: []heap.Frame{
			{Function: "<module>", File: "/lib/python3.12/site-packages/etl/run.py", Line: 1},
			{Function: "a;b 12", File: "/srv/x;y\n 7.py", Line: 3},
			{Function: "evil 99", File: ""},
			{Function: "", File: ""},
		},
		Stacks: []heap.Stack{
			{}, {Depth: 1}, {Parent: 1, Frame: 1, Depth: 2}, {Parent: 1, Frame: 2, Depth: 2}, {Parent: 2, Frame: 3, Depth: 3},
		},
		Threads: []heap.Thread{{ID: 1}, {ID: 2}},
		Samples: []heap.Sample{
			{Stack: 2, Values: value(heap.Peak, 4, 300)},
			{Stack: 2, Thread: 1, Values: value(heap.Peak, 1, 7)},
			{Stack: 3, Values: value(heap.Peak, 2, 10)},
			{Stack: 4, Values: value(heap.Peak, 3, 1<<64-1)},
			{Stack: 0, Values: value(heap.Peak, 1, 5)},
			{Stack: 1, Values: value(heap.Peak, 1, 0)},
		},
	}
}

func TestWrite(t *testing.T) {
	tests := []struct {
		name string
		o    folded.Options
		want string
	}{
		{"bytes", folded.Options{View: heap.Peak}, `<stack trace unavailable> 5
etl.run.<module> (run.py:1);evil 99 (<unknown>) 10
etl.run.<module> (run.py:1);x\x3by\n 7.a\x3bb 12 (x\x3by\n 7.py:3) 307
etl.run.<module> (run.py:1);x\x3by\n 7.a\x3bb 12 (x\x3by\n 7.py:3);<unknown> 18446744073709551615
`},
		{"counts, bare names", folded.Options{View: heap.Peak, Counts: true, BareNames: true}, `<module> (/lib/python3.12/site-packages/etl/run.py:1) 1
<module> (/lib/python3.12/site-packages/etl/run.py:1);a\x3bb 12 (/srv/x\x3by\n 7.py:3) 5
<module> (/lib/python3.12/site-packages/etl/run.py:1);a\x3bb 12 (/srv/x\x3by\n 7.py:3);<unknown> 3
<module> (/lib/python3.12/site-packages/etl/run.py:1);evil 99 (<unknown>) 2
<stack trace unavailable> 1
`},
		{"nothing", folded.Options{View: heap.Live}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := write(t, hostile(), tt.o); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// The weights of all captures add up to the views, whatever is merged.
func TestSums(t *testing.T) {
	for _, c := range converttest.Captures(t) {
		p := c.Read(t, heap.Options{})
		for v := range heap.View(heap.Views) {
			if p.Aggregated && v != heap.Live && v != heap.Peak {
				continue
			}
			want := uint64(0)
			for i := range p.Samples {
				want += p.Samples[i].Values[v].Bytes
			}
			got := uint64(0)
			for line := range strings.Lines(write(t, p, folded.Options{View: v})) {
				line = strings.TrimSuffix(line, "\n")
				n, err := strconv.ParseUint(line[strings.LastIndexByte(line, ' ')+1:], 10, 64)
				if err != nil {
					t.Fatalf("%s: line %q: %v", c.Name, line, err)
				}
				got += n
			}
			if got != want {
				t.Errorf("%s, %s: got %d bytes, want %d", c.Name, v, got, want)
			}
		}
	}
}

// Neither a chain of calls that never return nor a long name in it can fill the disk.
func TestLimit(t *testing.T) {
	for want, p := range map[string]*heap.Profile{
		"frames": converttest.Chain(50_000, "f"), "bytes": converttest.Chain(1000, strings.Repeat("f", 1<<20)),
	} {
		var buf bytes.Buffer
		err := folded.Write(&buf, p, folded.Options{View: heap.Peak})
		if err == nil || !strings.Contains(err.Error(), want) || buf.Len() > 0 {
			t.Errorf("%s: got %d bytes, error %v; want that error before the first", want, buf.Len(), err)
		}
	}
}

// inferno makes a flame graph of it, with the sum and a known frame.
func TestTool(t *testing.T) {
	if _, err := exec.LookPath("inferno-flamegraph"); err != nil {
		t.Skip("no inferno-flamegraph; `.ci/tools inferno` installs it, which takes some minutes")
	}
	p := converttest.Find(t, "memray-1.20.0-py3.12/mixed.bin").Read(t, heap.Options{})
	cmd := exec.Command("inferno-flamegraph", "--countname", "bytes")
	cmd.Stdin = strings.NewReader(write(t, p, folded.Options{View: heap.Peak}))
	svg, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"all (" + group(p.PeakBytes) + " bytes, 100%)", "mixed.peak_then_drop (mixed.py:"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("got no %q in the picture", want)
		}
	}
	if err := os.WriteFile(filepath.Join(browser.Artifacts(t), "inferno.svg"), svg, 0o666); err != nil {
		t.Fatal(err)
	}
}

// group puts commas between groups of three digits.
func group(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
