package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

const bucketLong = `bucket turns a policy into lifecycle rules, by which the store itself deletes what is
old: captures and manifests by age, by age and tag, versions that nothing refers to
any more, and uploads that were never completed. plan shows what would change, apply
changes it.

Only rules for this prefix whose IDs begin with memvault: are changed. Those of others
are sent back to the bucket as they came.

Rules know ages in whole days, counted from the upload; what is more exact is rounded
up. They cannot count captures or keep the newest of a day, nor except what has a tag:
memvault gc s3://BUCKET/PREFIX can, with the same flags, and works where a store has
no lifecycle rules.`

const bucketExample = `  memvault bucket plan --max-age 30d s3://bucket/airflow
  memvault bucket apply --yes --max-age 90d --tag-age keep=7d:7d s3://bucket/airflow
  memvault bucket apply --yes --max-age 30d --noncurrent 3d --abort-after 0 s3://bucket`

func newBucket(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "bucket plan|apply",
		Short:   "Let the store delete old captures, by lifecycle rules",
		Long:    bucketLong,
		Example: bucketExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hintf(usagef("bucket needs a command"), "memvault bucket --help lists them")
			}
			return unknownCommand(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBucketPlan(a), newBucketApply(a))
	return cmd
}

const bucketPlanLong = `plan compares the lifecycle rules of the bucket with those that follow from the
policy, and prints + for a rule to add, - for one to remove, ~ for one to change, and
nothing before those that stay. It changes nothing.

Exit codes: 0 done, 1 failed, or the store has no lifecycle rules, 2 wrong command
line, 75 the store cannot be reached.`

const bucketApplyLong = `apply gives the bucket the rules that plan shows, and reads them back. Without --yes it
does what plan does.

A store may refuse a rule, as MinIO does that for incomplete uploads: then nothing is
changed, and --abort-after 0 leaves that rule out; memvault s3 clean does its work.

Exit codes: 0 done, 1 failed, or the store has no lifecycle rules, 2 wrong command
line, 75 the store cannot be reached.`

func newBucketPlan(a *app) *cobra.Command {
	var b bucketFlags
	cmd := &cobra.Command{
		Use:     "plan [s3://BUCKET[/PREFIX]]",
		Short:   "Show how the lifecycle rules of a bucket would change",
		Long:    bucketPlanLong,
		Example: "  memvault bucket plan --max-age 30d s3://bucket/airflow",
		Args:    atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.bucketRules(cmd.Context(), &b, firstOf(args), false, false)
		},
	}
	b.addTo(a, cmd)
	return cmd
}

func newBucketApply(a *app) *cobra.Command {
	var b bucketFlags
	var del deleteFlags
	cmd := &cobra.Command{
		Use:     "apply [s3://BUCKET[/PREFIX]]",
		Short:   "Give a bucket the lifecycle rules of a policy",
		Long:    bucketApplyLong,
		Example: "  memvault bucket apply --yes --max-age 30d s3://bucket/airflow",
		Args:    atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.bucketRules(cmd.Context(), &b, firstOf(args), true, del.really())
		},
	}
	del.addTo(cmd, "change the rules")
	b.addTo(a, cmd)
	return cmd
}

type bucketFlags struct {
	store             storeFlags
	policy            policyFlags
	tags              []string
	abort, noncurrent time.Duration
	template          string
}

func (b *bucketFlags) addTo(a *app, cmd *cobra.Command) {
	f := cmd.Flags()
	b.policy.addRules(f)
	f.StringArrayVar(&b.tags, "tag-age", nil, "drop what has the tag at this age: NAME=VALUE:AGE, as keep=7d:7d")
	durationVar(f, &b.noncurrent, "noncurrent", "0s", "drop versions this long after they were deleted or replaced; 0s: never")
	durationVar(f, &b.abort, "abort-after", "3d", "drop uploads this long after they began and were not completed; 0s: never")
	f.StringVar(&b.template, "key", upload.DefaultTemplate, "template of the keys, as of upload s3: the rules are for what it begins with")
	b.store.addTo(cmd)
	a.addJSON(cmd)
}

