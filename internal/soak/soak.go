// Package soak sizes the long proofs: hundreds of kills, thousands of rounds. They run in
// full when MEMVAULT_SOAK=1 is set, as `.ci/run soak` does, and in a small number otherwise.
package soak

import (
	"os"
	"testing"
)

// N returns how many rounds a proof runs: full when MEMVAULT_SOAK=1, else small. The
// test's log says which, so that a short run is not taken for the proof.
func N(t testing.TB, small, full int) int {
	t.Helper()
	if os.Getenv("MEMVAULT_SOAK") == "1" {
		t.Logf("soak: all %d rounds", full)
		return full
	}
	t.Logf("soak: %d of %d rounds; MEMVAULT_SOAK=1 runs all", small, full)
	return small
}
