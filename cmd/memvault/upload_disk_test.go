package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memvault/memvault/internal/s3test"
	"github.com/memvault/memvault/internal/testfs"
	"github.com/memvault/memvault/upload"
)

// fill writes a file into dir until there is no byte free.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "more"), []byte("x"), 0o600); err == nil {
		t.Fatalf("%s still takes files", dir)
	}
	if err := os.Remove(filepath.Join(dir, "more")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

// TestUploadFullDisk uploads from a disk without a free byte, on which the state lies too.
func TestUploadFullDisk(t *testing.T) {
	for _, kind := range []string{testfs.Tmpfs, testfs.Ext4} {
		t.Run(kind, func(t *testing.T) {
			s := s3test.Named(t, s3test.Versity)
			dir, bucket := testfs.New(t, kind, 64<<20), versionedBucket(t, s)
			file, data := noiseFile(t, dir, 1, 30<<20)
			fill(t, dir)
			cmd := command(t, s, "upload", "s3", "--json", "--delete-after", "--state", filepath.Join(dir, "state"), file, "s3://"+bucket)
			code, stdout, stderr := output(t, cmd)
			if code != 0 || !strings.Contains(string(stderr), "without being able to resume") {
				t.Fatalf("got exit code %d, want 0 and a warning\n%s%s", code, stdout, stderr)
			}
			r := decoded(t, stdout)[0]
			if r.State != upload.Uploaded || !r.Deleted {
				t.Errorf("got %+v, want it uploaded and deleted", r)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("the local file is still there")
			}
			wantStored(t, s, bucket, "", r.Key, data)
		})
	}
}

// TestUploadResumesOnFullDisk fills the disk after an upload was killed: what is needed to
// go on had its room already.
func TestUploadResumesOnFullDisk(t *testing.T) {
	for _, kind := range []string{testfs.Tmpfs, testfs.Ext4} {
		t.Run(kind, func(t *testing.T) {
			s := s3test.Named(t, s3test.Versity)
			dir := testfs.New(t, kind, 96<<20)
			r := &killRun{server: s, proxy: s.Proxy(t, s3test.Faults{}), bucket: versionedBucket(t, s), state: filepath.Join(dir, "state")}
			file, data := noiseFile(t, dir, 1, 45<<20)
			args := r.args(file, "", false)
			r.killAt(t, args, 8, 0)
			first := r.proxy.Settle(t)
			fill(t, dir)
			code, stdout, stderr := output(t, command(t, r.proxy.Server, args...))
			if code != 0 || len(stderr) > 0 {
				t.Fatalf("got exit code %d, want 0 and no warning\n%s%s", code, stdout, stderr)
			}
			r.wantKept(t, 0, first, r.proxy.Settle(t)[len(first):])
			if r.resumed != 1 {
				t.Errorf("it did not go on where it was killed")
			}
			wantStored(t, s, r.bucket, "", decoded(t, stdout)[0].Key, data)
		})
	}
}

// TestUploadWithoutState uploads where no state can be written: it says so and goes on.
func TestUploadWithoutState(t *testing.T) {
	s := s3test.Named(t, s3test.MinIO)
	for _, tt := range []struct {
		name, home string
		args       []string
	}{
		{"state on a file", "", []string{"--state", os.DevNull + "/state"}},
		{"home is no folder", "HOME=" + os.DevNull, nil},
		{"no home", "HOME=", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bucket := versionedBucket(t, s)
			file, data := noiseFile(t, t.TempDir(), 1, 20<<20)
			cmd := command(t, s, append([]string{"upload", "s3", "--json", file, "s3://" + bucket}, tt.args...)...)
			if tt.home != "" {
				cmd.Env = append(cmd.Env, tt.home)
			}
			code, stdout, stderr := output(t, cmd)
			if code != 0 || !strings.Contains(string(stderr), "resume") {
				t.Fatalf("got exit code %d, want 0 and a warning\n%s%s", code, stdout, stderr)
			}
			wantStored(t, s, bucket, "", decoded(t, stdout)[0].Key, data)
		})
	}
}
