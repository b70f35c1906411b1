package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/memvault/memvault/internal/s3test"
	"github.com/memvault/memvault/internal/soak"
	"github.com/memvault/memvault/upload"
)

// TestSoakKill kills uploads at random moments, in any phase, and runs them again: nothing is
// lost, nothing is there twice, what the store had acknowledged is not sent again, and
// s3 clean leaves no orphan.
func TestSoakKill(t *testing.T) {
	rounds := soak.N(t, 8, 200)
	var runs []*killRun
	for _, s := range s3test.Servers(t) {
		p := s.Proxy(t, s3test.Faults{})
		runs = append(runs, &killRun{server: s, proxy: p, bucket: versionedBucket(t, s), state: t.TempDir()})
	}
	for round := range rounds {
		runs[round%len(runs)].round(t, round)
	}
	for _, r := range runs {
		r.finish(t)
	}
}

// A killRun is the kills on one server.
type killRun struct {
	server s3test.Server
	proxy  *s3test.Proxy
	bucket string
	state  string

	killed, early, resumed, kept int
}

// round uploads a file of its own, kills that, and uploads again. Every third one deletes the
// local file after; every fourth one loses its state folder with the kill.
func (r *killRun) round(t *testing.T, round int) {
	t.Helper()
	size := []int{45 << 20, 30 << 20, 3 << 20}[round/2%3]
	dir, prefix := t.TempDir(), fmt.Sprint("round-", round, "/")
	file, data := noiseFile(t, dir, round, size)
	remove, forget := round%3 == 0, round%4 == 3
	before := len(r.proxy.Requests())
	ended := r.kill(t, round, 4+size>>22, r.args(file, prefix, remove))
	first := r.proxy.Settle(t)[before:]
	if ended {
		r.early++
	}
	if forget {
		if err := os.RemoveAll(r.state); err != nil {
			t.Fatal(err)
		}
	}
	_, err := os.Stat(file)
	gone := errors.Is(err, fs.ErrNotExist)
	if gone && !remove {
		t.Fatalf("round %d: the local file is gone", round)
	}
	key := r.again(t, round, file, prefix, remove, data)
	if key == "" {
		return
	}
	wantStored(t, r.server, r.bucket, prefix, key, data)
	r.wantKept(t, round, first, r.proxy.Settle(t)[before+len(first):])
}

func (r *killRun) args(file, prefix string, remove bool) []string {
	args := []string{"upload", "s3", "--json", "--state", r.state, "--parts", "2", file, "s3://" + r.bucket + "/" + prefix}
	if remove {
		args = append(args, "--delete-after")
	}
	return args
}

// kill starts an upload and kills it a little after one of its first requests, which is drawn.
// It reports whether the upload had ended before.
func (r *killRun) kill(t *testing.T, round, requests int, args []string) (ended bool) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(uint64(round), 7))
	ended, err := r.killAt(t, args, 1+rnd.IntN(requests), time.Duration(rnd.Int64N(int64(60*time.Millisecond))))
	if err != nil {
		t.Fatalf("round %d: before it was killed: %v", round, err)
	}
	r.killed++
	return ended
}

// killAt kills an upload that long after the request of that number. The error is of an
// upload that failed before.
func (r *killRun) killAt(t *testing.T, args []string, moment int, delay time.Duration) (ended bool, err error) {
	t.Helper()
	cmd := command(t, r.proxy.Server, args...)
	var once sync.Once
	seen := 0
	started := make(chan struct{})
	kill := func() { <-started; time.Sleep(delay); cmd.Process.Kill() }
	r.proxy.SetFaults(s3test.Faults{Choose: func(s3test.Request) s3test.Fault {
		if seen++; seen == moment {
			once.Do(func() { go kill() })
		}
		return s3test.Fault{}
	}})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	err = cmd.Wait()
	r.proxy.SetFaults(s3test.Faults{})
	if err != nil && cmd.ProcessState.ExitCode() < 0 {
		return false, nil
	}
	return err == nil, err
}

// again uploads what is still there, and returns its key. What was deleted locally must be in
// the bucket.
func (r *killRun) again(t *testing.T, round int, file, prefix string, remove bool, data []byte) (key string) {
	t.Helper()
	if left := r.leftovers(t, file); left == "" {
		key := r.stored(t, prefix)
		if key == "" {
			t.Errorf("round %d: the capture is neither here nor there", round)
		}
		return key
	} else if left != file {
		// It was moved to the trash on live proof, and the kill came before it was deleted.
		return r.stored(t, prefix)
	}
	list := results(t, command(t, r.proxy.Server, r.args(file, prefix, remove)...), 0)
	if len(list) != 1 || list[0].State != upload.Uploaded && list[0].State != upload.Present || list[0].Deleted != remove {
		t.Fatalf("round %d: got %+v, want one that is stored, deleted %t", round, list, remove)
	}
	_, err := os.Stat(file)
	if gone := errors.Is(err, fs.ErrNotExist); gone != remove {
		t.Errorf("round %d: local file gone: got %t, want %t", round, gone, remove)
	}
	return list[0].Key
}

// leftovers returns the file, or its place in the trash beside it, or "".
func (r *killRun) leftovers(t *testing.T, file string) string {
	t.Helper()
	if _, err := os.Stat(file); err == nil {
		return file
	}
	trash, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".memvault-trash", "*memory*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(trash) > 0 {
		return trash[0]
	}
	return ""
}

// stored returns the key of the object below the prefix that has a manifest.
func (r *killRun) stored(t *testing.T, prefix string) string {
	t.Helper()
	core := r.server.Core(t)
	list, err := core.ListObjectsV2(r.bucket, prefix, "", "", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Contents {
		for _, other := range list.Contents {
			if other.Key == upload.ManifestKey(o.Key) {
				return o.Key
			}
		}
	}
	return ""
}

// wantKept wants no part sent again that the store had acknowledged before the kill.
func (r *killRun) wantKept(t *testing.T, round int, first, second []s3test.Request) {
	t.Helper()
	type part struct {
		id string
		n  int
	}
	had, ids := map[part]bool{}, map[string]bool{}
	for _, q := range first {
		if q.Op == s3test.Part && q.Status == 200 {
			had[part{q.UploadID, q.Part}], ids[q.UploadID] = true, true
		}
	}
	continued := false
	for _, q := range second {
		if q.Op != s3test.Part && q.Op != s3test.Complete || q.Status != 200 {
			continue // one that is refused asks whether the store checks checksums
		}
		switch {
		case had[part{q.UploadID, q.Part}]:
			t.Errorf("round %d: part %d was acknowledged before the kill and is sent again", round, q.Part)
		case len(had) > 0 && !ids[q.UploadID]:
			t.Errorf("round %d: %d parts were acknowledged before the kill, and another upload is begun", round, len(had))
		}
		continued = true
	}
	if len(had) > 0 && continued {
		r.resumed++
		r.kept += len(had)
	}
}

// finish cleans up as a user does.
func (r *killRun) finish(t *testing.T) {
	t.Helper()
	code, stdout, stderr := output(t, command(t, r.server, "s3", "clean", "--state", r.state, "--older-than", "0s", "--yes", "s3://"+r.bucket))
	if code != 0 {
		t.Errorf("s3 clean: got exit code %d\n%s%s", code, stdout, stderr)
	}
	wantNoUploads(t, r.server, r.bucket)
	t.Logf("%s: %d killed (%d had ended), %d went on with %d parts in all", r.server.Name, r.killed, r.early, r.resumed, r.kept)
	if r.resumed == 0 {
		t.Errorf("%s: no upload went on where another was killed: the kills prove nothing", r.server.Name)
	}
}
