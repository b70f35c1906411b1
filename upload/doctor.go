package upload

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// A Verdict is how a check of a store ended.
type Verdict string

// The verdicts.
const (
	// Honoured: the store does what is asked.
	Honoured Verdict = "ok"
	// Noted: it does not, and memvault can do without.
	Noted Verdict = "note"
	// Found: it does not, and a promise of memvault is weaker for it, or a command fails.
	Found Verdict = "finding"
	// Unasked: the check was left out.
	Unasked Verdict = "unknown"
)

// A Check is one thing that was asked of a store.
type Check struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Asks is what a store should do, Found what this one did.
	Asks  string `json:"asks"`
	Found string `json:"found"`
	// Effect is what memvault does about it, or the user should; "" for Honoured.
	Effect string `json:"effect,omitempty"`
}

// An Examination is what a store honours of all that memvault relies upon.
type Examination struct {
	Endpoint string  `json:"endpoint"`
	Bucket   string  `json:"bucket"`
	Prefix   string  `json:"prefix"`
	Server   string  `json:"server"` // as it calls itself; mostly nothing
	Checks   []Check `json:"checks"`
	// Left are objects and unfinished uploads of the examination that could not be removed.
	Left []string `json:"left"`
}

// Worst returns the gravest verdict.
func (e *Examination) Worst() Verdict {
	order := []Verdict{Honoured, Unasked, Noted, Found}
	worst := 0
	for _, c := range e.Checks {
		worst = max(worst, slices.Index(order, c.Verdict))
	}
	if len(e.Left) > 0 {
		return Found
	}
	return order[worst]
}

// probeFolder holds the objects of examinations, below the prefix.
const probeFolder = ".memvault-doctor"

// staleProbe is the age from which what a killed examination left is removed by the next.
const staleProbe = time.Hour

// A prober examines one place.
type prober struct {
	*Store
	place   Place
	root    string // of the keys of this examination
	minLife time.Duration
	now     time.Time // by the store's clock, at the start
	listed  *reply    // of the first request
	listErr error
	refused string   // why no objects are written; "" if they are
	opened  []string // keys of uploads that were begun
}

// Examine tries in the place what storing, proving and cleaning rely upon, with objects of
// its own that it removes again, and changes nothing else. An object whose expiry lies
// within minLife (0: DefaultMinLife) is a finding. The error wraps ErrUnreachable or
// ErrCredentials, or says that there is no such bucket.
func (s *Store) Examine(ctx context.Context, place Place, minLife time.Duration) (*Examination, error) {
	if minLife == 0 {
		minLife = DefaultMinLife
	}
	p := &prober{Store: s, place: place, minLife: minLife}
	p.root = path.Join(place.Prefix, probeFolder, strings.ToLower(rand.Text())) + "/"
	e := &Examination{Endpoint: s.Endpoint, Bucket: place.Bucket, Prefix: place.Prefix, Left: []string{}}
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	if p.listed != nil {
		e.Server = p.listed.header.Get("Server")
	}
	checksErr := p.checkAll(ctx, e)
	var cleanErr error
	e.Left, cleanErr = p.clean(context.WithoutCancel(ctx))
	return e, errors.Join(checksErr, cleanErr)
}

// reach makes the first request, which tells whether there is any use in others.
func (p *prober) reach(ctx context.Context) error {
	p.listed, p.listErr = p.send(ctx, "list "+p.place.String(), request{
		method: http.MethodGet, bucket: p.place.Bucket,
		query: url.Values{"list-type": {"2"}, "prefix": {p.root}, "max-keys": {"1"}},
	})
	if p.listErr == nil {
		var err error
		p.now, err = p.listed.clock()
		return err
	}
	if errors.Is(p.listErr, ErrDenied) {
		p.now = time.Now()
		return nil
	}
	return p.listErr
}

// checkAll runs the checks one after the other; the error is one after which there is no
// use in going on.
func (p *prober) checkAll(ctx context.Context, e *Examination) error {
	for _, c := range storeChecks {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		check := Check{Name: c.name, Verdict: Honoured, Asks: c.asks}
		if c.writes && p.refused != "" {
			check.Verdict, check.Found = Unasked, "left out: "+p.refused
			e.Checks = append(e.Checks, check)
			continue
		}
		found, err := c.run(p, ctx)
		check.Found = found
		if err != nil {
			if errors.Is(err, ErrUnreachable) || ctx.Err() != nil {
				return err
			}
			check.Verdict, check.Found, check.Effect = c.otherwise, err.Error(), c.effect
		}
		e.Checks = append(e.Checks, check)
	}
	return nil
}

