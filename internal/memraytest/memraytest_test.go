package memraytest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/cpython"
)

func TestMemray(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: installs Memray and records captures")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the recorded programs call functions that only Linux has")
	}
	found := cpython.Find()
	if len(found) == 0 {
		t.Skip("no CPython 3.7 or later found in PATH or among pyenv's")
	}
	all := os.Getenv("MEMVAULT_MATRIX") == "all"
	for _, r := range releases {
		if len(r.usual) == 0 && !all {
			continue
		}
		pythons := r.pythons(found, all)
		if len(pythons) == 0 {
			t.Run("memray-"+r.version, func(t *testing.T) { t.Skipf("no CPython 3.%d to 3.%d found", r.oldest, r.newest) })
		}
		for _, python := range pythons {
			p := pair{release: r, python: python}
			t.Run(p.String(), func(t *testing.T) {
				t.Parallel()
				testPair(t, p)
			})
		}
	}
}

// testPair records captures with p and compares each with what p says of it.
func testPair(t *testing.T, p pair) {
	python := Venv(t, p.version, p.python)
	captures := record(t, p, python)
	t.Run("restored", func(t *testing.T) { checkRestored(t, p, python, captures) })
	for _, path := range captures {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want := load(t, path+".expected.json.gz")
			if want.Memray != p.version || len(want.Views["peak"]) == 0 || len(want.Views["leaks"]) == 0 {
				t.Fatalf("Memray %s says %d rows of peak, %d of leaks; errors %v", want.Memray, len(want.Views["peak"]), len(want.Views["leaks"]), want.Errors)
			}
			compare(t, path, want)
			// Memray's mistakes aside, the profile must still hold together.
			if h := read(t, path, heap.Options{}).Header; h.Version != p.header {
				t.Errorf("header version: got %d, want %d", h.Version, p.header)
			}
		})
	}
}
