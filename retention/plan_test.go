package retention

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// testNow is a Wednesday.
var testNow = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return testNow.Add(-d) }

const (
	day = 24 * time.Hour
	gib = int64(1) << 30
)

// made makes a finished capture of a component that ended some time before testNow.
func made(component, name string, age time.Duration, change ...func(*Capture)) Capture {
	c := Capture{
		Dir: "/c", Name: name, Component: component, Start: ago(age + time.Hour), End: ago(age),
		Bytes: gib, State: Finished,
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func state(s State) func(*Capture)       { return func(c *Capture) { c.State = s } }
func archived(a Archived) func(*Capture) { return func(c *Capture) { c.Archived = a } }
func sized(n int64) func(*Capture)       { return func(c *Capture) { c.Bytes = n } }
func pinnedBy(why string) func(*Capture) { return func(c *Capture) { c.Pinned = why } }
func held(c *Capture)                    { c.Held, c.State, c.Note = true, Crashed, "held by pid 7" }
func kept(c *Capture)                    { c.Kept = true }
func leftover(c *Capture)                { c.Leftover, c.State = true, Crashed }
func unproved(c *Capture)                { c.OnlyArchived = true }
func tags(list ...string) func(*Capture) { return func(c *Capture) { c.Tags = list } }
func inDir(dir string) func(*Capture)    { return func(c *Capture) { c.Dir = dir } }
func onHost(host string) func(*Capture)  { return func(c *Capture) { c.Host = host } }

// verdicts gives a line for each decision: the name, + or - for kept or not, and the reason.
func verdicts(captures []Capture, p *Plan) string {
	var b strings.Builder
	for i, d := range p.Decisions {
		sign := " + "
		if d.Delete() {
			sign = " - "
		}
		b.WriteString(captures[i].Name + sign + d.Reason + "\n")
	}
	for _, u := range p.Unmet {
		b.WriteString("unmet: " + u + "\n")
	}
	for _, w := range p.Warnings {
		b.WriteString("warning: " + w + "\n")
	}
	return b.String()
}

func TestPlan(t *testing.T) {
	full := Disk{Total: 100 * gib, Free: 2 * gib, Inodes: 1000, FreeInodes: 900}
	tests := []struct {
		name     string
		policy   Policy
		disk     Disk
		captures []Capture
		want     string
	}{
		{"keep rules alone: all else goes, live is no candidate and fills no slot", Policy{KeepLast: 1, KeepDaily: 2}, Disk{},
			[]Capture{
				made("a", "live", 0, state(Live)), made("a", "new", time.Hour), made("a", "noon", 3*time.Hour),
				made("a", "yesterday", day), made("a", "older", 2*day), made("b", "other", 9*day),
				made("a", "who", time.Minute, state(Unknown)), made("a", "crash", 3*day, state(Crashed)),
			},
			`live + live
new + newest 1 of 1 (--keep-last); daily 1 of 2 (--keep-daily)
noon - no --keep rule wants it
yesterday + daily 2 of 2 (--keep-daily)
older - no --keep rule wants it
other + newest 1 of 1 (--keep-last); daily 1 of 2 (--keep-daily)
who + not known to be finished
crash - no --keep rule wants it
`},
		{"hours and weeks", Policy{KeepHourly: 2, KeepWeekly: 2}, Disk{},
			[]Capture{
				made("a", "1159", time.Minute), made("a", "1101", 59*time.Minute), made("a", "1059", 61*time.Minute),
				made("a", "sunday", 3*day), made("a", "monday", 2*day+12*time.Hour),
			},
			`1159 + hourly 1 of 2 (--keep-hourly); weekly 1 of 2 (--keep-weekly)
1101 - no --keep rule wants it
1059 + hourly 2 of 2 (--keep-hourly)
sunday + weekly 2 of 2 (--keep-weekly)
monday - no --keep rule wants it
`},
		{"within counts from the newest, labels and .keep files", Policy{KeepWithin: 2 * day, KeepTags: []string{"hold", "team=a"}}, Disk{},
			[]Capture{
				made("a", "newest", 100*day), made("a", "within", 102*day), made("a", "beyond", 102*day+1),
				made("a", "held", 200*day, tags("hold=yes")), made("a", "team", 200*day, tags("team=a")), made("a", "other", 200*day, tags("team=b")),
				made("a", "file", 300*day, kept),
			},
			`newest + within 2d of the newest (--keep-within)
within + within 2d of the newest (--keep-within)
beyond - no --keep rule wants it
held + it has the label hold (--keep-tag)
team + it has the label team=a (--keep-tag)
other - no --keep rule wants it
file + a .keep file lies beside it
`},
		{"age drops from the very moment on, and keep wins", Policy{MaxAge: new(30 * day), KeepLast: 1}, Disk{},
			[]Capture{made("a", "at", 30*day), made("a", "before", 30*day-1), made("b", "only", 40*day), made("a", "live", 50*day, state(Live))},
			`at - it ended 30d or more ago (--max-age 30d)
before + newest 1 of 1 (--keep-last)
only + newest 1 of 1 (--keep-last)
live + live
unmet: --max-age 30d: 1 kept by --keep rules or .keep files
`},
		{"age 0s is all that is not live", Policy{MaxAge: new(time.Duration(0))}, Disk{},
			[]Capture{made("a", "now", 0), made("a", "crash", day, state(Crashed)), made("a", "live", 0, state(Live))},
			`now - it has ended (--max-age 0s)
crash - it has ended (--max-age 0s)
live + live
`},
		{"the future is kept", Policy{MaxAge: new(time.Duration(0)), KeepLast: 1}, Disk{},
			[]Capture{made("a", "tomorrow", -day), made("a", "soon", -5*time.Minute), made("a", "past", time.Hour)},
			`tomorrow + its time lies more than 5min in the future
soon + newest 1 of 1 (--keep-last)
past - it has ended (--max-age 0s)
warning: 1 capture of the future, as /c/tomorrow of 2026-11-19T12:00:00Z: kept; is the clock right?
`},
		{"a doubted clock", Policy{MaxAge: new(day), MaxCount: 1, NoAge: "the clock was set"}, Disk{},
			[]Capture{made("a", "new", 0), made("a", "old", 2*day), made("b", "alone", 2*day)},
			`new + no limit is broken
old - one of the oldest of too many (--max-count 1 of a)
alone + it ended 1d or more ago (--max-age 1d), but the clock was set
unmet: --max-age 1d: 2 while the clock is doubted
warning: nothing goes by age: the clock was set
`},
		{"a doubted clock and keep-within", Policy{KeepWithin: day, NoAge: "the clock was set"}, Disk{},
			[]Capture{made("a", "new", 0), made("a", "old", 2*day)},
			`new + within 1d of the newest (--keep-within)
old + it is older than --keep-within, but the clock was set
`},
		{"count and total of each group, the oldest first; live bytes count", Policy{MaxCount: 2, MaxTotal: 3 * gib}, Disk{},
			[]Capture{
				made("a", "a1", 1*day), made("a", "a2", 2*day), made("a", "a3", 3*day),
				made("b", "live", 0, state(Live), sized(2*gib)), made("b", "b1", 1*day), made("b", "b2", 2*day),
			},
			`a1 + no limit is broken
a2 + no limit is broken
a3 - one of the oldest of too many (--max-count 2 of a)
live + live
b1 + no limit is broken
b2 - one of the oldest of those that occupy too much (--max-total 3GiB of b)
`},
		{"overall", Policy{MaxCount: 2, GroupBy: GroupBy{None: true}}, Disk{},
			[]Capture{made("a", "a1", 1*day), made("b", "b1", 2*day), made("a", "a2", 3*day)},
			`a1 + no limit is broken
b1 + no limit is broken
a2 - one of the oldest of too many (--max-count 2 of all captures)
`},
		{"by folder and host", Policy{MaxCount: 1, GroupBy: GroupBy{Dir: true, Host: true, NoComponent: true}}, Disk{},
			[]Capture{made("a", "x", 1*day, inDir("/x"), onHost("h")), made("b", "y", 2*day, inDir("/x"), onHost("h")), made("a", "z", 3*day, inDir("/x"), onHost("i"))},
			`x + no limit is broken
y - one of the oldest of too many (--max-count 1 of h /x)
z + no limit is broken
`},
		{"unmet: why it stays too large", Policy{MaxTotal: gib, KeepLast: 1}, Disk{},
			[]Capture{
				made("a", "live", 0, state(Live)), made("a", "keep", time.Hour), made("a", "pin", day, pinnedBy("it has 2 names")),
				made("a", "who", day, state(Unknown)), made("a", "held", 2*day, held), made("a", "gone", 3*day), made("a", "tomorrow", -day),
			},
			`live + live
keep + newest 1 of 1 (--keep-last)
pin + it has 2 names
who + not known to be finished
held + deleting it frees nothing now: held by pid 7
gone - one of the oldest of those that occupy too much (--max-total 1GiB of a)
tomorrow + its time lies more than 5min in the future
unmet: --max-total 1GiB of a: 6GiB remain: 1GiB live, 1GiB not known to be finished, 1GiB in the future, 1GiB cannot be deleted, 1GiB kept by --keep rules or .keep files, 1GiB would free nothing
warning: 1 capture of the future, as /c/tomorrow of 2026-11-19T12:00:00Z: kept; is the clock right?
`},
		{"free space: fair between components, the oldest first, to the end of the slack",
			Policy{MinFree: Amount{Percent: 5}, Slack: 0.1}, full, // 2 GiB free, 5.5 wanted
			[]Capture{
				made("a", "a1", 1*day), made("a", "a2", 2*day), made("a", "a3", 3*day), made("a", "a4", 4*day),
				made("b", "b1", 8*day), made("b", "b2", 9*day),
			},
			`a1 + no limit is broken
a2 - only 2GiB are free (--min-free 5%): the oldest of a, which has most
a3 - only 2GiB are free (--min-free 5%): the oldest of a, which has most
a4 - only 2GiB are free (--min-free 5%): the oldest of a, which has most
b1 + no limit is broken
b2 - only 2GiB are free (--min-free 5%): the oldest of b, which has most
`},
		{"the trash goes first", Policy{MinFree: Amount{Count: 3 * gib}}, Disk{Total: 100 * gib, Free: 2 * gib, Trash: gib, TrashFiles: 1},
			[]Capture{made("a", "a1", 1*day)}, "a1 + no limit is broken\n"},
		{"the budget counts live captures and the trash", Policy{Budget: 4 * gib}, Disk{Trash: gib, TrashFiles: 1},
			[]Capture{made("a", "live", 0, state(Live), sized(3*gib)), made("a", "a1", day), made("a", "a2", 2*day), made("a", "empty", 3*day, sized(0))},
			`live + live
a1 + no limit is broken
a2 - captures and trash occupy 6GiB (--budget 4GiB): the oldest of a, which has most
empty + no limit is broken
`},
		{"inodes", Policy{MinInodes: Amount{Count: 902}}, full,
			[]Capture{made("a", "a1", day, sized(0)), made("a", "a2", 2*day), made("a", "a3", 3*day, held), made("b", "b1", 4*day)},
			`a1 - only 900 inodes are free (--min-inodes 902): the oldest of a, which has most
a2 - only 900 inodes are free (--min-inodes 902): the oldest of a, which has most
a3 + no limit is broken
b1 + no limit is broken
`},
		{"only what is archived", Policy{MaxAge: new(day), RequireArchived: true}, Disk{},
			[]Capture{
				made("a", "yes", 2*day, archived(InArchive)), made("a", "no", 2*day, archived(NotArchived)), made("a", "maybe", 2*day),
			},
			`yes - it ended 1d or more ago (--max-age 1d)
no + not archived, so it stays, although: it ended 1d or more ago (--max-age 1d)
maybe - it ended 1d or more ago (--max-age 1d)
unmet: not archived, so kept: 1 capture that would go
`},
		{"without proof that it is not written only what is archived goes", Policy{MaxAge: new(day)}, Disk{},
			[]Capture{made("a", "yes", 2*day, unproved, archived(InArchive)), made("a", "no", 2*day, unproved, archived(NotArchived))},
			`yes - it ended 1d or more ago (--max-age 1d)
no + not archived, so it stays, although: it ended 1d or more ago (--max-age 1d)
unmet: not archived, so kept: 1 capture that would go
`},
		{"high, but not critical: nothing is sacrificed", Policy{MinFree: Amount{Count: 3 * gib}, RequireArchived: true, Sacrifice: []string{"all"}}, full,
			[]Capture{made("a", "no", 2*day, archived(NotArchived))},
			`no + not archived, so it stays, although: only 2GiB are free (--min-free 3GiB)
unmet: only 2GiB are free (--min-free 3GiB): 1GiB more are wanted; 1GiB not archived
unmet: not archived, so kept: 1 capture that would go
`},
		{"critical: what is archived first, then what may be sacrificed, and no more than that takes",
			Policy{MinFree: Amount{Count: 8 * gib}, RequireArchived: true, Sacrifice: []string{"a"}}, full, // critical below 4 GiB
			[]Capture{
				made("a", "a1", 1*day, archived(NotArchived)), made("a", "a2", 2*day, archived(NotArchived)), made("b", "b1", 9*day, archived(NotArchived)),
				made("b", "yes", 1*day, archived(InArchive)),
			},
			`a1 + not archived, so it stays, although: only 2GiB are free (--min-free 8GiB)
a2 - only 2GiB are free (--min-free 8GiB): the oldest of a, which has most; not archived, but sacrificed (--sacrifice)
b1 + not archived, so it stays, although: only 2GiB are free (--min-free 8GiB)
yes - only 2GiB are free (--min-free 8GiB): the oldest of b, which has most
unmet: only 2GiB are free (--min-free 8GiB): 4GiB more are wanted; 2GiB not archived
unmet: not archived, so kept: 2 captures that would go
`},
		{"a leftover of a compression fills no slot", Policy{KeepLast: 1}, Disk{},
			[]Capture{made("a", "x.bin.lz4.tmp", 0, leftover), made("a", "x.bin", time.Hour, state(Crashed))},
			`x.bin.lz4.tmp - no --keep rule wants it
x.bin + newest 1 of 1 (--keep-last)
`},
		{"nothing there", Policy{KeepLast: 1}, Disk{}, nil, ""},
		{"a full disk without captures", Policy{MinFree: Amount{Count: 3 * gib}}, full, nil,
			"unmet: only 2GiB are free (--min-free 3GiB): 1GiB more are wanted; no capture is left\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tt.policy.Plan(tt.captures, tt.disk, testNow)
			if err != nil {
				t.Fatal(err)
			}
			if got := verdicts(tt.captures, p); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func TestPlanErrors(t *testing.T) {
	tests := []struct {
		name   string
		policy Policy
		want   string
	}{
		{"empty", Policy{RequireArchived: true, Slack: 0.1}, ErrEmpty.Error()},
		{"negative count", Policy{KeepLast: -1, MaxCount: 1}, "negative number"},
		{"negative size", Policy{MaxTotal: -1, MaxCount: 1}, "negative number"},
		{"negative age", Policy{MaxAge: new(time.Duration(-1))}, "negative age"},
		{"slack of all", Policy{Budget: 1, Slack: 1}, "slack"},
		{"no disk", Policy{MinFree: Amount{Percent: 10}}, "not known"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tt.policy.Plan(nil, Disk{}, testNow)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want an error with %q", p, err, tt.want)
			}
		})
	}
	if _, err := (Policy{}).Plan(nil, Disk{}, testNow); !errors.Is(err, ErrEmpty) {
		t.Errorf("the zero policy: got %v, want ErrEmpty", err)
	}
}

// TestPlanLocation: a capture of 23:30 UTC is of the next day in Tokyo.
func TestPlanLocation(t *testing.T) {
	captures := []Capture{made("a", "late", 12*time.Hour+30*time.Minute), made("a", "noon", day)}
	for _, tt := range []struct {
		loc  *time.Location
		want int
	}{{time.UTC, 1}, {time.FixedZone("tokyo", 9*3600), 0}} {
		p, err := Policy{KeepDaily: 7}.Plan(captures, Disk{}, testNow.In(tt.loc))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(p.Deletions); got != tt.want {
			t.Errorf("in %v: got %d to go, want %d:\n%s", tt.loc, got, tt.want, verdicts(captures, p))
		}
	}
}

func TestDeletionsOrder(t *testing.T) {
	captures := []Capture{made("b", "b", day), made("a", "new", 2*day), made("a", "old", 3*day)}
	p, err := Policy{MaxAge: new(time.Duration(0))}.Plan(captures, Disk{}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range p.Deletions {
		got = append(got, captures[i].Name)
	}
	if want := "old new b"; strings.Join(got, " ") != want || p.Bytes != 3*gib {
		t.Errorf("got %v of %d bytes, want %s of %d", got, p.Bytes, want, 3*gib)
	}
}
