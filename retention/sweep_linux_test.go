package retention

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// zipped is a capture as memvault compress stores it.
func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The manifest of a stored capture goes when the capture cannot come back any more; what only looks
// like one stays.
func TestSweep(t *testing.T) {
	f := newTree(t)
	now := time.Now()
	manifest := []byte("{\n  \"schema\": 1,\n  \"memvault\": \"v1\"\n}\n")
	f.write("a.bin.zst", zipped(t, finished(t, now.Add(-40*day))))
	f.write("a.bin.zst.json", manifest)
	f.write("b.bin.zst", zipped(t, finished(t, now.Add(-10*day))))
	f.write("b.bin.zst.json", manifest)
	f.write("c.bin.zst.json", []byte(`{"name": "of somebody else"}`))
	f.write("d.bin.json", manifest)
	f.must(os.Symlink(f.path("d.bin.json"), f.path("e.bin.zst.json")))
	o := CleanOptions{Policy: Policy{MaxAge: new(30 * day)}, Undo: time.Hour, State: t.TempDir()}

	f.mustClean(o)
	all := []string{"a.bin.zst", "a.bin.zst.json", "b.bin.zst", "b.bin.zst.json", "c.bin.zst.json", "d.bin.json", "e.bin.zst.json"}
	f.wantNames(all...)
	o.Yes = true
	f.mustClean(o)
	f.wantNames(all[1:]...) // a.bin.zst can be put back
	o.Undo, o.Policy.MaxAge = 0, new(9*day)
	f.must(os.RemoveAll(f.path(TrashDir)))
	f.mustClean(o)
	f.wantNames(all[4:]...)
}
