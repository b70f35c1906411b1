package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/upload"
)

// storeFlags say where an object store is and how to speak to it: those of all commands
// with s3:// places.
type storeFlags struct {
	bucket, prefix                    string
	endpoint, region, profile, caCert string
	insecureHTTP                      bool
	style, alias                      string
	sse, sseKey                       string
}

func (s *storeFlags) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.bucket, "bucket", "", "bucket, where no s3://BUCKET is named")
	f.StringVar(&s.prefix, "prefix", "", "what keys begin with, below --bucket")
	f.StringVar(&s.endpoint, "endpoint", "", "URL of the store (default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's, Amazon)")
	f.StringVar(&s.region, "region", "", "region of the bucket (default: AWS_REGION, the profile's)")
	f.StringVar(&s.profile, "profile", "", "profile of the AWS tools (default: AWS_PROFILE)")
	f.StringVar(&s.caCert, "ca-cert", "", "file of certificates in PEM to trust beside the system's (default: AWS_CA_BUNDLE)")
	f.BoolVar(&s.insecureHTTP, "insecure-http", false, "speak plain HTTP to other machines: who listens sees all")
	f.StringVar(&s.style, "style", "auto", "where URLs have the bucket: auto, path or virtual")
	f.StringVar(&s.alias, "mc-alias", "", "take the keys of this alias of the MinIO client (default: MINIO_ALIAS, the endpoint's)")
	f.StringVar(&s.sse, "sse", "", "encryption by the store: s3, kms, kms:KEY-ID, or c with --sse-key (default: the bucket's)")
	f.StringVar(&s.sseKey, "sse-key", "", "key for --sse c: @FILE, or base64 of 32 bytes, better in MEMVAULT_SSE_KEY")
	complete(cmd, "style", []string{"auto", "path", "virtual"})
	complete(cmd, "sse", []string{"s3", "kms", "kms:", "c"})
}

// place gives what an s3:// argument names, or --bucket and --prefix where it is empty.
func (s *storeFlags) place(arg string) (upload.Place, error) {
	if arg != "" {
		p, err := upload.ParseURL(arg)
		if err != nil {
			return p, &usageError{err}
		}
		return p, nil
	}
	if s.bucket == "" {
		return upload.Place{}, hintf(usagef("no bucket is named"), "give s3://BUCKET/PREFIX, or --bucket and --prefix")
	}
	p := upload.Place{Bucket: s.bucket, Prefix: strings.Trim(s.prefix, "/")}
	if err := p.Check(); err != nil {
		return p, &usageError{err}
	}
	return p, nil
}

// config gives what the flags mean.
func (s *storeFlags) config(a *app) (upload.Config, error) {
	c := upload.Config{
		Endpoint: s.endpoint, Region: s.region, Profile: s.profile, CACert: s.caCert,
		InsecureHTTP: s.insecureHTTP, Alias: s.alias, Version: moduleVersion(),
	}
	path := s.style == "path"
	switch s.style {
	case "auto":
	case "path", "virtual":
		c.PathStyle = &path
	default:
		return c, usagef("--style %q: want auto, path or virtual", s.style)
	}
	mode, id, _ := strings.Cut(s.sse, ":")
	c.SSE = upload.SSE{Mode: mode, KeyID: id}
	switch {
	case mode != "" && mode != "s3" && mode != "kms" && mode != "c", id != "" && mode != "kms":
		return c, usagef("--sse %q: want s3, kms, kms:KEY-ID or c", s.sse)
	case (mode == "c") != (s.sseKey != ""):
		return c, usagef("--sse c and --sse-key go together")
	case mode != "c":
		return c, nil
	}
	var err error
	c.SSE.Key, err = s.readKey(a)
	return c, err
}

// sseKeyBytes is how long a key of ours is.
const sseKeyBytes = 32

// readKey gives the key; errors do not quote it.
func (s *storeFlags) readKey(a *app) ([]byte, error) {
	file, isFile := strings.CutPrefix(s.sseKey, "@")
	if !isFile {
		if os.Getenv(envName("sse-key")) != s.sseKey {
			a.warn("--sse-key", "other users can see command lines: use MEMVAULT_SSE_KEY or @FILE")
		}
		return decodeKey("--sse-key", s.sseKey)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, inFile(file, err)
	}
	if len(data) == sseKeyBytes {
		return data, nil
	}
	return decodeKey(file, strings.TrimSpace(string(data)))
}

func decodeKey(where, text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != sseKeyBytes {
		return nil, usagef("%s: want base64 of %d bytes", where, sseKeyBytes)
	}
	return key, nil
}

// dial finds the store and the credentials.
func (s *storeFlags) dial(ctx context.Context, a *app) (*upload.Store, error) {
	c, err := s.config(a)
	if err != nil {
		return nil, err
	}
	return dialStore(ctx, c)
}

func dialStore(ctx context.Context, c upload.Config) (*upload.Store, error) {
	store, err := upload.Dial(ctx, c)
	if err != nil {
		return nil, storeError(fmt.Errorf("object store: %w", err))
	}
	return store, nil
}

// storeError gives errors of the store their exit codes and hints.
func storeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, upload.ErrConflict), errors.Is(err, upload.ErrIntegrity):
		return &codedError{err, exitConflict}
	case errors.Is(err, upload.ErrUnreachable):
		return &codedError{err, exitRetry}
	case errors.Is(err, upload.ErrCredentials):
		return hintf(err, "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	case errors.Is(err, upload.ErrDenied):
		return hintf(err, "wrong keys, a clock that is off, or a permission that lacks: the README lists those needed")
	}
	return err
}
