package upload

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
	"golang.org/x/time/rate"
)

// Config says where a store is and how to speak to it. What is empty is taken from the
// environment and the configuration files, as the AWS tools read them.
type Config struct {
	// Endpoint is a URL, or a host for https; empty for Amazon's.
	Endpoint, Region, Profile string
	// CACert is a file of certificates in PEM that are trusted beside the system's.
	CACert string
	// InsecureHTTP allows plain HTTP to hosts other than this one.
	InsecureHTTP bool
	// PathStyle puts the bucket into the path (true) or the host (false) of URLs; nil for
	// what the endpoint is known to want.
	PathStyle *bool
	// Alias is a host of the MinIO client's configuration whose keys are used. Empty for
	// the one of Endpoint, if the AWS tools have no credentials.
	Alias string
	SSE   SSE
	// Bandwidth is the most bytes a second that all uploads together send; 0 for no limit.
	Bandwidth int64
	// Memory is the most bytes that the part buffers of all uploads together take; 0 for
	// DefaultMemory. A single part may be larger.
	Memory int64
	Retry  Retry
	// Version is that of memvault, for the user agent.
	Version string
	// Transport wraps the connection, for tests; nil for none.
	Transport func(http.RoundTripper) http.RoundTripper
	// Log gets what is worth knowing and no error; nil is no log.
	Log *slog.Logger
}

// SSE is encryption by the store.
type SSE struct {
	// Mode is "s3" (the store's keys), "kms" (a key service), "c" (our key), or empty for
	// what the bucket does by default.
	Mode string
	// KeyID names the key of the key service; empty for its default.
	KeyID string
	// Key is ours, 32 bytes. Without it nobody can read the objects.
	Key []byte
}

// server gives what requests must say.
func (e SSE) server() (encrypt.ServerSide, error) {
	switch e.Mode {
	case "":
		return nil, nil
	case "s3":
		return encrypt.NewSSE(), nil
	case "kms":
		return encrypt.NewSSEKMS(e.KeyID, nil)
	case "c":
		return encrypt.NewSSEC(e.Key)
	}
	return nil, fmt.Errorf("encryption %q: want s3, kms or c", e.Mode)
}

// A Store is a connection to object storage. It is safe for concurrent use.
type Store struct {
	// Core makes single requests, without retries.
	Core *minio.Core
	// Endpoint is the URL that was dialled, without a path.
	Endpoint string
	// Source tells where the credentials came from.
	Source string

	client    *http.Client       // for what Core cannot ask
	sse       encrypt.ServerSide // nil for none
	retry     Retry
	limit     *rate.Limiter // nil for none
	memory    *memory
	log       *slog.Logger
	forget    func() // drops credentials that the store calls expired
	honest    probes // by bucket
	checksums algorithms
}

// Dial finds endpoint, region and credentials. It asks the store nothing. The error wraps
// ErrCredentials, and says what was tried, when there are none: requests are always signed.
func Dial(ctx context.Context, c Config) (*Store, error) {
	found, err := loadAWS(ctx, c)
	if err != nil {
		return nil, err
	}
	u, err := endpointURL(found.endpoint, c.InsecureHTTP)
	if err != nil {
		return nil, err
	}
	creds, err := findCredentials(ctx, c, found, u)
	if err != nil {
		return nil, err
	}
	s := &Store{Endpoint: u.String(), Source: creds.source, retry: c.Retry.withDefaults(), log: logger(c.Log), memory: newMemory(c.Memory), checksums: newAlgorithms(u)}
	if c.Bandwidth > 0 {
		s.limit = rate.NewLimiter(rate.Limit(c.Bandwidth), max(chunkSize, int(min(c.Bandwidth/8, 1<<20))))
	}
	if s.sse, err = c.SSE.server(); err != nil {
		return nil, err
	}
	if c.SSE.Mode == "c" && u.Scheme == "http" {
		return nil, errors.New("a key of ours is not sent over plain HTTP: want https")
	}
	transport, err := newTransport(found.caCert)
	if err != nil {
		return nil, err
	}
	s.forget = creds.forget
	trip := wrapped(transport, c.Transport)
	s.client = newClient(trip)
	s.Core, err = minio.NewCore(u.Host, &minio.Options{
		Creds: creds.keys, Secure: u.Scheme == "https", Region: found.regionFor(u),
		BucketLookup: lookup(c.PathStyle), Transport: trip,
		MaxRetries: 1, // Retry does better: it waits longer, and never resends what HEAD is to decide
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", u, err)
	}
	s.Core.SetAppInfo("memvault", version(c.Version))
	return s, nil
}

func version(v string) string {
	if v == "" {
		return "devel"
	}
	return v
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

func lookup(pathStyle *bool) minio.BucketLookupType {
	switch {
	case pathStyle == nil:
		return minio.BucketLookupAuto
	case *pathStyle:
		return minio.BucketLookupPath
	default:
		return minio.BucketLookupDNS
	}
}

func wrapped(t http.RoundTripper, wrap func(http.RoundTripper) http.RoundTripper) http.RoundTripper {
	if wrap == nil {
		return t
	}
	return wrap(t)
}

// endpointURL reads an endpoint. Plain HTTP would send captures, and what can be done
// with them, to whoever listens.
func endpointURL(endpoint string, insecure bool) (*url.URL, error) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, errors.New("endpoint: not a URL") // it may hold a password
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("endpoint %s: want no user and password in it", u.Redacted())
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return nil, fmt.Errorf("endpoint %q: want https://HOST or https://HOST:PORT", endpoint)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("endpoint %q: want no path behind the host", endpoint)
	case u.Scheme == "http" && !insecure && !loopback(u.Hostname()):
		return nil, fmt.Errorf("endpoint %s: plain HTTP is only spoken to this machine: want https, or --insecure-http", u)
	}
	u.Path = ""
	return u, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// newTransport trusts the certificates of caCert beside the system's. It has no time limit
// of its own for replies: Retry watches that something moves.
func newTransport(caCert string) (*http.Transport, error) {
	t, err := minio.DefaultTransport(true)
	if err != nil {
		return nil, err
	}
	t.ResponseHeaderTimeout = 0
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if caCert == "" {
		return t, nil
	}
	pem, err := os.ReadFile(caCert)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificates: %s: none in PEM", caCert)
	}
	t.TLSClientConfig.RootCAs = roots
	return t, nil
}