// cleanTime is how long removing may take, after an interrupt too.
const cleanTime = 2 * time.Minute

// clean removes what the examination has made, and what killed ones made long ago, and
// returns what is still there of its own.
func (p *prober) clean(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, cleanTime)
	defer cancel()
	left := []string{}
	for _, key := range p.opened {
		if err := p.abortAll(ctx, key); err != nil {
			left = append(left, fmt.Sprintf("unfinished upload of %s: %v", key, err))
		}
	}
	if p.refused != "" {
		return left, nil
	}
	objects, err := p.objects(ctx)
	if err != nil {
		return left, fmt.Errorf("list the objects of the examination: %w", err)
	}
	for _, o := range objects {
		own := strings.HasPrefix(o.Key, p.root)
		if !own && p.now.Sub(o.LastModified) < staleProbe {
			continue // of an examination that runs now
		}
		err := p.do(ctx, "delete "+o.Key, func(ctx context.Context, _ *watch) error {
			return p.Core.RemoveObject(ctx, p.place.Bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID})
		})
		if err != nil && own {
			left = append(left, fmt.Sprintf("%s: %v", o.Key, err))
		}
	}
	return left, nil
}

// objects lists all objects of examinations, with their versions where there are some:
// deleting them by name would leave versions.
func (p *prober) objects(ctx context.Context) (all []minio.ObjectInfo, err error) {
	for _, versions := range []bool{true, false} {
		all = nil
		err = p.do(ctx, "list", func(ctx context.Context, _ *watch) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			all = nil
			prefix := path.Join(p.place.Prefix, probeFolder) + "/"
			for o := range p.Core.Client.ListObjects(ctx, p.place.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: versions}) {
				if o.Err != nil {
					return o.Err
				}
				all = append(all, o)
			}
			return nil
		})
		if err == nil || errors.Is(err, ErrUnreachable) {
			break
		}
	}
	return all, err
}

// abortAll aborts the uploads of one key; stores that list at all list by exact key.
func (p *prober) abortAll(ctx context.Context, key string) error {
	var uploads minio.ListMultipartUploadsResult
	err := p.do(ctx, "list uploads", func(ctx context.Context, _ *watch) (err error) {
		uploads, err = p.Core.ListMultipartUploads(ctx, p.place.Bucket, key, "", "", "", 1000)
		return err
	})
	if err != nil {
		return err
	}
	for _, u := range uploads.Uploads {
		if u.Key != key {
			continue
		}
		if err := p.abort(ctx, key, u.UploadID); err != nil && !isAbsent(err) {
			return err
		}
	}
	return nil
}

func (p *prober) abort(ctx context.Context, key, id string) error {
	return p.do(ctx, "abort upload", func(ctx context.Context, _ *watch) error {
		return p.Core.AbortMultipartUpload(ctx, p.place.Bucket, key, id)
	})
}

// ask sends a request about the object of that name, or about the bucket for "".
func (p *prober) ask(ctx context.Context, method, name string, query url.Values, header http.Header, body []byte) (*reply, error) {
	return p.send(ctx, strings.TrimSpace(method+" "+name), p.about(method, name, query, header, body))
}

func (p *prober) about(method, name string, query url.Values, header http.Header, body []byte) request {
	q := request{method: method, bucket: p.place.Bucket, query: query, header: http.Header{}, body: body}
	if name != "" {
		q.key = p.root + name
	}
	maps.Copy(q.header, header)
	if p.sse != nil && (method == http.MethodPut || p.sse.Type() == "SSE-C") && name != "" && query == nil {
		p.sse.Marshal(q.header)
	}
	return q
}

// wrong makes a request whose checksum is wrong, and returns the refusal: bytes that come
// damaged are sent again otherwise.
func (p *prober) wrong(ctx context.Context, f func(ctx context.Context) error) error {
	var refused error
	err := p.do(ctx, "send a wrong checksum", func(ctx context.Context, _ *watch) error {
		err := f(ctx)
		refused = nil
		if statusOf(err) == http.StatusBadRequest {
			refused, err = err, nil
		}
		return err
	})
	return errors.Join(err, refused)
}

// refusal wants err to be one of the refusals; else it says what happened.
func refusal(err error, accepted string, codes ...string) (string, error) {
	switch {
	case err == nil:
		return "", errors.New(accepted)
	case slices.Contains(codes, codeOf(err)) || slices.Contains(codes, fmt.Sprint(statusOf(err))):
		return "refused: " + codeOf(err), nil
	}
	return "", err
}

// decode reads a reply in XML.
func (r *reply) decode(v any) error {
	if err := xml.NewDecoder(bytes.NewReader(r.body)).Decode(v); err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	return nil
}
