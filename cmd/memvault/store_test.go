package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
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

// mc FILE KEY SECRET, in a script, writes a configuration of the MinIO client with an alias
// for the store's endpoint.
func mc(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: mc FILE KEY SECRET")
	}
	text := fmt.Sprintf(`{"version":"10","aliases":{"here":{"url":%q,"accessKey":%q,"secretKey":%q,"api":"S3v4"}}}`,
		ts.Getenv("AWS_ENDPOINT_URL_S3"), args[1], args[2])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// current is the server that the script uses.
func current(ts *testscript.TestScript) (testing.TB, s3test.Server) {
	t := ts.Value(scriptTest{}).(testing.TB)
	for _, s := range s3test.Servers(t) {
		if s.Endpoint == ts.Getenv("AWS_ENDPOINT_URL_S3") {
			return t, s
		}
	}
	ts.Fatalf("no store yet")
	return nil, s3test.Server{}
}

// versions, in a script, makes the bucket keep versions.
func versions(ts *testscript.TestScript, neg bool, args []string) {
	t, s := current(ts)
	ts.Check(s.Core(t).EnableVersioning(t.Context(), ts.Getenv("BUCKET")))
}

// object KEY FILE, in a script, puts a file into the bucket as it is; in KEY \e is the
// character that begins commands to terminals.
func object(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: object KEY FILE")
	}
	t, s := current(ts)
	data := ts.ReadFile(args[1])
	_, err := s.Core(t).PutObject(t.Context(), ts.Getenv("BUCKET"), strings.ReplaceAll(args[0], `\e`, "\x1b"), strings.NewReader(data), int64(len(data)), "", "", minio.PutObjectOptions{})
	ts.Check(err)
}

// begun KEY, in a script, begins an upload that nobody completes.
func begun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: begun KEY")
	}
	t, s := current(ts)
	_, err := s.Core(t).NewMultipartUpload(t.Context(), ts.Getenv("BUCKET"), args[0], minio.PutObjectOptions{})
	ts.Check(err)
}
