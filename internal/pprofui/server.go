package pprofui

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// DefaultAddress is a free port that only this machine reaches.
const DefaultAddress = "127.0.0.1:0"

// Options say what is served, and how. The zero value serves on DefaultAddress.
type Options struct {
	// Address is host:port. Without a host it is this machine alone; port 0 is a free one.
	Address string
	// SampleType is what the interface shows first; empty stands for the profile's default.
	SampleType string
	// Note is told what pprof finds wrong while it serves, from any goroutine; nil drops it.
	Note func(string)
}

// Server has its port, but answers only while Serve runs.
type Server struct {
	listener net.Listener
	host     string // as it was asked for
	token    string
	pages    map[string]http.Handler
}

// Listen makes the pages of p and takes the port. p must not be changed any more. Of two
// Servers in one process the second one's settings would hold for both: pprof has them in
// variables of its own.
func Listen(p *profile.Profile, o Options) (*Server, error) {
	host, port, err := net.SplitHostPort(o.Address)
	if o.Address == "" {
		host, port, err = net.SplitHostPort(DefaultAddress)
	}
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if _, err := p.SampleIndexByName(o.SampleType); err != nil {
		return nil, err
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	pages, err := handlers(p, o.SampleType, o.Note)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	return &Server{listener: l, host: host, token: rand.Text(), pages: pages}, nil
}

// URL is where the interface is, with the random path that opens it.
func (s *Server) URL() string {
	return fmt.Sprintf("http://%s/%s/", s.listener.Addr(), s.token)
}

// Loopback reports whether only this machine can reach the server.
func (s *Server) Loopback() bool {
	a, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// Serve answers until ctx ends, which is no error, and closes the port.
func (s *Server) Serve(ctx context.Context) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(s.listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	// Requests under way get a moment, since the browser may wait for one.
	patience, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer stop()
	err := server.Shutdown(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-failed
	return err
}

// policy lets pprof's pages do what they do: scripts and styles within them, and asking
// this server to save a view. They can load and send nothing else.
const policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers a request, if it knows the path.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer") // the address is the key
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if !s.knows(r.Host) {
		http.Error(w, "unknown host", http.StatusForbidden)
		return
	}
	token, path, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	page := s.pages["/"+path]
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 || !ok || page == nil {
		http.NotFound(w, r)
		return
	}
	page.ServeHTTP(w, r)
}

// knows tells whether a Host header can be meant for this server. A page of somebody else's
// that rebinds its name to this machine sends that name; it cannot send an address, nor
// localhost. The port may be another one, as behind ssh -L.
func (s *Server) knows(header string) bool {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = header
	}
	host = strings.Trim(host, "[]")
	_, err = netip.ParseAddr(host)
	return err == nil || strings.EqualFold(host, "localhost") || strings.EqualFold(host, s.host)
}
