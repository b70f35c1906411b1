package upload

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/internal/s3test"
)

var somePolicy = LifecyclePolicy{
	Prefix: "captures/v1/", ExpireDays: 30, TagDays: map[Tag]int{{"keep", "7d"}: 7}, NoncurrentDays: 3,
}

// texts gives changes as "action id: want".
func texts(changes []Change) []string {
	got := []string{}
	for _, c := range changes {
		got = append(got, c.Action+" "+c.ID)
	}
	return got
}

func TestLifecycleRules(t *testing.T) {
	p := somePolicy
	p.AbortDays = 3
	rules, err := p.rules()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rules {
		got = append(got, r.ID+" = "+describe(r))
	}
	wantList(t, "rules", got, []string{
		"memvault:expire:captures/v1/ = expire after 30 days: captures/v1/*",
		"memvault:expire[keep=7d]:captures/v1/ = expire after 7 days: captures/v1/* and tag keep=7d",
		"memvault:noncurrent:captures/v1/ = delete old versions after 3 days: captures/v1/*",
		"memvault:abort:captures/v1/ = abort incomplete uploads after 3 days: captures/v1/*",
	})
	for _, tt := range []struct {
		name string
		p    LifecyclePolicy
		want string
	}{
		{"empty", LifecyclePolicy{Prefix: "p/"}, "no lifecycle rule"},
		{"all of the bucket", LifecyclePolicy{ExpireDays: 1}, "every object"},
		{"long prefix", LifecyclePolicy{Prefix: strings.Repeat("x", 300), ExpireDays: 1}, "at most 255"},
		{"odd prefix", LifecyclePolicy{Prefix: "ü/", ExpireDays: 1}, "ASCII"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.p.rules(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// foreign are rules that minio-go would spoil: it keeps one transition of several, and
// does not know the last element.
const foreign = `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ID>logs &amp; more</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>` +
	`<Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition><Transition><Days>90</Days><StorageClass>GLACIER</StorageClass></Transition><New><Thing>1</Thing></New></Rule>` +
	`<Rule><ID>memvault:expire:captures/v1/</ID><Filter><Prefix>captures/v1/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>14</Days></Expiration></Rule>` +
	`<Rule><ID>memvault:abort:captures/v1/</ID><Filter><Prefix>captures/v1/</Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>` +
	`<Rule><ID>memvault:expire:other/v1/</ID><Filter><Prefix>other/v1/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`

func planOf(t *testing.T, document string, policy LifecyclePolicy) *LifecyclePlan {
	t.Helper()
	have, err := parseRules([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	want, err := policy.rules()
	if err != nil {
		t.Fatal(err)
	}
	return &LifecyclePlan{"b", diff(have, want, policy.Prefix), policy.Prefix, want, &bucketRules{rules: have}}
}

func TestLifecycleDiff(t *testing.T) {
	p := planOf(t, foreign, somePolicy)
	wantList(t, "changes", texts(p.Changes), []string{
		"keep logs & more", "change memvault:expire:captures/v1/", "remove memvault:abort:captures/v1/", "keep memvault:expire:other/v1/",
		"add memvault:expire[keep=7d]:captures/v1/", "add memvault:noncurrent:captures/v1/",
	})
	body, err := p.body()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition><Transition><Days>90</Days>", "<New><Thing>1</Thing></New>",
		"<ID>logs &amp; more</ID>", "memvault:expire:other/v1/", "<Days>30</Days></Expiration>",
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("body: got %s, want %s in it", body, want)
		}
	}
	if strings.Contains(string(body), "<Days>14</Days>") || strings.Contains(string(body), "memvault:abort") {
		t.Errorf("body: got %s, want neither the old days nor the removed rule", body)
	}
	again := planOf(t, string(body), somePolicy)
	if again.Changed() {
		t.Errorf("applied and planned again: got %q, want nothing to do", texts(again.Changes))
	}
}

// A rule of ours that somebody has switched off, or pointed elsewhere, is put right, and
// never doubled.
func TestLifecycleDiffEdited(t *testing.T) {
	for name, edit := range map[string][2]string{
		"off":    {"<Status>Enabled</Status><Expiration><Days>14", "<Status>Disabled</Status><Expiration><Days>30"},
		"prefix": {"<Prefix>captures/v1/</Prefix></Filter><Status>Enabled</Status><Expiration>", "<Prefix>x/</Prefix></Filter><Status>Enabled</Status><Expiration>"},
	} {
		t.Run(name, func(t *testing.T) {
			document := strings.Replace(foreign, edit[0], edit[1], 1)
			if document == foreign {
				t.Fatal("nothing was edited")
			}
			got := texts(planOf(t, document, somePolicy).Changes)
			if !slices.Contains(got, "change memvault:expire:captures/v1/") || slices.Contains(got, "add memvault:expire:captures/v1/") {
				t.Errorf("got %q, want a change of the rule", got)
			}
		})
	}
}

func TestLifecycleForeignPrefixes(t *testing.T) {
	p := planOf(t, `<a:LifecycleConfiguration xmlns:a="u"><a:Rule><a:ID>x</a:ID></a:Rule></a:LifecycleConfiguration>`, somePolicy)
	if _, err := p.body(); err == nil || !strings.Contains(err.Error(), "prefixes") {
		t.Errorf("got %v, want an error: the rule cannot be kept as it is", err)
	}
}

func TestLifecycleOnMinIO(t *testing.T) {
	server := s3test.Named(t, s3test.MinIO)
	s := dialServer(t, server, nil)
	bucket := server.NewBucket(t)
	others := request{method: "PUT", bucket: bucket, query: lifecycleQuery(), body: []byte(
		`<LifecycleConfiguration><Rule><ID>theirs</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>`)}
	if _, err := s.send(t.Context(), "prepare", others); err != nil {
		t.Fatal(err)
	}
	withAbort := somePolicy
	withAbort.AbortDays = 3
	p, err := s.PlanLifecycle(t.Context(), bucket, withAbort)
	if err != nil || !p.Changed() || !p.Aborts() {
		t.Fatalf("plan: got %+v, %v, want changes with the abort rule", p, err)
	}
	if err := s.ApplyLifecycle(t.Context(), p); !errors.Is(err, ErrRuleRefused) {
		t.Errorf("abort rule: got %v, want %v", err, ErrRuleRefused)
	}
	for range 2 { // the second time there is nothing to change, and it harms nothing
		if p, err = s.PlanLifecycle(t.Context(), bucket, somePolicy); err != nil {
			t.Fatal(err)
		}
		if err := s.ApplyLifecycle(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if p, err = s.PlanLifecycle(t.Context(), bucket, somePolicy); err != nil || p.Changed() {
		t.Errorf("after apply: got %q, %v, want nothing to do", texts(p.Changes), err)
	}
	wantList(t, "rules", texts(p.Changes), []string{
		"keep theirs", "keep memvault:expire:captures/v1/", "keep memvault:expire[keep=7d]:captures/v1/", "keep memvault:noncurrent:captures/v1/",
	})
}

// minis3 knows the abort rule; it says nothing about other stores.
func TestLifecycleAbortRule(t *testing.T) {
	server := s3test.Minis3(t)
	s := dialServer(t, server, nil)
	bucket := server.NewBucket(t)
	policy := LifecyclePolicy{Prefix: "captures/v1/", AbortDays: 3}
	p, err := s.PlanLifecycle(t.Context(), bucket, policy)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ApplyLifecycle(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func TestLifecycleOnVersity(t *testing.T) {
	server := s3test.Named(t, s3test.Versity)
	s := dialServer(t, server, nil)
	if _, err := s.PlanLifecycle(t.Context(), server.NewBucket(t), somePolicy); !errors.Is(err, ErrNoLifecycle) {
		t.Errorf("got %v, want %v", err, ErrNoLifecycle)
	}
}