// lifecycle gives the rules that the flags ask for.
func (b *bucketFlags) lifecycle(place upload.Place) (upload.LifecyclePolicy, error) {
	l := upload.LifecyclePolicy{Prefix: upload.RulePrefix(place, b.template), TagDays: map[upload.Tag]int{}}
	p := b.policy.policy()
	if p.KeepLast > 0 || p.KeepHourly > 0 || p.KeepDaily > 0 || p.KeepWeekly > 0 || p.KeepWithin > 0 ||
		len(p.KeepTags) > 0 || p.MaxTotal > 0 || p.MaxCount > 0 {
		return l, hintf(usagef("lifecycle rules know --max-age only: they cannot count, nor keep what would go"),
			"memvault gc %s can, with the same flags", place)
	}
	if p.MaxAge != nil {
		if *p.MaxAge <= 0 {
			return l, hintf(usagef("--max-age 0s would delete every capture"), "want 1d or more")
		}
		l.ExpireDays = wholeDays(*p.MaxAge)
	}
	l.NoncurrentDays, l.AbortDays = wholeDays(b.noncurrent), wholeDays(b.abort)
	for _, text := range b.tags {
		tag, age, err := parseTagAge(text)
		switch {
		case err != nil:
			return l, err
		case l.ExpireDays > 0 && age >= l.ExpireDays:
			return l, hintf(usagef("--tag-age %s: --max-age deletes it before", text), "rules cannot except: give other captures tags with shorter ages")
		}
		l.TagDays[tag] = age
	}
	return l, nil
}

// wholeDays rounds up: a rule never deletes earlier than it was told.
func wholeDays(d time.Duration) int {
	const day = 24 * time.Hour
	return int((d + day - 1) / day)
}

// parseTagAge reads NAME=VALUE:AGE.
func parseTagAge(s string) (upload.Tag, int, error) {
	at := strings.LastIndexByte(s, ':')
	name, value, ok := strings.Cut(s[:max(at, 0)], "=")
	if !ok || name == "" {
		return upload.Tag{}, 0, usagef("--tag-age %q: want NAME=VALUE:AGE, as keep=7d:7d", s)
	}
	d, err := retention.ParseDuration(s[at+1:])
	if err == nil && d <= 0 {
		err = errors.New("want 1d or more")
	}
	if err != nil {
		return upload.Tag{}, 0, usagef("--tag-age %q: %w", s, err)
	}
	return upload.Tag{Key: name, Value: value}, wholeDays(d), nil
}

// bucketRules prints the plan, and obeys it if it is told to.
func (a *app) bucketRules(ctx context.Context, b *bucketFlags, arg string, apply, yes bool) error {
	place, err := b.store.place(arg)
	if err != nil {
		return err
	}
	policy, err := b.lifecycle(place)
	if err != nil {
		return err
	}
	store, err := b.store.dial(ctx, a)
	if err != nil {
		return err
	}
	plan, err := store.PlanLifecycle(ctx, place.Bucket, policy)
	if err != nil {
		return a.noRules(place, err)
	}
	if err := a.printPlan(plan); err != nil {
		return err
	}
	if policy.ExpireDays > 0 && policy.NoncurrentDays == 0 {
		if versioned, _ := store.Versioned(ctx, place.Bucket); versioned {
			a.warn(place.String(), "the bucket keeps versions: without --noncurrent, what is deleted frees nothing")
		}
	}
	if !plan.Changed() {
		return nil
	}
	if !yes {
		if apply && !a.quiet {
			a.message("nothing was changed")
			a.message("hint: --yes changes the rules")
		}
		return nil
	}
	err = store.ApplyLifecycle(ctx, plan)
	if errors.Is(err, upload.ErrRuleRefused) && plan.Aborts() {
		return hintf(inFile(place.String(), err), "--abort-after 0s leaves out the rule for incomplete uploads, which some stores refuse; memvault s3 clean does its work")
	}
	return a.noRules(place, err)
}

// noRules says what stands in for lifecycle rules.
func (a *app) noRules(place upload.Place, err error) error {
	if errors.Is(err, upload.ErrNoLifecycle) {
		return hintf(inFile(place.String(), err), "memvault gc %s does the same, from a schedule", place)
	}
	return inFile(place.String(), storeError(err))
}

var planMarks = map[string]string{upload.AddRule: "+", upload.RemoveRule: "-", upload.ChangeRule: "~", upload.KeepRule: " "}

func (a *app) printPlan(p *upload.LifecyclePlan) error {
	for _, c := range p.Changes {
		if a.json {
			if err := a.printJSON(struct {
				Bucket string `json:"bucket"`
				upload.Change
			}{p.Bucket, c}); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintln(a.out, printable(changeText(c))); err != nil {
			return err
		}
	}
	return nil
}

func changeText(c upload.Change) string {
	text := planMarks[c.Action] + " " + c.ID + ": "
	switch {
	case c.Action == upload.ChangeRule:
		return text + c.Have + " -> " + c.Want
	case c.Action == upload.AddRule:
		return text + c.Want
	case !c.Own:
		return text + c.Have + " (of others: stays as it is)"
	}
	return text + c.Have
}
