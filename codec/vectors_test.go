package codec_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
)

var update = flag.Bool("update", false, "rewrite what the vectors in testdata expect")

// TestVectors reads the captures in testdata/*.txtar. Section capture is assembled;
// section expect is either what Status says at the end,
//
//	SUCCESS running or killed
//	records 3, bytes 0x80, wasted 0x10, stopped in ALLOCATION
//	reason: ...
//
// or FAILURE and a quoted regular expression for the whole error; section dump, where
// there is one, are the lines of `dump -x` without the header.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("found %d vectors, want 20 and more: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { testVector(t, path) })
	}
}

func testVector(t *testing.T, path string) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data := codectest.Capture(t, string(section(t, a, "capture").Data))
	text, status, err := dump(bytes.NewReader(data), true)
	_, lines, _ := strings.Cut(string(text), "\n")

	expect := section(t, a, "expect")
	if got, ok := matches(expect.Data, status, err); !ok {
		if !*update {
			t.Errorf("got\n%swant\n%s", got, expect.Data)
		}
		expect.Data = []byte(got)
	}
	for i := range a.Files {
		f := &a.Files[i]
		if f.Name != "dump" || string(f.Data) == lines {
			continue
		}
		if !*update {
			t.Errorf("got dump\n%swant\n%s", lines, f.Data)
		}
		f.Data = []byte(lines)
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// section gives the named file of an archive.
func section(t *testing.T, a *txtar.Archive, name string) *txtar.File {
	t.Helper()
	for i := range a.Files {
		if a.Files[i].Name == name {
			return &a.Files[i]
		}
	}
	t.Fatalf("no section %s", name)
	return nil
}

// matches gives what section expect should be, and whether it already says so.
func matches(expect []byte, s codec.Status, err error) (string, bool) {
	if err == nil {
		got := describe(s)
		return got, got == string(expect)
	}
	got := fmt.Sprintf("FAILURE \"%s\"\n", regexp.QuoteMeta(err.Error()))
	want := strings.TrimSuffix(strings.TrimPrefix(string(expect), "FAILURE \""), "\"\n")
	re, bad := regexp.Compile("^(?:" + want + ")$")
	if bad != nil || !strings.HasPrefix(string(expect), "FAILURE ") {
		return got, false
	}
	return got, re.MatchString(err.Error())
}

func describe(s codec.Status) string {
	text := fmt.Sprintf("SUCCESS %s\nrecords %d, allocations %d, bytes %#x, wasted %#x", s.State, s.Records, s.Allocations, s.Bytes, s.Wasted)
	if s.Stopped != 0 {
		text += ", stopped in " + s.Stopped.String()
	}
	text += "\n"
	if s.Reason != "" {
		text += "reason: " + s.Reason + "\n"
	}
	return text
}
