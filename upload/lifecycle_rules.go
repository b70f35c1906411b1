package upload

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7/pkg/lifecycle"
)

// LifecyclePolicy is what the store itself is to delete. Zero days mean no such rule.
type LifecyclePolicy struct {
	// Prefix begins the keys that the rules are for, as "captures/v1/".
	Prefix string
	// ExpireDays deletes what was uploaded so many days ago, captures and manifests.
	ExpireDays int
	// TagDays does so for objects that have a tag: "keep=7d" -> 7.
	TagDays map[Tag]int
	// AbortDays takes away uploads that were begun so many days ago and never completed.
	AbortDays int
	// NoncurrentDays deletes, in a versioned bucket, what was deleted or overwritten so many
	// days ago: without it deleting frees nothing there.
	NoncurrentDays int
}

// A Tag is a tag of an object.
type Tag struct{ Key, Value string }

// String gives the tag as key=value.
func (t Tag) String() string { return t.Key + "=" + t.Value }

// RulePrefix gives what the keys of captures below p begin with: of the template, empty for
// DefaultTemplate, what stands before the first placeholder.
func RulePrefix(p Place, template string) string {
	before, _, _ := strings.Cut(cmp.Or(template, DefaultTemplate), "{")
	before = strings.TrimPrefix(before, "/")
	if p.Prefix == "" {
		return before
	}
	return p.Prefix + "/" + before
}

// ownRules begins the IDs of the rules that memvault makes. What follows says what the
// rule does and for which prefix, so that those for other prefixes are left alone.
const ownRules = "memvault:"

// maxRuleID is the longest ID of a rule that stores take, in bytes.
const maxRuleID = 255

// rules gives the rules of p, in a fixed order.
func (p LifecyclePolicy) rules() ([]lifecycle.Rule, error) {
	var rules []lifecycle.Rule
	add := func(what string, r lifecycle.Rule) {
		r.ID = ownRules + what + ":" + p.Prefix
		r.Status = "Enabled"
		if r.RuleFilter.And.IsEmpty() {
			r.RuleFilter.Prefix = p.Prefix
		}
		rules = append(rules, r)
	}
	if p.ExpireDays > 0 {
		add("expire", lifecycle.Rule{Expiration: expireAfter(p.ExpireDays)})
	}
	for _, tag := range slices.SortedFunc(maps.Keys(p.TagDays), compareTags) {
		filter := lifecycle.Filter{And: lifecycle.And{
			Prefix: p.Prefix, Tags: []lifecycle.Tag{{Key: tag.Key, Value: tag.Value}},
		}}
		add("expire["+tag.String()+"]", lifecycle.Rule{RuleFilter: filter, Expiration: expireAfter(p.TagDays[tag])})
	}
	if p.NoncurrentDays > 0 {
		add("noncurrent", lifecycle.Rule{NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{
			NoncurrentDays: lifecycle.ExpirationDays(p.NoncurrentDays),
		}})
	}
	if p.AbortDays > 0 {
		add("abort", lifecycle.Rule{AbortIncompleteMultipartUpload: lifecycle.AbortIncompleteMultipartUpload{
			DaysAfterInitiation: lifecycle.ExpirationDays(p.AbortDays),
		}})
	}
	return rules, checkRules(rules, p.Prefix)
}

func expireAfter(days int) lifecycle.Expiration {
	return lifecycle.Expiration{Days: lifecycle.ExpirationDays(days)}
}

func compareTags(a, b Tag) int { return cmp.Compare(a.String(), b.String()) }

// checkRules refuses what no store takes, or what XML cannot hold.
func checkRules(rules []lifecycle.Rule, prefix string) error {
	if len(rules) == 0 {
		return errors.New("no lifecycle rule follows from this policy")
	}
	if prefix == "" {
		return errors.New("lifecycle rules without a prefix would delete every object of the bucket")
	}
	for _, r := range rules {
		switch {
		case len(r.ID) > maxRuleID:
			return fmt.Errorf("the ID of the rule %q has %d bytes, want at most %d: shorten the prefix or the tag", r.ID, len(r.ID), maxRuleID)
		case strings.ContainsFunc(r.ID, func(c rune) bool { return c < ' ' || c > '~' }):
			return fmt.Errorf("rule %q: want printable ASCII only, for not every store keeps other characters", r.ID)
		}
	}
	return nil
}

