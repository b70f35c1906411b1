package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/memvault/memvault/internal/s3test"
	"github.com/memvault/memvault/internal/soak"
	"github.com/memvault/memvault/upload"
)

const uploaders = 8

// TestSoakRace has eight processes upload the same capture at once: one wins, seven find it
// archived, and all succeed. Each has a state folder of its own, as eight machines have, or
// they share one.
func TestSoakRace(t *testing.T) {
	rounds := soak.N(t, 1, 40)
	for _, s := range s3test.Servers(t) {
		t.Run(s.Name, func(t *testing.T) {
			bucket := versionedBucket(t, s)
			for round := range rounds {
				race(t, s, s, bucket, round)
			}
			wantClean(t, s, bucket)
		})
	}
}

// race runs one round through s, and looks at what the server behind it has.
func race(t *testing.T, s, behind s3test.Server, bucket string, round int) {
	t.Helper()
	prefix := fmt.Sprint("round-", round, "/")
	file, data := captureFile(t, t.TempDir(), round, []int{2_000_000, 100_000}[round%2])
	shared := t.TempDir()
	cmds := make([]*exec.Cmd, uploaders)
	for i := range cmds {
		state := shared
		if round/2%2 == 0 {
			state = t.TempDir()
		}
		cmds[i] = command(t, s, "upload", "s3", "--json", "--state", state, file, "s3://"+bucket+"/"+prefix)
	}
	states := map[upload.State]int{}
	key := ""
	for _, r := range all(t, cmds) {
		states[r.State]++
		if key != "" && r.Key != key {
			t.Errorf("round %d: got keys %s and %s", round, key, r.Key)
		}
		key = r.Key
	}
	if states[upload.Uploaded] != 1 || states[upload.Present] != uploaders-1 {
		t.Errorf("round %d: got %v, want one uploaded and %d present", round, states, uploaders-1)
	}
	wantStored(t, behind, bucket, prefix, key, data)
}

// all runs the uploads at once; all must succeed.
func all(t *testing.T, cmds []*exec.Cmd) []upload.Result {
	t.Helper()
	var wg sync.WaitGroup
	out, errs, failed := make([]bytes.Buffer, len(cmds)), make([]bytes.Buffer, len(cmds)), make([]error, len(cmds))
	for i, cmd := range cmds {
		cmd.Stdout, cmd.Stderr = &out[i], &errs[i]
		wg.Go(func() { failed[i] = cmd.Run() })
	}
	wg.Wait()
	var list []upload.Result
	for i, err := range failed {
		if err != nil {
			t.Errorf("%q: %v\n%s%s", cmds[i].Args, err, out[i].Bytes(), errs[i].Bytes())
			continue
		}
		list = append(list, decoded(t, out[i].Bytes())...)
	}
	return list
}

// wantClean wants no unfinished upload in the bucket after s3 clean.
func wantClean(t *testing.T, s s3test.Server, bucket string) {
	t.Helper()
	code, stdout, stderr := output(t, command(t, s, "s3", "clean", "--state", t.TempDir(), "--older-than", "0s", "--yes", "s3://"+bucket))
	if code != 0 {
		t.Errorf("s3 clean: got exit code %d\n%s%s", code, stdout, stderr)
	}
	wantNoUploads(t, s, bucket)
}

// TestSoakRaceDeaf does the same on a store that ignores If-None-Match. An object may then be
// overwritten, but only by equal content: the key holds its hash. All succeed, and what is
// there is right. (With different settings of zstd in one race the manifest may be of the
// other's bytes there; uploads then end with exit code 4, and keep the local file.)
func TestSoakRaceDeaf(t *testing.T) {
	rounds := soak.N(t, 1, 20)
	for _, s := range s3test.Servers(t) {
		t.Run(s.Name, func(t *testing.T) {
			bucket := s.NewBucket(t)
			p := s.Proxy(t, s3test.Faults{Rewrite: func(_ s3test.Request, h http.Header) { h.Del("If-None-Match") }})
			for round := range rounds {
				raceDeaf(t, p.Server, s, bucket, round)
			}
			wantClean(t, s, bucket)
		})
	}
}

func raceDeaf(t *testing.T, s, behind s3test.Server, bucket string, round int) {
	t.Helper()
	prefix := fmt.Sprint("round-", round, "/")
	file, data := captureFile(t, t.TempDir(), round, []int{2_000_000, 100_000}[round%2])
	var cmds []*exec.Cmd
	for range uploaders {
		cmds = append(cmds, command(t, s, "upload", "s3", "--json", "--state", t.TempDir(), file, "s3://"+bucket+"/"+prefix))
	}
	winners, key := 0, ""
	for _, r := range all(t, cmds) {
		if r.State == upload.Uploaded {
			winners++
		}
		key = r.Key
	}
	t.Logf("round %d: %d of %d were told that they have uploaded it", round, winners, uploaders)
	wantStored(t, behind, bucket, prefix, key, data)
}

// TestSettings uploads with other settings of zstd, also after the first was interrupted:
// there is one object.
func TestSettings(t *testing.T) {
	for _, s := range s3test.Servers(t) {
		t.Run(s.Name, func(t *testing.T) {
			bucket := versionedBucket(t, s)
			file := filepath.FromSlash("../../testdata/captures/memray-1.20.0-py3.12/mixed.bin")
			var keys []string
			for i, level := range []string{"default", "better"} {
				cmd := command(t, s, "upload", "s3", "--json", "--level", level, "--state", t.TempDir(), file, "s3://"+bucket)
				r := results(t, cmd, 0)[0]
				if want := []upload.State{upload.Uploaded, upload.Present}[i]; r.State != want {
					t.Errorf("level %s: got %s, want %s", level, r.State, want)
				}
				keys = append(keys, r.Key)
			}
			if keys[0] != keys[1] {
				t.Errorf("got keys %q, want one", keys)
			}
			if n := len(versionsIn(t, s, bucket, "")); n != 2 {
				t.Errorf("got %d objects, want one and its manifest", n)
			}
		})
	}
}
