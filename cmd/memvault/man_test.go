package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

//go:generate go test -run=TestManPages -update

// TestManPages compares the pages in man with the help texts they are made of.
func TestManPages(t *testing.T) {
	const folder = "../../man"
	want := manPages(t)
	if *update {
		writePages(t, folder, want)
	}
	got := readPages(t, folder)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("man/%s is not what the help text gives; go generate ./cmd/memvault makes it anew", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("man/%s is of no command", name)
		}
	}
}

// Every command explains itself, by examples too.
func TestHelp(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for what, text := range map[string]string{"short text": cmd.Short, "long text": cmd.Long, "example": cmd.Example} {
			if text == "" {
				t.Errorf("%s has no %s", cmd.CommandPath(), what)
			}
			for line := range strings.Lines(text) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 90 {
					t.Errorf("%s: a line of the %s has %d characters, want at most 90: %s", cmd.CommandPath(), what, n, line)
				}
			}
		}
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(newRoot(&app{}))
}

// manPages makes the pages of all commands, by file name.
func manPages(t *testing.T) map[string]string {
	t.Helper()
	root := newRoot(&app{})
	root.DisableAutoGenTag = true
	date := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	header := &doc.GenManHeader{Section: "1", Source: "memvault", Manual: "memvault", Date: &date}
	dir := t.TempDir()
	if err := doc.GenManTree(root, header, dir); err != nil {
		t.Fatal(err)
	}
	return readPages(t, dir)
}

func readPages(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pages[filepath.Base(name)] = string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	}
	return pages
}

func writePages(t *testing.T, dir string, pages map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name := range readPages(t, dir) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
