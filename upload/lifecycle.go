package upload

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"

	"github.com/minio/minio-go/v7/pkg/lifecycle"
)

// ErrNoLifecycle: the store has no lifecycle rules, or none that it shows.
var ErrNoLifecycle = errors.New("the store has no lifecycle rules")

// ErrRuleRefused: the store does not take one of the rules.
var ErrRuleRefused = errors.New("the store refuses the rules")

// A LifecyclePlan is what ApplyLifecycle would do.
type LifecyclePlan struct {
	Bucket  string
	Changes []Change

	prefix string
	want   []lifecycle.Rule
	have   *bucketRules
}

// Changed reports whether there is anything to do.
func (p *LifecyclePlan) Changed() bool {
	for _, c := range p.Changes {
		if c.Action != KeepRule {
			return true
		}
	}
	return false
}

// Aborts reports whether the plan has a rule for incomplete uploads, which MinIO refuses.
func (p *LifecyclePlan) Aborts() bool {
	for _, r := range p.want {
		if !r.AbortIncompleteMultipartUpload.IsDaysNull() {
			return true
		}
	}
	return false
}

// PlanLifecycle compares the rules of the bucket with those that follow from the policy.
// The error wraps ErrNoLifecycle where the store has none.
func (s *Store) PlanLifecycle(ctx context.Context, bucket string, policy LifecyclePolicy) (*LifecyclePlan, error) {
	want, err := policy.rules()
	if err != nil {
		return nil, err
	}
	have, err := s.bucketRules(ctx, bucket)
	if err != nil {
		return nil, err
	}
	return &LifecyclePlan{bucket, diff(have.rules, want, policy.Prefix), policy.Prefix, want, have}, nil
}

// ApplyLifecycle gives the bucket the rules of the plan, and reads them back. Rules of
// others are sent as they came, byte for byte. S3 has no way to refuse when somebody else
// changes them in between. The error wraps ErrRuleRefused when the store does not take them.
func (s *Store) ApplyLifecycle(ctx context.Context, p *LifecyclePlan) error {
	body, err := p.body()
	if err != nil {
		return err
	}
	q := request{method: http.MethodPut, bucket: p.Bucket, query: lifecycleQuery(), body: body, header: http.Header{}}
	if p.have.minimum != "" {
		q.header.Set(minimumHeader, p.have.minimum) // it falls back to a default otherwise
	}
	_, err = s.send(ctx, "set lifecycle rules of "+p.Bucket, q)
	switch {
	case noLifecycle(err):
		return fmt.Errorf("%w: %w", ErrNoLifecycle, err)
	case statusOf(err) == http.StatusBadRequest:
		return fmt.Errorf("%w: %w", ErrRuleRefused, err)
	case err != nil:
		return err
	}
	return s.checkApplied(ctx, p)
}

func (s *Store) checkApplied(ctx context.Context, p *LifecyclePlan) error {
	now, err := s.bucketRules(ctx, p.Bucket)
	if err != nil {
		return fmt.Errorf("read the rules back: %w", err)
	}
	for _, c := range diff(now.rules, p.want, p.prefix) {
		if c.Action != KeepRule {
			return fmt.Errorf("%w: read back, rule %q is %q, want %q", ErrRuleRefused, c.ID, c.Have, c.Want)
		}
	}
	return nil
}

// body is the document with others' rules as they are, and ours as they should be.
func (p *LifecyclePlan) body() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("<LifecycleConfiguration>")
	for i, r := range p.have.rules {
		if p.Changes[i].Own {
			continue
		}
		if foreignNames.Match(r.inner) {
			return nil, fmt.Errorf("rule %q of the bucket has XML names with prefixes: want none, to keep it as it is", r.ID)
		}
		b.WriteString("<Rule>")
		b.Write(r.inner)
		b.WriteString("</Rule>")
	}
	for _, r := range p.want {
		text, err := xml.Marshal(r)
		if err != nil {
			return nil, err
		}
		b.Write(text)
	}
	b.WriteString("</LifecycleConfiguration>")
	return b.Bytes(), p.checkBody(b.Bytes())
}

// checkBody proves that the document says of others' rules what it said before.
func (p *LifecyclePlan) checkBody(body []byte) error {
	again, err := parseRules(body)
	if err != nil {
		return fmt.Errorf("compose rules: %w", err)
	}
	n := 0
	for i, r := range p.have.rules {
		if p.Changes[i].Own {
			continue
		}
		if n >= len(again) || !reflect.DeepEqual(again[n].Rule, r.Rule) {
			return fmt.Errorf("compose rules: rule %q of the bucket would change", r.ID)
		}
		n++
	}
	return nil
}

var foreignNames = regexp.MustCompile(`</?[^\s<>"']*:|\sxmlns`)

// bucketRules are the rules that a bucket has.
type bucketRules struct {
	rules []bucketRule
	// minimum is the header that goes with the rules of Amazon's buckets.
	minimum string
}

const minimumHeader = "X-Amz-Transition-Default-Minimum-Object-Size"

// A bucketRule is a rule as the bucket has it: parsed, which may lose things, and as it is.
type bucketRule struct {
	lifecycle.Rule
	inner []byte
}

func lifecycleQuery() url.Values { return url.Values{"lifecycle": {""}} }

func (s *Store) bucketRules(ctx context.Context, bucket string) (*bucketRules, error) {
	r, err := s.send(ctx, "get lifecycle rules of "+bucket, request{method: http.MethodGet, bucket: bucket, query: lifecycleQuery()})
	switch {
	case codeOf(err) == "NoSuchLifecycleConfiguration":
		return &bucketRules{}, nil
	case noLifecycle(err):
		return nil, fmt.Errorf("%w: %w", ErrNoLifecycle, err)
	case err != nil:
		return nil, err
	}
	rules, err := parseRules(r.body)
	if err != nil {
		return nil, fmt.Errorf("lifecycle rules of %s: %w", bucket, err)
	}
	return &bucketRules{rules, r.header.Get(minimumHeader)}, nil
}

func noLifecycle(err error) bool {
	return statusOf(err) == http.StatusNotImplemented || statusOf(err) == http.StatusMethodNotAllowed || codeOf(err) == "NotImplemented"
}

func parseRules(document []byte) ([]bucketRule, error) {
	var doc struct {
		XMLName xml.Name `xml:"LifecycleConfiguration"`
		Rules   []struct {
			Inner []byte `xml:",innerxml"`
		} `xml:"Rule"`
	}
	if err := xml.Unmarshal(document, &doc); err != nil {
		return nil, err
	}
	var rules []bucketRule
	for _, r := range doc.Rules {
		rule := bucketRule{inner: r.Inner}
		if err := xml.Unmarshal(fmt.Appendf(nil, "<Rule>%s</Rule>", r.Inner), &rule.Rule); err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}
