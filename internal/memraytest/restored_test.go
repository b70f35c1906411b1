package memraytest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/memvault/memvault/archive"
)

// checkRestored stores and restores the captures, and wants p to say of what comes back what it
// says of the captures themselves.
func checkRestored(t *testing.T, p pair, python string, captures []string) {
	t.Helper()
	dir := t.TempDir()
	var restored []string
	for _, path := range captures {
		to := filepath.Join(dir, filepath.Base(path))
		restore(t, path, to)
		restored = append(restored, to)
	}
	program := filepath.Join(filepath.Dir(captures[0]), "dump_expected.py")
	if out, err := run(t, dir, python, append([]string{program}, restored...)...); err != nil {
		t.Fatalf("Memray %s reads what was restored: %v: %s", p.version, err, out)
	}
	for i, path := range captures {
		want, got := dumped(t, path+".expected.json.gz"), dumped(t, restored[i]+".expected.json.gz")
		if !bytes.Equal(got, want) {
			t.Errorf("%s: Memray says something else of it once it is restored", filepath.Base(path))
		}
	}
}

func restore(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := archive.Examine(t.Context(), f, archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Content != archive.ContentRaw {
		t.Errorf("%s: stored as %s (%s, %s), want %s", from, s.Content, s.State, s.Reason, archive.ContentRaw)
	}
	var stored, out bytes.Buffer
	st, err := archive.Encode(t.Context(), &stored, f, s, archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Restore(t.Context(), &out, &stored, archive.NewManifest(s, st, archive.Options{})); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, out.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

// dumped gives what a dump holds, with the rows of views in an order of their own: Memray's is that of
// a hash table.
func dumped(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.NewDecoder(z).Decode(&all); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	views := all["views"].(map[string]any)
	for name, rows := range views {
		var texts []string
		for _, row := range rows.([]any) {
			text, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		slices.Sort(texts)
		views[name] = texts
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
