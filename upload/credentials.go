package upload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	amazon = "https://s3.amazonaws.com"
	// metadataPatience is how long an instance may take to name its role. Machines outside
	// clouds have nobody who answers.
	metadataPatience = 3 * time.Second
	// credentialPatience is for the other sources, which may ask token services.
	credentialPatience = 30 * time.Second
	// maxConfig is the largest configuration file that is read, in bytes.
	maxConfig = 1 << 20
)

// settings are what flags, environment and configuration files say.
type settings struct {
	endpoint, region, caCert string
	profile                  string
	creds                    aws.CredentialsProvider
}

// loadAWS reads environment and files as the AWS tools do. Flags count more.
func loadAWS(ctx context.Context, c Config) (settings, error) {
	s := settings{endpoint: c.Endpoint, region: c.Region, caCert: c.CACert, profile: c.Profile}
	var options []func(*config.LoadOptions) error
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	if s.caCert == "" {
		s.caCert = os.Getenv("AWS_CA_BUNDLE")
	} else {
		pem, err := os.ReadFile(s.caCert)
		if err != nil {
			return s, fmt.Errorf("certificates: %w", err)
		}
		options = append(options, config.WithCustomCABundle(bytes.NewReader(pem)))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return s, fmt.Errorf("configuration of the AWS tools: %w", err)
	}
	s.creds = cfg.Credentials
	if s.region == "" {
		s.region = cfg.Region
	}
	if s.endpoint == "" {
		s.endpoint = configuredEndpoint(ctx, cfg)
	}
	if s.profile == "" {
		s.profile = os.Getenv("AWS_PROFILE")
	}
	return s, nil
}

// configuredEndpoint gives AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or endpoint_url of the
// profile, of its services section first.
func configuredEndpoint(ctx context.Context, cfg aws.Config) string {
	ignored, _, _ := config.GetIgnoreConfiguredEndpoints(ctx, cfg.ConfigSources)
	if ignored {
		return amazon
	}
	for _, source := range cfg.ConfigSources {
		if p, ok := source.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		}); ok {
			if endpoint, found, err := p.GetServiceBaseEndpoint(ctx, "S3"); err == nil && found && endpoint != "" {
				return endpoint
			}
		}
	}
	if cfg.BaseEndpoint != nil && *cfg.BaseEndpoint != "" {
		return *cfg.BaseEndpoint
	}
	return amazon
}

// regionFor gives the region to sign for. Amazon tells it for a bucket when it is asked;
// elsewhere it rarely matters, and asking takes a permission that uploaders lack.
func (s settings) regionFor(endpoint *url.URL) string {
	if s.region != "" || strings.HasSuffix(endpoint.Hostname(), ".amazonaws.com") {
		return s.region
	}
	return "us-east-1"
}

// found is what findCredentials found.
type found struct {
	keys   *credentials.Credentials
	source string
	forget func()
}

// findCredentials asks, in this order: the environment and profiles of the AWS tools with
// what these lead to, the MinIO server's environment names, the MinIO client's
// configuration, and the metadata service of a cloud instance.
func findCredentials(ctx context.Context, c Config, s settings, endpoint *url.URL) (found, error) {
	var tried []string
	instance := aws.IsCredentialsProvider(s.creds, (*ec2rolecreds.Provider)(nil))
	if !instance && c.Alias == "" {
		f, err := fromAWS(ctx, s.creds, credentialPatience)
		if err == nil {
			return f, nil
		}
		// What somebody has set up on purpose is not replaced by something else.
		return f, fmt.Errorf("%w: %s: %w", ErrCredentials, s.where(), err)
	}
	tried = append(tried, s.where()+": none")
	for _, try := range []func() (found, error){
		fromMinioEnv,
		func() (found, error) { return fromMinioClient(c.Alias, endpoint) },
	} {
		f, err := try()
		if err == nil {
			return f, nil
		}
		tried = append(tried, err.Error())
	}
	if c.Alias == "" {
		f, err := fromAWS(ctx, s.creds, metadataPatience)
		if err == nil {
			return f, nil
		}
		tried = append(tried, "role of a cloud instance: "+shortReason(err))
	}
	return found{}, fmt.Errorf("%w; tried %s", ErrCredentials, strings.Join(tried, "; "))
}

// where names the first of the sources.
func (s settings) where() string {
	profile := s.profile
	if profile == "" {
		profile = "default"
	}
	return fmt.Sprintf("environment (AWS_ACCESS_KEY_ID and others) and profile %q of the AWS tools", profile)
}

// shortReason leaves out how often and by which request it was tried.
func shortReason(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "access disabled"):
		return "switched off by AWS_EC2_METADATA_DISABLED"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	}
	return "none"
}

func fromAWS(ctx context.Context, p aws.CredentialsProvider, patience time.Duration) (found, error) {
	a := &awsKeys{provider: p}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := a.retrieve(ctx)
	if err != nil {
		return found{}, err
	}
	if v.AccessKeyID == "" || v.SecretAccessKey == "" {
		return found{}, errors.New("they are empty")
	}
	f := found{keys: credentials.New(a), source: a.source}
	f.forget = func() {
		if cache, ok := p.(*aws.CredentialsCache); ok {
			cache.Invalidate()
		}
		f.keys.Expire()
	}
	return f, nil
}

