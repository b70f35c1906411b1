package upload

import (
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/internal/s3test"
)

// dialServer dials the server as a user does, by the environment, but with little patience.
func dialServer(t *testing.T, s s3test.Server, change func(*Config)) *Store {
	t.Helper()
	for _, pair := range s.Env() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	c := Config{Retry: Retry{Attempts: 8, Base: 10 * time.Millisecond, Cap: 200 * time.Millisecond, Stall: 10 * time.Second}}
	if change != nil {
		change(&c)
	}
	store, err := Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return store
}
