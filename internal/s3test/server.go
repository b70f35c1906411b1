// Package s3test runs real S3 servers for tests: versitygw and MinIO on loopback with TLS,
// a proxy in front of them that injects faults and counts what passes, and, for unit tests
// that claim nothing about stores, minis3 within the process.
//
// The servers are programs of their own, built once from tools/go.mod into the user's cache
// folder; they end with the test binary, however that ends.
package s3test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/yashikota/minis3"
)

// Names of the servers.
const (
	Versity = "versitygw" // maintained, strict in the way of AWS; no lifecycle rules
	MinIO   = "minio"     // frozen, widely used; lifecycle rules and encryption with keys
)

// A Server is an S3 endpoint that tests may use; the user is its administrator.
type Server struct {
	Name      string // Versity, MinIO or "minis3"
	Endpoint  string // https://127.0.0.1:PORT; minis3 speaks plain HTTP
	CACert    string // absolute path of the certificate in PEM that signs Endpoint's; "" for HTTP
	AccessKey string
	SecretKey string
	Region    string
}

// Servers returns versitygw and MinIO, running. The first call of a test binary starts
// them (and the first call of a machine builds them, which takes minutes); they serve until
// the binary exits. Where they cannot be built the test is skipped, with the reason, but
// fails if MEMVAULT_SOAK=1: a proof must not pass by not running.
func Servers(t testing.TB) []Server {
	t.Helper()
	servers, err := Start()
	switch {
	case err == nil:
		return servers
	case os.Getenv("MEMVAULT_SOAK") == "1":
		t.Fatalf("no S3 servers: %v", err)
	default:
		t.Skipf("no S3 servers: %v", err)
	}
	return nil
}

// Named returns the server of that name among Servers.
func Named(t testing.TB, name string) Server {
	t.Helper()
	for _, s := range Servers(t) {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no server %q", name)
	return Server{}
}

// Minis3 returns an S3 server within this process, over plain HTTP, closed at the end of the
// test. It is for unit tests through minio.Core with unsigned payloads only: it stores
// corrupted bytes when driven otherwise, and proves nothing about stores.
func Minis3(t testing.TB) Server {
	t.Helper()
	m, err := minis3.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return Server{
		Name: "minis3", Endpoint: "http://" + m.Host(), Region: region,
		AccessKey: "minis3-access-key", SecretKey: "minis3-secret-key",
	}
}

// Env returns the environment, as NAME=VALUE, with which AWS tools and memvault use the
// server. It names no configuration of the person who runs the tests.
func (s Server) Env() []string {
	env := []string{
		"AWS_ENDPOINT_URL_S3=" + s.Endpoint,
		"AWS_ACCESS_KEY_ID=" + s.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + s.SecretKey,
		"AWS_REGION=" + s.Region,
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
	}
	if s.CACert != "" {
		env = append(env, "AWS_CA_BUNDLE="+s.CACert)
	}
	return env
}

// Core returns a client of the server that retries nothing.
func (s Server) Core(t testing.TB) *minio.Core {
	t.Helper()
	core, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return core
}

// NewBucket makes a bucket of a new name, and empties and removes nothing: the server's
// folder goes when it ends.
func (s Server) NewBucket(t testing.TB) string {
	t.Helper()
	name := "t-" + strings.ToLower(rand.Text())
	if err := s.Core(t).MakeBucket(context.Background(), name, minio.MakeBucketOptions{Region: s.Region}); err != nil {
		t.Fatalf("%s: make bucket %s: %v", s.Name, name, err)
	}
	return name
}

// Dial is Core without a test.
func (s Server) Dial() (*minio.Core, error) {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return nil, err
	}
	transport, err := s.transport()
	if err != nil {
		return nil, err
	}
	return minio.NewCore(u.Host, &minio.Options{
		Creds:      credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""),
		Secure:     u.Scheme == "https",
		Region:     s.Region,
		Transport:  transport,
		MaxRetries: 1,
	})
}

// transport returns one that trusts the server's certificate, and nothing else.
func (s Server) transport() (*http.Transport, error) {
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	if s.CACert == "" {
		return transport, nil
	}
	pem, err := os.ReadFile(s.CACert)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	return transport, nil
}
