package upload

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clearAWS takes away all that could tell credentials.
func clearAWS(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "MINIO_") || strings.HasPrefix(name, "MC_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return dir
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCredentials(t *testing.T) {
	for _, tt := range []struct {
		name    string
		env     map[string]string
		files   map[string]string
		c       Config
		want    string // access key
		source  string
		refused string // in the error
	}{
		{name: "none", refused: "no credentials; tried environment (AWS_ACCESS_KEY_ID and others) and profile \"default\""},
		{name: "environment", env: map[string]string{"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"}, want: "A", source: "EnvConfig"},
		{name: "profile", files: map[string]string{"credentials": "[default]\naws_access_key_id=B\naws_secret_access_key=s\n"}, want: "B", source: "SharedConfig"},
		{name: "named profile", files: map[string]string{"credentials": "[x]\naws_access_key_id=C\naws_secret_access_key=s\n"}, c: Config{Profile: "x"}, want: "C"},
		{name: "profile of the environment", env: map[string]string{"AWS_PROFILE": "x"}, files: map[string]string{"credentials": "[x]\naws_access_key_id=C\naws_secret_access_key=s\n"}, want: "C"},
		{name: "missing profile", c: Config{Profile: "nobody"}, refused: "nobody"},
		{name: "process", files: map[string]string{"config": "[default]\ncredential_process = cat DIR/out\n", "out": `{"Version":1,"AccessKeyId":"D","SecretAccessKey":"s"}`}, want: "D"},
		{name: "talkative process", files: map[string]string{"config": "[default]\ncredential_process = cat DIR/out\n", "out": `{"SecretAccessKey":"do-not-show"}}`}, refused: "credential_process"},
		{name: "broken process is not replaced", env: map[string]string{"MINIO_ROOT_USER": "M", "MINIO_ROOT_PASSWORD": "s"}, files: map[string]string{"config": "[default]\ncredential_process = false\n"}, refused: "no credentials: environment"},
		{name: "server's environment", env: map[string]string{"MINIO_ROOT_USER": "M", "MINIO_ROOT_PASSWORD": "s"}, want: "M", source: "MINIO_ROOT_USER"},
		{name: "client's alias for the endpoint", files: map[string]string{".mc/config.json": mcConfig}, c: Config{Endpoint: "https://b.example:9000"}, want: "KB", source: `alias "b" in`},
		{name: "client's named alias", files: map[string]string{".mc/config.json": mcConfig}, c: Config{Endpoint: "https://other.example", Alias: "a"}, want: "KA"},
		{name: "client's alias of the environment", env: map[string]string{"MINIO_ALIAS": "a"}, files: map[string]string{".mc/config.json": mcConfig}, c: Config{Endpoint: "https://other.example"}, want: "KA"},
		{name: "no alias for the endpoint", files: map[string]string{".mc/config.json": mcConfig}, c: Config{Endpoint: "https://other.example"}, refused: "no alias for https://other.example"},
		{name: "no such alias", files: map[string]string{".mc/config.json": mcConfig}, c: Config{Alias: "c"}, refused: `no alias "c"`},
		{name: "broken client's configuration", files: map[string]string{".mc/config.json": "secret-do-not-show"}, refused: "is not JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := clearAWS(t)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			for name, text := range tt.files {
				put(t, filepath.Join(dir, name), strings.ReplaceAll(text, "DIR", dir))
			}
			s, err := Dial(t.Context(), tt.c)
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) || strings.Contains(err.Error(), "do-not-show") {
					t.Errorf("Dial: got %v, want %q", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Core.GetCreds()
			if err != nil || v.AccessKeyID != tt.want || v.SignerType.IsAnonymous() || !strings.Contains(s.Source, tt.source) {
				t.Errorf("credentials: got %s from %s, %v, want %s from %s", v.AccessKeyID, s.Source, err, tt.want, tt.source)
			}
		})
	}
}

const mcConfig = `{"version":"10","aliases":{
	"a":{"url":"https://a.example:9000","accessKey":"KA","secretKey":"s"},
	"b":{"url":"https://b.example:9000/","accessKey":"KB","secretKey":"s"}}}`

