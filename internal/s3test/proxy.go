package s3test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// A Proxy stands in front of a Server, speaks TLS whatever that speaks, injects faults, and
// notes each request. It may be used as the server it embeds; its certificate is its own.
type Proxy struct {
	Server

	behind    Server
	upstream  *url.URL
	transport *http.Transport

	mu       sync.Mutex
	faults   Faults
	attempts map[attempt]int
	requests []Request
}

type attempt struct {
	op                    Op
	bucket, key, uploadID string
	part                  int
}

// Proxy starts a proxy in front of the server, which ends with the test.
func (s Server) Proxy(t testing.TB, f Faults) *Proxy {
	t.Helper()
	upstream, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := s.transport()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := writeCertificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Server: s, behind: s, upstream: upstream, transport: transport, faults: f, attempts: map[attempt]int{}}
	srv := httptest.NewUnstartedServer(p)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	srv.StartTLS()
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		transport.CloseIdleConnections()
	})
	p.Endpoint, p.CACert = srv.URL, cert
	return p
}

// SetFaults changes what the proxy does to the requests that come from now on.
func (p *Proxy) SetFaults(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Requests returns what has come so far, in the order of coming; of those under way the
// last fields are still zero.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Count returns how many requests of the operation have come.
func (p *Proxy) Count(op Op) int {
	n := 0
	for _, r := range p.Requests() {
		if r.Op == op {
			n++
		}
	}
	return n
}

// Injected returns how many faults were injected.
func (p *Proxy) Injected() int {
	n := 0
	for _, r := range p.Requests() {
		if r.Fault != None {
			n++
		}
	}
	return n
}

// enter notes the request and returns what is to be done with it.
func (p *Proxy) enter(r *http.Request) (Request, Fault, func(Request, http.Header)) {
	req := parse(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	at := attempt{req.Op, req.Bucket, req.Key, req.UploadID, req.Part}
	p.attempts[at]++
	req.N, req.Attempt = len(p.requests)+1, p.attempts[at]
	var f Fault
	if p.faults.Choose != nil {
		f = p.faults.Choose(req)
	}
	req.Fault = f.Kind
	p.requests = append(p.requests, req)
	return req, f, p.faults.Rewrite
}

// leave notes what became of the request.
func (p *Proxy) leave(req Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	req.Done = true
	p.requests[req.N-1] = req
}

// Settle waits until no request is under way, and returns all.
func (p *Proxy) Settle(t testing.TB) []Request {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		all := p.Requests()
		if !slices.ContainsFunc(all, func(r Request) bool { return !r.Done }) {
			return all
		}
		if time.Now().After(end) {
			t.Fatal("requests are still under way after a minute")
		}
	}
}

// ServeHTTP passes one request, with its fault.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, f, rewrite := p.enter(r)
	body := &faultyBody{src: r.Body, fault: f, done: r.Context().Done()}
	defer func() {
		req.Sent = body.sent
		p.leave(req)
	}()
	switch f.Kind {
	case Unavailable, Denied:
		io.Copy(io.Discard, body)
		req.Status = answers[f.Kind].status
		req.Delivered = answer(w, f.Kind) == nil
		return
	case Reset:
		if r.ContentLength <= 0 {
			reset(w)
			return
		}
	}
	resp, err := p.transport.RoundTrip(p.outgoing(r, req, f, body, rewrite))
	if err != nil {
		reset(w)
		return
	}
	defer resp.Body.Close()
	req.Status = resp.StatusCode
	req.Delivered = reply(w, resp, f)
}

// outgoing returns the request for the server. The Host stays: it is signed.
func (p *Proxy) outgoing(r *http.Request, req Request, f Fault, body *faultyBody, rewrite func(Request, http.Header)) *http.Request {
	// A server goes on with what it has been told, though the client dies.
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = p.upstream.Scheme, p.upstream.Host
	out.Body = body
	if r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	if f.Kind == CutBody && r.ContentLength > 1 {
		out.ContentLength = min(max(f.At, 1), r.ContentLength-1)
		body.fault.At = out.ContentLength
	}
	if rewrite == nil {
		return out
	}
	rewrite(req, out.Header)
	out.Header.Del("Authorization")
	return signer.SignV4(*out, p.behind.AccessKey, p.behind.SecretKey, "", p.behind.Region)
}

// reply passes the server's reply, unless the fault prevents it, and reports whether the
// whole of it was sent.
func reply(w http.ResponseWriter, resp *http.Response, f Fault) bool {
	body := io.Reader(resp.Body)
	switch f.Kind {
	case LostReply:
		io.Copy(io.Discard, body)
		reset(w)
		return false
	case CutReply:
		if resp.ContentLength == 0 || resp.Request.Method == http.MethodHead {
			reset(w)
			return false
		}
		body = io.LimitReader(body, f.At)
	}
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, err := io.Copy(w, body)
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	if f.Kind == CutReply || err != nil {
		reset(w)
		return false
	}
	return true
}

// answers are what the proxy says in the server's place.
var answers = map[Kind]struct {
	status     int
	code, text string
}{
	Unavailable: {http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."},
	Denied:      {http.StatusForbidden, "AccessDenied", "Access Denied."},
}

func answer(w http.ResponseWriter, k Kind) error {
	a := answers[k]
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(a.status)
	_, err := fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>%s</Code><Message>%s</Message></Error>`, a.code, a.text)
	return err
}

// reset closes the connection so that the client reads "connection reset by peer".
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // closes it, if more politely
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if c, ok := conn.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	conn.Close()
}

// parse says what the request asks; buckets stand in the path.
func parse(r *http.Request) Request {
	req := Request{Size: r.ContentLength, Header: r.Header}
	req.Bucket, req.Key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	req.UploadID = query.Get("uploadId")
	req.Part, _ = strconv.Atoi(query.Get("partNumber"))
	req.Op = operation(r.Method, req.Key != "", query)
	return req
}

func operation(method string, object bool, query url.Values) Op {
	if slices.ContainsFunc([]string{"tagging", "acl", "retention", "legal-hold", "attributes", "location",
		"lifecycle", "versioning", "object-lock", "policy", "encryption", "versions"}, query.Has) {
		return Other
	}
	scope := "bucket"
	switch {
	case query.Has("uploadId"):
		scope = "upload"
	case query.Has("uploads"):
		scope += " uploads"
	}
	if object && scope != "upload" {
		scope = strings.Replace(scope, "bucket", "object", 1)
	}
	if op, ok := operations[method+" "+scope]; ok {
		return op
	}
	return Other
}

var operations = map[string]Op{
	"POST object uploads": Create,
	"PUT upload":          Part,
	"POST upload":         Complete,
	"DELETE upload":       Abort,
	"GET upload":          ListParts,
	"GET bucket uploads":  ListUploads,
	"GET bucket":          List,
	"PUT object":          Put,
	"HEAD object":         Head,
	"GET object":          Get,
	"DELETE object":       Delete,
	"POST bucket":         Delete, // of several objects
}
