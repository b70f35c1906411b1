package main

import (
	"testing"

	"github.com/memvault/memvault/retention"
)

// In place, compressing what cannot be deleted, or is held by others, would fill the disk.
func TestToSave(t *testing.T) {
	for _, tt := range []struct {
		name             string
		capture          retention.Capture
		upload, compress bool
	}{
		{"free", retention.Capture{}, true, true},
		{"held by others", retention.Capture{Held: true}, true, false},
		{"quiet, but not proved to be free", retention.Capture{OnlyArchived: true}, true, false},
		{"with two names", retention.Capture{Pinned: "hard link"}, true, false},
		{"left by a compression", retention.Capture{Leftover: true}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.capture.Name, tt.capture.State = "x.bin", retention.Crashed
			if got := (&watcher{}).toSave(&tt.capture); got != tt.upload {
				t.Errorf("uploaded: got %v, want %v", got, tt.upload)
			}
			if got := (&watcher{press: &compression{}}).toSave(&tt.capture); got != tt.compress {
				t.Errorf("compressed: got %v, want %v", got, tt.compress)
			}
		})
	}
}
