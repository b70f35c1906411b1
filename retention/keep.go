package retention

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A bucket is a rule that keeps the newest capture of each of some stretches of time.
type bucket struct {
	word, flag string
	full, left int
	key        func(time.Time) int64
	last       int64
	any        bool
}

// buckets are the rules that count stretches. The first takes each capture as its own.
func (p *Policy) buckets() []bucket {
	all := []bucket{
		{word: "newest", flag: "--keep-last", full: p.KeepLast},
		{word: "hourly", flag: "--keep-hourly", full: p.KeepHourly, key: hourKey},
		{word: "daily", flag: "--keep-daily", full: p.KeepDaily, key: dayKey},
		{word: "weekly", flag: "--keep-weekly", full: p.KeepWeekly, key: weekKey},
	}
	for i := range all {
		all[i].left = all[i].full
	}
	return slices.DeleteFunc(all, func(b bucket) bool { return b.left == 0 })
}

func hourKey(t time.Time) int64 { return dayKey(t)*24 + int64(t.Hour()) }

func dayKey(t time.Time) int64 {
	y, m, d := t.Date()
	return (int64(y)*16+int64(m))*32 + int64(d)
}

func weekKey(t time.Time) int64 {
	y, w := t.ISOWeek()
	return int64(y)*64 + int64(w)
}

// takes tells whether the rule keeps the capture that ended at t, when it is asked from
// the newest to the oldest.
func (b *bucket) takes(t time.Time) bool {
	if b.left == 0 {
		return false
	}
	if b.key != nil {
		k := b.key(t)
		if b.any && k == b.last {
			return false
		}
		b.last, b.any = k, true
	}
	b.left--
	return true
}

// keep decides over the captures of a group that a Keep rule wants. They are given from
// the newest to the oldest.
func (n *planner) keep(members []member) {
	buckets := n.buckets()
	var newest *time.Time
	for _, m := range members {
		c := &n.captures[m.capture]
		if !n.candidate(m.capture) || c.Leftover && !c.Kept {
			continue
		}
		if newest == nil {
			newest = &c.End
		}
		local := c.End.In(n.now.Location())
		var why []string
		for i := range buckets {
			if b := &buckets[i]; b.takes(local) {
				why = append(why, fmt.Sprintf("%s %d of %d (%s)", b.word, b.full-b.left, b.full, b.flag))
			}
		}
		if why = append(why, n.otherwise(c, *newest)...); len(why) > 0 {
			n.decide(m.capture, KeptByPolicy, strings.Join(why, "; "))
		}
	}
}

// otherwise gives the reasons to keep a capture that do not count others.
func (n *planner) otherwise(c *Capture, newest time.Time) (why []string) {
	if c.Kept {
		why = append(why, "a .keep file lies beside it")
	}
	if n.KeepWithin > 0 && newest.Sub(c.End) <= n.KeepWithin {
		why = append(why, n.within)
	}
	for _, tag := range n.KeepTags {
		if hasTag(c.Tags, tag) {
			why = append(why, "it has the label "+tag+" (--keep-tag)")
		}
	}
	return why
}

// hasTag tells whether a label is tag, or has tag as its name.
func hasTag(labels []string, tag string) bool {
	return slices.ContainsFunc(labels, func(label string) bool {
		name, _, _ := strings.Cut(label, "=")
		return label == tag || name == tag
	})
}
