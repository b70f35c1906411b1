package main

import (
	"testing"

	"github.com/memvault/memvault/retention"
)

// In place, compressing what others hold would fill the disk: the original gives nothing back.
func TestToSaveHeld(t *testing.T) {
	c := &retention.Capture{Dir: "a", Name: "x.bin", State: retention.Crashed}
	for _, tt := range []struct {
		name        string
		press, held bool
		want        bool
	}{
		{"compressed", true, false, true},
		{"compressed, held", true, true, false},
		{"uploaded, held", false, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &watcher{}
			if tt.press {
				w.press = &compression{}
			}
			c.Held = tt.held
			if got := w.toSave(c); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
