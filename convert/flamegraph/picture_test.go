package flamegraph_test

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/browser"
)

var update = flag.Bool("update", false, "make the picture in docs anew")

// The picture that the README shows. This command makes it:
//
//	go test ./convert/flamegraph -run=TestPicture -update
//
// How letters look differs from machine to machine, so only its size is compared.
func TestPicture(t *testing.T) {
	const width, height = 1280, 640
	p := readCapture(t, filepath.Join(captures, "memray-1.20.0-py3.12", "pymalloc.bin"), heap.Options{})
	tb := show(t, p)
	tb.Do(chromedp.EmulateViewport(width, height))
	tb.load("#view=leaks")
	tb.wantTip(0.4, 7, "partial_unmap", "1.049 MB, 62.8 %")
	tb.Screenshot("flamegraph")
	made, err := os.ReadFile(filepath.Join(browser.Artifacts(t), "flamegraph.png"))
	if err != nil {
		t.Fatal(err)
	}
	const docs = "../../docs/flamegraph.png"
	if *update {
		if err := os.WriteFile(docs, made, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	for what, picture := range map[string][]byte{"made": made, docs: kept} {
		c, err := png.DecodeConfig(bytes.NewReader(picture))
		if err != nil || c.Width != width || c.Height != height {
			t.Errorf("%s: got %d by %d pixels, %v; want %d by %d", what, c.Width, c.Height, err, width, height)
		}
	}
}
