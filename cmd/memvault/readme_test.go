package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

const readme = "../../README.md"

// consoleBlock is a block of commands and what they print.
var consoleBlock = regexp.MustCompile("(?s)\n```console\n(.*?)```\n")

// TestReadme runs the commands in README.md and compares what they print; -update
// writes that into it.
func TestReadme(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands in README.md are for a Unix shell")
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	blocks := consoleBlock.FindAllSubmatch(text, -1)
	if len(blocks) < 3 {
		t.Fatalf("README.md: got %d blocks of commands, want at least 3", len(blocks))
	}
	got := text
	for _, b := range blocks {
		want := b[1]
		if printed := runBlock(t, string(want)); printed != string(want) {
			t.Logf("README.md says:\n%s\nthe commands print:\n%s", want, printed)
			got = bytes.Replace(got, want, []byte(printed), 1)
		}
	}
	switch {
	case bytes.Equal(got, text):
	case *update:
		if err := os.WriteFile(readme, got, 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("README.md shows other output than the commands print; go test ./cmd/memvault -update corrects it")
	}
}

// runBlock runs the commands of a block in a fresh folder and gives the block anew: what
// they print, on either stream. Exit codes are not shown in README.md.
func runBlock(t *testing.T, block string) string {
	t.Helper()
	dir := t.TempDir()
	captures, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(captures, filepath.Join(dir, "testdata")); err != nil {
		t.Fatal(err)
	}
	var result strings.Builder
	for line := range strings.Lines(block) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		cmd := exec.Command("sh", "-c", command) // testscript.Main has put memvault into PATH
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		result.WriteString(line)
		result.Write(out)
	}
	return result.String()
}
