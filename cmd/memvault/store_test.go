package main

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/memvault/memvault/internal/s3test"
)

// store NAME, in a script, sets the environment for the server of that name (versitygw or
// minio) and $BUCKET for a new bucket there. Where there are no servers the script is skipped.
func store(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: store versitygw|minio")
	}
	t := ts.Value(scriptTest{}).(testing.TB)
	s := s3test.Named(t, args[0])
	for _, pair := range s.Env() {
		name, value, _ := strings.Cut(pair, "=")
		ts.Setenv(name, value)
	}
	ts.Setenv("BUCKET", s.NewBucket(t))
}

// scriptTest is the key of a script's testing.TB.
type scriptTest struct{}
