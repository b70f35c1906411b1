package upload

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// maxReply is the largest body of a reply that request reads, in bytes.
const maxReply = 4 << 20

// A request is one that minio-go cannot make, or whose reply it would not show whole:
// conditional deletes, lifecycle rules as they are, the store's clock.
type request struct {
	method, bucket, key string
	query               url.Values
	header              http.Header
	body                []byte
}

// A reply is what the store answered, read whole.
type reply struct {
	header http.Header
	body   []byte
}

// newClient follows no redirection: the signature is for one host, and the body with it.
func newClient(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// etag gives the ETag without its quotes.
func (r *reply) etag() string { return strings.Trim(r.header.Get("ETag"), `"`) }

// send makes the request, signed, until it is answered for good; errors are those of do.
func (s *Store) send(ctx context.Context, what string, q request) (*reply, error) {
	var r *reply
	err := s.do(ctx, what, func(ctx context.Context, w *watch) (err error) {
		r, err = s.sendOnce(ctx, q)
		return err
	})
	return r, err
}

func (s *Store) sendOnce(ctx context.Context, q request) (*reply, error) {
	req, err := s.signed(ctx, q)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	if len(body) > maxReply {
		return nil, fmt.Errorf("the reply of the store has more than %d bytes", maxReply)
	}
	if resp.StatusCode/100 != 2 {
		return nil, errorOf(resp, q, body)
	}
	return &reply{resp.Header, body}, nil
}

// signed builds the request. Its address is taken from a presigned one, for only the
// client knows whether the bucket stands in the host name; the signature goes into the
// header all the same, as buckets may refuse signatures in the address.
func (s *Store) signed(ctx context.Context, q request) (*http.Request, error) {
	u, err := s.Core.Presign(ctx, q.method, q.bucket, q.key, time.Minute, q.query)
	if err != nil {
		return nil, err
	}
	values := u.Query()
	scope := strings.Split(values.Get("X-Amz-Credential"), "/")
	if len(scope) < 5 {
		return nil, errors.New("the credentials are not for signatures of version 4")
	}
	for name := range values {
		if strings.HasPrefix(name, "X-Amz-") {
			values.Del(name)
		}
	}
	u.RawQuery = values.Encode()
	creds, err := s.Core.GetCreds()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, q.method, u.String(), bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, q.header)
	hash := sha256.Sum256(q.body)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(hash[:]))
	if len(q.body) > 0 {
		sum := md5.Sum(q.body)
		req.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	}
	region := scope[len(scope)-3]
	return signer.SignV4(*req, creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken, region), nil
}

// errorOf reads what the store says of a refusal.
func errorOf(resp *http.Response, q request, body []byte) error {
	e := minio.ErrorResponse{}
	if xml.Unmarshal(body, &e) != nil || e.Code == "" {
		e = minio.ErrorResponse{Code: resp.Status, Message: resp.Status}
		switch resp.StatusCode {
		case http.StatusPreconditionFailed:
			e.Code = minio.PreconditionFailed
		case http.StatusNotFound:
			e.Code = minio.NoSuchKey
		}
	}
	e.StatusCode, e.BucketName, e.Key = resp.StatusCode, q.bucket, q.key
	return e
}

// clock gives the time of the store: that of its reply, less than a second old.
func (r *reply) clock() (time.Time, error) {
	text := r.header.Get("Date")
	t, err := http.ParseTime(text)
	if err != nil {
		return t, fmt.Errorf("the store does not say what time it is: Date is %q, want one as RFC 9110 has it", text)
	}
	return t.UTC(), nil
}

// Now asks the store what time it is, to the second.
func (s *Store) Now(ctx context.Context, bucket string) (time.Time, error) {
	r, err := s.send(ctx, "ask the store for the time", request{method: http.MethodHead, bucket: bucket})
	if err != nil {
		return time.Time{}, err
	}
	return r.clock()
}