// A Change is what bucket apply would do to a rule of the bucket.
type Change struct {
	// Action is add, change, remove or keep; rules of others are always kept.
	Action string `json:"action"`
	ID     string `json:"id"`
	// Own tells that memvault has made the rule, for this prefix.
	Own bool `json:"own"`
	// Have and Want say what the rule does now, and then; empty where there is none.
	Have string `json:"have,omitempty"`
	Want string `json:"want,omitempty"`
}

// The actions of a Change.
const (
	AddRule    = "add"
	ChangeRule = "change"
	RemoveRule = "remove"
	KeepRule   = "keep"
)

// diff compares the rules of the bucket with those wanted: the bucket's in their order,
// then those to add.
func diff(have []bucketRule, want []lifecycle.Rule, prefix string) []Change {
	var changes []Change
	missing := slices.Clone(want)
	for _, h := range have {
		i := slices.IndexFunc(missing, func(w lifecycle.Rule) bool { return w.ID == h.ID })
		c := Change{Action: KeepRule, ID: h.ID, Own: i >= 0 || own(h.Rule, prefix), Have: describe(h.Rule)}
		switch {
		case i >= 0:
			c.Want = describe(missing[i])
			missing = slices.Delete(missing, i, i+1)
			if c.Want != c.Have {
				c.Action = ChangeRule
			}
		case c.Own:
			c.Action = RemoveRule
		}
		changes = append(changes, c)
	}
	for _, w := range missing {
		changes = append(changes, Change{Action: AddRule, ID: w.ID, Own: true, Want: describe(w)})
	}
	return changes
}

// own reports whether memvault has made the rule for this prefix: both its ID and its
// filter say so.
func own(r lifecycle.Rule, prefix string) bool {
	return strings.HasPrefix(r.ID, ownRules) && strings.HasSuffix(r.ID, ":"+prefix) && rulePrefix(r) == prefix
}

// rulePrefix is where a rule has its prefix: the third place is that of old rules.
func rulePrefix(r lifecycle.Rule) string {
	return cmp.Or(r.RuleFilter.And.Prefix, r.RuleFilter.Prefix, r.Prefix)
}

// describe says what a rule does. Rules that differ read differently, but for storage
// classes and dates of others' rules, which are kept as they are in any case.
func describe(r lifecycle.Rule) string {
	var does []string
	say := func(format string, args ...any) { does = append(does, fmt.Sprintf(format, args...)) }
	if d := r.Expiration.Days; d > 0 {
		say("expire after %s", days(int(d)))
	}
	if !r.Expiration.IsDateNull() {
		say("expire on %s", r.Expiration.Date.UTC().Format("2006-01-02"))
	}
	if r.Expiration.DeleteMarker.IsEnabled() {
		say("remove delete markers without versions")
	}
	if d := r.NoncurrentVersionExpiration.NoncurrentDays; d > 0 {
		say("delete old versions after %s", days(int(d)))
	}
	if d := r.AbortIncompleteMultipartUpload.DaysAfterInitiation; d > 0 {
		say("abort incomplete uploads after %s", days(int(d)))
	}
	if !r.Transition.IsNull() || r.NoncurrentVersionTransition.StorageClass != "" {
		say("move to another storage class")
	}
	if len(does) == 0 {
		say("do something that memvault does not know")
	}
	text := strings.Join(does, ", ") + ": " + scope(r)
	if !strings.EqualFold(r.Status, "Enabled") {
		text += " (" + cmp.Or(r.Status, "no status") + ")"
	}
	return text
}

// scope says which objects a rule is for.
func scope(r lifecycle.Rule) string {
	var of []string
	if p := rulePrefix(r); p != "" {
		of = append(of, p+"*")
	}
	tags := slices.Clone(r.RuleFilter.And.Tags)
	if !r.RuleFilter.Tag.IsEmpty() {
		tags = append(tags, r.RuleFilter.Tag)
	}
	for _, t := range tags {
		of = append(of, "tag "+t.Key+"="+t.Value)
	}
	above := cmp.Or(r.RuleFilter.ObjectSizeGreaterThan, r.RuleFilter.And.ObjectSizeGreaterThan)
	if above > 0 {
		of = append(of, fmt.Sprintf("above %d bytes", above))
	}
	if below := cmp.Or(r.RuleFilter.ObjectSizeLessThan, r.RuleFilter.And.ObjectSizeLessThan); below > 0 {
		of = append(of, fmt.Sprintf("below %d bytes", below))
	}
	if len(of) == 0 {
		return "all objects"
	}
	return strings.Join(of, " and ")
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}
