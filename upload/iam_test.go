package upload

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/memvault/memvault/internal/s3test"
)

// documented is a policy of docs, for that bucket and prefix, but for one action.
func documented(t *testing.T, name, bucket, prefix, without string) string {
	t.Helper()
	data, err := os.ReadFile("../docs/iam-" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("BUCKET"), []byte(bucket)), []byte("PREFIX"), []byte(prefix))
	var policy struct {
		Version   string
		Statement []struct {
			Sid, Effect, Resource string
			Action                []string
		}
	}
	if err := json.Unmarshal(data, &policy); err != nil {
		t.Fatal(err)
	}
	for i := range policy.Statement {
		s := &policy.Statement[i]
		s.Action = slices.DeleteFunc(s.Action, func(a string) bool { return a == without })
	}
	data, err = json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// dialAs dials MinIO as a user who may do what the policy says, and nothing else.
func dialAs(t *testing.T, server s3test.Server, policy string) *Store {
	t.Helper()
	var plain http.RoundTripper
	dialServer(t, server, func(c *Config) {
		c.Transport = func(rt http.RoundTripper) http.RoundTripper { plain = rt; return rt }
	})
	role, err := credentials.NewSTSAssumeRole(server.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: server.AccessKey, SecretKey: server.SecretKey, Policy: policy, Location: server.Region, DurationSeconds: 3600,
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := role.GetWithContext(&credentials.CredContext{Client: &http.Client{Transport: plain}, Endpoint: server.Endpoint})
	if err != nil {
		t.Fatal(err)
	}
	s := dialServer(t, server, nil)
	t.Setenv("AWS_ACCESS_KEY_ID", v.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", v.SecretAccessKey)
	t.Setenv("AWS_SESSION_TOKEN", v.SessionToken)
	limited, err := Dial(t.Context(), Config{Retry: s.retry})
	if err != nil {
		t.Fatal(err)
	}
	return limited
}

// TestPolicy uploads with the permissions that the README lists: they are enough. (Without the
// one for tags Amazon refuses these, which MinIO does not; TestRefusals is about that.)
func TestPolicy(t *testing.T) {
	server := s3test.Named(t, s3test.MinIO)
	for _, tt := range []struct {
		without string
		err     error
	}{
		{"", nil},
		{"s3:PutObject", ErrDenied},
		{"s3:GetObject", ErrDenied},
	} {
		t.Run("without "+tt.without, func(t *testing.T) {
			bucket := server.NewBucket(t)
			s := dialAs(t, server, documented(t, "upload", bucket, "captures", tt.without))
			for _, size := range []int{1000, 12 << 20} {
				o := Options{Place: Place{bucket, "captures"}, PartSize: minPartSize, State: state(t)}
				r, err := s.Upload(t.Context(), noise(t, size), o)
				if !errors.Is(err, tt.err) || len(r.Warnings) > 0 {
					t.Errorf("%d bytes: got %v, warnings %q, want %v and none", size, err, r.Warnings, tt.err)
				}
			}
			o := Options{Place: Place{bucket, "elsewhere"}}
			if r, err := s.Upload(t.Context(), noise(t, 1000), o); !errors.Is(err, ErrDenied) {
				t.Errorf("elsewhere: got %+v, %v, want %v", r, err, ErrDenied)
			}
		})
	}
}
