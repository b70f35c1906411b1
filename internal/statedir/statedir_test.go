package statedir

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T) *Dir {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "a", "memvault"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPutGetRemove(t *testing.T) {
	d := open(t)
	if _, err := d.Get("a.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of nothing: got %v, want %v", err, fs.ErrNotExist)
	}
	for _, data := range []string{`{"a":1}`, strings.Repeat("x", 2*block), ""} {
		if err := d.Put("a.json", []byte(data)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Get("a.json"); err != nil || string(got) != data {
			t.Errorf("Get: got %q, %v, want %q", got, err, data)
		}
	}
	if got, err := d.Names("a"); err != nil || !slices.Equal(got, []string{"a.json"}) {
		t.Errorf("Names: got %q, %v, want a.json", got, err)
	}
	for range 2 {
		if err := d.Remove("a.json"); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
}

func TestNames(t *testing.T) {
	d := open(t)
	for _, name := range []string{"", ".", "..", ".gate", "a/b", `a\b`, "a\n", "é", "a.lock", strings.Repeat("a", 201)} {
		if err := d.Put(name, nil); !errors.Is(err, ErrName) {
			t.Errorf("Put(%q): got %v, want %v", name, err, ErrName)
		}
	}
}

func TestFolderIsPrivate(t *testing.T) {
	d := open(t)
	info, err := os.Stat(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); os.PathSeparator == '/' && got != 0o700 {
		t.Errorf("mode of %s: got %o, want 700", d.Path(), got)
	}
}

func TestOpenNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "state")); !errors.Is(err, ErrNoState) {
		t.Errorf("Open below a file: got %v, want %v", err, ErrNoState)
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "")
	t.Setenv("USERPROFILE", "")
	if _, err := Open(""); !errors.Is(err, ErrNoState) {
		t.Errorf("Open without a home: got %v, want %v", err, ErrNoState)
	}
}

func TestLock(t *testing.T) {
	d := open(t)
	unlock, ok, err := d.Lock("key")
	if err != nil || !ok {
		t.Fatalf("Lock: got %v, %v, want true", ok, err)
	}
	if _, ok, err := d.Lock("key"); err != nil || ok {
		t.Errorf("second Lock: got %v, %v, want false", ok, err)
	}
	if other, ok, err := d.Lock("other"); err != nil || !ok {
		t.Errorf("Lock of another: got %v, %v, want true", ok, err)
	} else {
		other()
	}
	unlock()
	if unlock, ok, err := d.Lock("key"); err != nil || !ok {
		t.Errorf("Lock after unlock: got %v, %v, want true", ok, err)
	} else {
		unlock()
	}
	if got, err := d.Names(""); err != nil || len(got) != 0 {
		t.Errorf("Names: got %q, %v, want none", got, err)
	}
}

func TestReserved(t *testing.T) {
	d := open(t)
	r, err := d.Reserve("key", 5000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Get("key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get before Put: got %v, want %v", err, fs.ErrNotExist)
	}
	for _, data := range []string{"one", "two", strings.Repeat("3", 5000), ""} {
		if err := r.Put([]byte(data)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Get("key"); err != nil || string(got) != data {
			t.Errorf("Get: got %.10q, %v, want %.10q", got, err, data)
		}
	}
	if err := r.Put(make([]byte, 1<<20)); err == nil {
		t.Error("Put of more than was reserved: got nil")
	}
	if err := errors.Join(r.Put([]byte("last")), r.Close()); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{100, 5000, 50000} {
		r, err := d.Reserve("key", size)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Get(); err != nil || string(got) != "last" {
			t.Errorf("Get of what was there, %d bytes reserved: got %.10q, %v, want last", size, got, err)
		}
		if err := errors.Join(r.Put([]byte("last")), r.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestTorn cuts and damages the second writing at each byte: the first is still there.
func TestTorn(t *testing.T) {
	d := open(t)
	r, err := d.Reserve("key", 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Put([]byte("old")); err != nil {
		t.Fatal(err)
	}
	before, _ := readSmall(r.f.Name())
	if err := r.Put([]byte("new data")); err != nil {
		t.Fatal(err)
	}
	after, _ := readSmall(r.f.Name())
	for cut := range slotHead + len("new data") {
		torn := bytes.Clone(before)
		copy(torn[r.slot:], after[r.slot:int(r.slot)+cut])
		if got, err := content(torn); err != nil || string(got) != "old" {
			t.Errorf("written %d bytes: got %q, %v, want old", cut, got, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestSpare releases an entry and takes its space again: no new block is needed.
func TestSpare(t *testing.T) {
	d := open(t)
	r, err := d.Reserve("first", 5000)
	if err != nil {
		t.Fatal(err)
	}
	was, _ := r.f.Stat()
	if err := errors.Join(r.Put([]byte("secret")), r.Release()); err != nil {
		t.Fatal(err)
	}
	if got, _ := d.Names(""); len(got) != 0 {
		t.Errorf("Names after Release: got %q, want none", got)
	}
	r, err = d.Reserve("second", 5000)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if is, _ := r.f.Stat(); !os.SameFile(was, is) {
		t.Error("Reserve after Release: got a new file, want the released one")
	}
	if _, err := d.Get("second"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of a reused file: got %v, want %v", err, fs.ErrNotExist)
	}
}

func TestSymlinkIsNotFollowed(t *testing.T) {
	d := open(t)
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(d.Path(), "key")); err != nil {
		t.Skipf("no symbolic links: %v", err)
	}
	if r, err := d.Reserve("key", 10); err == nil && openNoFollow != 0 {
		t.Errorf("Reserve through a link: got nil, want an error; %v", r.Close())
	}
	if got, _ := os.ReadFile(victim); string(got) != "precious" {
		t.Errorf("the link's file holds %q, want precious", got)
	}
}
