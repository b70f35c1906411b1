package upload

import (
	"strings"
	"testing"

	"github.com/memvault/memvault/internal/s3test"
)

// TestCustomerKeyIgnored: MinIO encrypts with a key of ours and says so; versitygw takes no
// notice of the key, which must not pass in silence.
func TestCustomerKeyIgnored(t *testing.T) {
	for _, server := range s3test.Servers(t) {
		t.Run(server.Name, func(t *testing.T) {
			s := dialServer(t, server, func(c *Config) { c.SSE = SSE{Mode: "c", Key: make([]byte, 32)} })
			r, err := s.Upload(t.Context(), noise(t, 1000), Options{Place: Place{Bucket: server.NewBucket(t)}})
			if err != nil {
				t.Fatal(err)
			}
			warned := strings.Contains(strings.Join(r.Warnings, "\n"), "may lie there unencrypted")
			if ignores := server.Name == s3test.Versity; warned != ignores {
				t.Errorf("got warnings %q, want one: %v", r.Warnings, ignores)
			}
		})
	}
}
