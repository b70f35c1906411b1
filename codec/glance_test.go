package codec

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestGlance compares what a glance gives with what a Reader does, on real captures and on
// beginnings of them.
func TestGlance(t *testing.T) {
	files, err := filepath.Glob("../testdata/captures/*/*.bin")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d captures, %v, want some", len(files), err)
	}
	glances := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if compareGlance(t, file, data) {
			glances++
		}
		for n := 0; n < min(len(data), 2000); n += 61 {
			compareGlance(t, file, data[:n])
		}
	}
	if glances < len(files)*9/10 {
		t.Errorf("a glance was enough for %d of %d captures, want nearly all", glances, len(files))
	}
}

// compareGlance reports whether a glance was enough.
func compareGlance(t *testing.T, file string, data []byte) bool {
	t.Helper()
	h, container, ok := glance(bytes.NewReader(data), int64(len(data)))
	if !ok {
		return false
	}
	d, err := NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s, %d bytes: a glance finds a header, a Reader none: %v", file, len(data), err)
	}
	defer d.Close()
	if !reflect.DeepEqual(h, *d.Header()) || container != d.Container() {
		t.Errorf("%s, %d bytes:\n got %+v in %s\nwant %+v in %s", file, len(data), h, container, *d.Header(), d.Container())
	}
	return true
}
