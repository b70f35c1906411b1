package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var errWrite = errors.New("no more")

func TestWrite(t *testing.T) {
	tests := []struct {
		name   string
		before map[string]string // files in the folder
		o      Options
		write  func(io.Writer) error
		want   error
		after  map[string]string
	}{
		{"new", nil, Options{}, text("new"), nil, map[string]string{"out": "new"}},
		{"empty", nil, Options{}, text(""), nil, map[string]string{"out": ""}},
		{"kept", map[string]string{"out": "old"}, Options{}, text("new"), fs.ErrExist, map[string]string{"out": "old"}},
		{"overwritten", map[string]string{"out": "older"}, Options{Overwrite: true}, text("new"), nil, map[string]string{"out": "new"}},
		{"fails", nil, Options{}, fails, errWrite, map[string]string{}},
		{"fails over old", map[string]string{"out": "old"}, Options{Overwrite: true}, fails, errWrite, map[string]string{"out": "old"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range tt.before {
				put(t, filepath.Join(dir, name), content)
			}
			err := Write(filepath.Join(dir, "out"), tt.o, tt.write)
			if !errors.Is(err, tt.want) {
				t.Errorf("Write: got error %v, want %v", err, tt.want)
			}
			if got := files(t, dir); !maps.Equal(got, tt.after) {
				t.Errorf("files after Write: got %v, want %v", got, tt.after)
			}
		})
	}
}

// A file that appears while the new one is written must survive.
func TestWriteAppeared(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	err := Write(out, Options{}, func(w io.Writer) error {
		put(t, out, "rival")
		return text("new")(w)
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("Write: got error %v, want %v", err, fs.ErrExist)
	}
	want := map[string]string{"out": "rival"}
	if got := files(t, dir); !maps.Equal(got, want) {
		t.Errorf("files after Write: got %v, want %v", got, want)
	}
}

// Errors are about the file that was asked for, never the temporary one.
func TestWriteNoFolder(t *testing.T) {
	out := filepath.Join(t.TempDir(), "none", "out")
	err := Write(out, Options{}, text("new"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Write: got error %v, want %v", err, fs.ErrNotExist)
	}
	if path := new(fs.PathError); !errors.As(err, &path) || path.Path != out {
		t.Errorf("Write: got error %v, want one about %s", err, out)
	}
}

func TestWriteClosed(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	err := Write(out, Options{}, func(w io.Writer) error {
		w.(output).f.Close()
		return text("new")(w)
	})
	if path := new(fs.PathError); !errors.As(err, &path) || path.Path != out {
		t.Errorf("Write: got error %v, want one about %s", err, out)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("files after Write: got %v, want none", got)
	}
}

func TestWriteLongName(t *testing.T) {
	dir := t.TempDir()
	name := strings.Repeat("x", 255)
	if err := Write(filepath.Join(dir, name), Options{}, text("new")); err != nil {
		t.Error(err)
	}
}

func TestWriteThroughLink(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "real"), "old")
	link := filepath.Join(dir, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Skipf("this system has no symbolic links: %v", err)
	}
	if err := Write(link, Options{Overwrite: true}, text("new")); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"real": "new", "link": "new"}
	if got := files(t, dir); !maps.Equal(got, want) {
		t.Errorf("files after Write: got %v, want %v", got, want)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("link is now %v (%v), want a symbolic link", info.Mode(), err)
	}
}

// The result gets the mode that any new file gets, not that of a secret.
func TestWriteMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no umask")
	}
	dir := t.TempDir()
	ours, plain := filepath.Join(dir, "ours"), filepath.Join(dir, "plain")
	if err := Write(ours, Options{}, text("")); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, want := mode(t, ours), mode(t, plain); got != want {
		t.Errorf("mode: got %v, want %v", got, want)
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func fails(w io.Writer) error {
	if err := text("half")(w); err != nil {
		return err
	}
	return errWrite
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

// files gives the content of each file in dir, so that left-over ones show.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[e.Name()] = string(content)
	}
	return found
}

func mode(t *testing.T, name string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}