// awsKeys hands the AWS tools' credentials to the S3 client.
type awsKeys struct {
	provider aws.CredentialsProvider
	expires  time.Time // zero for never, and before the first time
	known    bool
	source   string
}

func (a *awsKeys) retrieve(ctx context.Context) (credentials.Value, error) {
	got, err := a.provider.Retrieve(ctx)
	if err != nil {
		return credentials.Value{}, discreet(err)
	}
	a.known, a.source, a.expires = true, got.Source, time.Time{}
	if got.CanExpire {
		a.expires = got.Expires
	}
	return credentials.Value{
		AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken,
		Expiration: a.expires, SignerType: credentials.SignatureV4,
	}, nil
}

// discreet leaves out what a credential_process has printed: there may be a key in it.
func discreet(err error) error {
	if _, ok := errors.AsType[*processcreds.ProviderError](err); ok {
		return errors.New("credential_process of the profile failed, or printed no credentials")
	}
	return err
}

// RetrieveWithCredContext implements credentials.Provider.
func (a *awsKeys) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	ctx := context.Background()
	if cc != nil && cc.Context != nil {
		ctx = cc.Context
	}
	ctx, cancel := context.WithTimeout(ctx, credentialPatience)
	defer cancel()
	v, err := a.retrieve(ctx)
	if err != nil {
		return v, fmt.Errorf("%w: renew them: %w", ErrCredentials, err)
	}
	return v, nil
}

// Retrieve implements credentials.Provider.
func (a *awsKeys) Retrieve() (credentials.Value, error) { return a.RetrieveWithCredContext(nil) }

// IsExpired implements credentials.Provider. Keys are renewed a minute early, for requests
// take time and clocks differ.
func (a *awsKeys) IsExpired() bool {
	return !a.known || !a.expires.IsZero() && time.Until(a.expires) < time.Minute
}

func fromMinioEnv() (found, error) {
	for _, names := range [][2]string{{"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"}, {"MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"}} {
		if key, secret := os.Getenv(names[0]), os.Getenv(names[1]); key != "" && secret != "" {
			return static(key, secret, names[0]), nil
		}
	}
	return found{}, errors.New("MINIO_ROOT_USER and MINIO_ACCESS_KEY: not set")
}

func static(key, secret, source string) found {
	return found{credentials.NewStaticV4(key, secret, ""), source, func() {}}
}

// mcHost is a host in the MinIO client's configuration.
type mcHost struct {
	URL       string `json:"url"`
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
}

// fromMinioClient takes the keys of an alias (else MINIO_ALIAS), and where none is named
// those of the alias that is for this very endpoint: keys go to nobody they are not for.
func fromMinioClient(alias string, endpoint *url.URL) (found, error) {
	if alias == "" {
		alias = os.Getenv("MINIO_ALIAS")
	}
	file, hosts, err := mcHosts()
	if err != nil {
		return found{}, fmt.Errorf("MinIO client: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		h := hosts[name]
		u, err := url.Parse(h.URL)
		same := err == nil && u.Scheme == endpoint.Scheme && u.Host == endpoint.Host
		if name == alias || alias == "" && same {
			if h.AccessKey == "" || h.SecretKey == "" {
				return found{}, fmt.Errorf("MinIO client: alias %q in %s has no keys", name, file)
			}
			return static(h.AccessKey, h.SecretKey, fmt.Sprintf("alias %q in %s", name, file)), nil
		}
	}
	if alias != "" {
		return found{}, fmt.Errorf("MinIO client: no alias %q in %s", alias, file)
	}
	return found{}, fmt.Errorf("MinIO client: no alias for %s in %s", endpoint, file)
}

// mcHosts reads the aliases; their file may be missing.
func mcHosts() (file string, hosts map[string]mcHost, err error) {
	if file, err = mcFile(); err != nil {
		return "", nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return file, nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig))
	if err != nil {
		return file, nil, err
	}
	var all struct{ Hosts, Aliases map[string]mcHost }
	if json.Unmarshal(data, &all) != nil {
		return file, nil, fmt.Errorf("%s: is not JSON", file) // its own error would quote it
	}
	if len(all.Aliases) == 0 {
		return file, all.Hosts, nil
	}
	return file, all.Aliases, nil
}

func mcFile() (string, error) {
	if file := os.Getenv("MINIO_SHARED_CREDENTIALS_FILE"); file != "" {
		return file, nil
	}
	home, err := os.UserHomeDir()
	folder := ".mc"
	if runtime.GOOS == "windows" {
		folder = "mc"
	}
	if dir := os.Getenv("MC_CONFIG_DIR"); dir != "" {
		return filepath.Join(dir, "config.json"), nil
	}
	return filepath.Join(home, folder, "config.json"), err
}