// TestPodIdentity takes keys of an agent, and renews them when they expire.
func TestPodIdentity(t *testing.T) {
	dir := clearAWS(t)
	asked := 0
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "pod-token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		asked++
		fmt.Fprintf(w, `{"AccessKeyId":"K%d","SecretAccessKey":"s","Token":"t","Expiration":%q}`, asked, time.Now().Add(20*time.Second).UTC().Format(time.RFC3339))
	}))
	defer agent.Close()
	put(t, filepath.Join(dir, "token"), "pod-token")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.URL)
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", filepath.Join(dir, "token"))
	s, err := Dial(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Core.GetCreds()
	if err != nil {
		t.Fatal(err)
	}
	s.forget()
	second, err := s.Core.GetCreds()
	if err != nil || first.AccessKeyID == second.AccessKeyID || second.SessionToken != "t" {
		t.Errorf("after forget: got %s, %v, want others than %s", second.AccessKeyID, err, first.AccessKeyID)
	}
}

// TestNoMetadataService does not wait long for the metadata service of a machine outside
// clouds.
func TestNoMetadataService(t *testing.T) {
	clearAWS(t)
	hole := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hole.Close()
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", hole.URL)
	_, err := Dial(t.Context(), Config{Region: "us-east-1"})
	if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "role of a cloud instance: no answer") {
		t.Errorf("Dial: got %v, want %v", err, ErrCredentials)
	}
	hole.CloseClientConnections()
}

func TestEndpoint(t *testing.T) {
	profile := "[default]\naws_access_key_id=B\naws_secret_access_key=s\n"
	services := "[default]\nendpoint_url = https://general.example\nservices = x\n[services x]\ns3 =\n  endpoint_url = https://s3.example\n"
	for _, tt := range []struct {
		name  string
		env   map[string]string
		files map[string]string
		c     Config
		want  string
		fails bool
	}{
		{name: "amazon", want: "https://s3.amazonaws.com"},
		{name: "flag", env: map[string]string{"AWS_ENDPOINT_URL_S3": "https://env.example"}, c: Config{Endpoint: "flag.example:9000"}, want: "https://flag.example:9000"},
		{name: "environment of S3", env: map[string]string{"AWS_ENDPOINT_URL_S3": "https://s3.example", "AWS_ENDPOINT_URL": "https://all.example"}, want: "https://s3.example"},
		{name: "environment", env: map[string]string{"AWS_ENDPOINT_URL": "https://all.example/"}, want: "https://all.example"},
		{name: "environment ignored", env: map[string]string{"AWS_ENDPOINT_URL": "https://all.example/", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, want: "https://s3.amazonaws.com"},
		{name: "profile", files: map[string]string{"config": "[default]\nendpoint_url = https://profile.example\n"}, want: "https://profile.example"},
		{name: "service of the profile", files: map[string]string{"config": services}, want: "https://s3.example"},
		{name: "http to this machine", c: Config{Endpoint: "http://127.0.0.1:9000"}, want: "http://127.0.0.1:9000"},
		{name: "http to localhost", c: Config{Endpoint: "http://localhost:9000"}, want: "http://localhost:9000"},
		{name: "http elsewhere", c: Config{Endpoint: "http://minio:9000"}, fails: true},
		{name: "http elsewhere, allowed", c: Config{Endpoint: "http://minio:9000", InsecureHTTP: true}, want: "http://minio:9000"},
		{name: "password", c: Config{Endpoint: "https://user:do-not-show@minio:9000"}, fails: true},
		{name: "path", c: Config{Endpoint: "https://minio:9000/bucket"}, fails: true},
		{name: "nonsense", c: Config{Endpoint: "ftp://x"}, fails: true},
		{name: "our key over http", c: Config{Endpoint: "http://127.0.0.1:9000", SSE: SSE{Mode: "c", Key: make([]byte, 32)}}, fails: true},
		{name: "short key", c: Config{SSE: SSE{Mode: "c", Key: make([]byte, 31)}}, fails: true},
		{name: "no certificates", c: Config{CACert: os.DevNull}, fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := clearAWS(t)
			put(t, filepath.Join(dir, "credentials"), profile)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			for name, text := range tt.files {
				put(t, filepath.Join(dir, name), text)
			}
			s, err := Dial(t.Context(), tt.c)
			switch {
			case tt.fails && (err == nil || strings.Contains(err.Error(), "do-not-show")):
				t.Errorf("Dial: got %v, want an error without the password", err)
			case !tt.fails && err != nil:
				t.Errorf("Dial: %v", err)
			case !tt.fails && s.Endpoint != tt.want:
				t.Errorf("endpoint: got %s, want %s", s.Endpoint, tt.want)
			}
		})
	}
}
