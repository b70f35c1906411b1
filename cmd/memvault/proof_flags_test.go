package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

// A store that could not be reached is not asked about the next capture: here there is none to ask.
func TestProverWaits(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.bin"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &prover{down: upload.ErrUnreachable, until: time.Now().Add(time.Hour)}
	if _, err := p.prove(t.Context(), &retention.Capture{Dir: dir, Name: "x.bin"}); !errors.Is(err, upload.ErrUnreachable) {
		t.Errorf("prove: got %v, want %v", err, upload.ErrUnreachable)
	}
	if err := p.ask("key", [32]byte{})(t.Context()); !errors.Is(err, upload.ErrUnreachable) {
		t.Errorf("ask: got %v, want %v", err, upload.ErrUnreachable)
	}
}
