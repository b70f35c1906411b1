package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestExitCode(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"done", nil, 0},
		{"failed", errors.New("x"), 1},
		{"usage", usagef("x"), 2},
		{"usage with a hint", hintf(usagef("x"), "y"), 2},
		{"usage of a file", inFile("a.bin", usagef("x")), 2},
		{"told", &toldError{3}, 3},
		{"conflict of a file", inFile("a.bin", &codedError{errors.New("x"), exitConflict}), 4},
		{"live", hintf(&codedError{errors.New("x"), exitRetry}, "y"), 75},
		{"interrupted", interruptError(syscall.SIGINT), 130},
		{"interrupted while writing", inFile("a", fmt.Errorf("write: %w", interruptError(syscall.SIGTERM))), 143},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(tt.err); got != tt.want {
				t.Errorf("exitCode(%v): got %d, want %d", tt.err, got, tt.want)
			}
		})
	}
}

func TestTally(t *testing.T) {
	tests := []struct {
		name  string
		tally tally
		want  int
	}{
		{"all done", tally{done: 2}, 0},
		{"one failed", tally{done: 1, failed: 1}, 3},
		{"one damaged", tally{done: 1, partly: 1}, 3},
		{"damaged and failed", tally{partly: 1, failed: 1}, 3},
		{"all damaged", tally{partly: 2}, 3},
		{"all failed", tally{failed: 2}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(tt.tally.err()); got != tt.want {
				t.Errorf("exit code of %+v: got %d, want %d", tt.tally, got, tt.want)
			}
		})
	}
}

// An interrupted write leaves nothing, and ends before the process does.
func TestWriteOutputInterrupted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	var a app
	err := a.writeOutput(ctx, filepath.Join(dir, "out"), false, func(w io.Writer) error {
		if a.writing.TryLock() {
			t.Error("writing is not locked while an output is unfinished")
		}
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		cancel(interruptError(syscall.SIGINT))
		_, err := io.WriteString(w, "rest")
		return err
	})
	if got := exitCode(err); got != 130 {
		t.Errorf("exit code of %v: got %d, want 130", err, got)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left in the folder: %v (%v), want nothing", entries, err)
	}
	if !a.writing.TryLock() {
		t.Error("writing is still locked")
	}
}
