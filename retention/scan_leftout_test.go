package retention

import (
	"os"
	"path/filepath"
	"testing"
)

// Whoever asks is told of folders that cannot be entered: what lies there is not found.
func TestScanLeftOut(t *testing.T) {
	if os.Geteuid() <= 0 {
		t.Skip("the superuser and Windows enter any folder")
	}
	dir := t.TempDir()
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0); err != nil {
		t.Fatal(err)
	}
	var got []string
	_, err := Scan(t.Context(), dir, ScanOptions{Recursive: true, LeftOut: func(folder string, err error) {
		if os.IsPermission(err) {
			got = append(got, folder)
		}
	}})
	if err != nil || len(got) != 1 || got[0] != locked {
		t.Errorf("got %q, %v, want %q", got, err, locked)
	}
}
