package upload

import (
	"os"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/internal/s3test"
)

// A file that was uploaded from here is not read again, as long as it, the place and the object are the same.
func TestRecalled(t *testing.T) {
	server := s3test.Named(t, s3test.Versity)
	s, bucket := dialServer(t, server, nil), server.NewBucket(t)
	f := noise(t, 100_000)
	o := Options{Place: Place{bucket, "captures"}, State: state(t)}
	first := upload(t, s, f, o)
	if first.State != Uploaded || first.Survey == nil {
		t.Fatalf("first: got %s, want it %s", first.State, Uploaded)
	}
	check := func(what string, o Options, want State, read bool) {
		t.Helper()
		got := upload(t, s, f, o)
		if got.State != want || (got.Survey != nil) != read {
			t.Errorf("%s: got %s, read %v, want %s, %v", what, got.State, got.Survey != nil, want, read)
		}
		if want == Present && (got.Key != first.Key || got.RawSHA256 != first.RawSHA256 || got.RawBytes != first.RawBytes ||
			got.StoredBytes != first.StoredBytes || got.Checksum != first.Checksum) {
			t.Errorf("%s: got %+v, want the facts of %+v", what, got, first)
		}
	}
	check("again", o, Present, false)
	without, better, elsewhere, asIs := o, o, o, o
	without.State = nil
	check("without a state", without, Present, true)
	better.Archive.Level = archive.LevelBetter
	check("with another level", better, Present, false)
	elsewhere.Place.Prefix = "other"
	check("to another place", elsewhere, Uploaded, true)
	check("and back", o, Present, true) // the last place is what is remembered
	asIs.Archive.Codec = archive.CodecNone
	check("as it is", asIs, Uploaded, true)
	check("compressed again", o, Present, true)
	if err := s.Core.Client.RemoveObject(t.Context(), bucket, first.Key, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	check("after the object went", o, Uploaded, true)
	now := time.Now()
	if err := os.Chtimes(f.Name(), now, now); err != nil {
		t.Fatal(err)
	}
	if got := upload(t, s, f, o); got.Survey == nil {
		t.Error("after the file was touched: it was not read")
	}
}
