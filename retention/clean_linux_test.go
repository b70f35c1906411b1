package retention

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/internal/inuse"
	"github.com/memvault/memvault/internal/removal"
	"github.com/memvault/memvault/internal/testfs"
)

// names gives all files below a folder, our own left out.
func (t *tree) names() []string {
	t.Helper()
	var list []string
	t.must(filepath.WalkDir(t.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == TrashDir {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() && !strings.HasPrefix(d.Name(), ".memvault") {
			at, _ := filepath.Rel(t.dir, path)
			list = append(list, at)
		}
		return err
	}))
	return list
}

func (t *tree) wantNames(want ...string) {
	t.Helper()
	if got := t.names(); !slices.Equal(got, want) {
		t.Errorf("files: got %q, want %q", got, want)
	}
}

// clean runs Clean with what tests have in common.
func (t *tree) clean(ctx context.Context, o CleanOptions) (*Report, error) {
	t.Helper()
	if o.State == "" {
		o.State = t.TempDir()
	}
	return Clean(ctx, t.dir, o)
}

func (t *tree) mustClean(o CleanOptions) *Report {
	t.Helper()
	r, err := t.clean(t.Context(), o)
	t.must(err)
	return r
}

func TestClean(t *testing.T) {
	f := newTree(t)
	now := time.Now()
	f.write("a_memory.20260101T000000Z.1.bin", finished(t, now.Add(-40*day)))
	f.write("a_memory.20260102T000000Z.1.bin", finished(t, now.Add(-10*day)))
	f.write("firmware.bin", []byte("no capture"))
	all := []string{"a_memory.20260101T000000Z.1.bin", "a_memory.20260102T000000Z.1.bin", "firmware.bin"}
	o := CleanOptions{Policy: Policy{MaxAge: new(30 * day)}, Undo: time.Hour}

	dry := f.mustClean(o)
	f.wantNames(all...)
	if entries, err := os.ReadDir(f.dir); err != nil || len(entries) != len(all) {
		t.Errorf("a dry run left %v, %v, want nothing new", entries, err)
	}
	o.Yes = true
	real := f.mustClean(o)
	f.wantNames(all[1:]...)
	if got, want := verdicts(real.Captures, real.Plan), verdicts(dry.Captures, dry.Plan); got != want {
		t.Errorf("the decisions differ: for real\n%s\ndry\n%s", got, want)
	}
	if len(real.Outcomes) != 1 || !real.Outcomes[0].Done || !real.Outcomes[0].Trashed || real.Failed() != 0 || real.After.Trash == 0 {
		t.Errorf("got outcomes %+v, after %+v, want one in the trash", real.Outcomes, real.After)
	}

	folder, err := removal.Open(t.Context(), f.dir, removal.Options{})
	f.must(err)
	_, err = folder.Undo(t.Context())
	f.must(errors.Join(err, folder.Close()))
	f.wantNames(all...)
	if _, err := f.clean(t.Context(), CleanOptions{}); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty policy: got %v, want ErrEmpty", err)
	}
	if _, err := f.clean(t.Context(), CleanOptions{Policy: Policy{KeepLast: 1, RequireArchived: true}}); err == nil {
		t.Error("only what is archived, but no archive: got no error")
	}
}

func TestCleanRecursive(t *testing.T) {
	f := newTree(t)
	for _, name := range []string{"x/a_memory.bin", "x/y/b_memory.bin", "c_memory.bin"} {
		f.write(name, finished(t, time.Now()))
	}
	f.mustClean(CleanOptions{Policy: Policy{MaxAge: new(time.Duration(0))}, Yes: true})
	f.wantNames("x/a_memory.bin", "x/y/b_memory.bin")
	// The trash of folders within counts, and goes when space is short.
	all := ScanOptions{Recursive: true}
	f.write("x/keep_memory.bin", finished(t, time.Now()))
	f.write("x/a_memory.20260101T000000Z.1.bin", finished(t, time.Now().Add(-day)))
	r := f.mustClean(CleanOptions{Policy: Policy{KeepLast: 1}, Yes: true, Undo: time.Hour, Scan: all})
	if r.After.Trash != 4096 {
		t.Errorf("got %d bytes in the trash, want those of x", r.After.Trash)
	}
	r = f.mustClean(CleanOptions{Policy: Policy{Budget: 3 * 4096}, Yes: true, Undo: time.Hour, Scan: all})
	if r.After.Trash != 0 || len(r.Plan.Deletions) != 0 {
		t.Errorf("short of space: got %d bytes in the trash, %d deletions, want none", r.After.Trash, len(r.Plan.Deletions))
	}
	f.mustClean(CleanOptions{Policy: Policy{MaxAge: new(time.Duration(0))}, Yes: true, Scan: ScanOptions{Recursive: true}})
	f.wantNames()
}

// TestCleanFull fills a real file system of 64 MB to the last byte, and frees as much as is wanted and no more.
func TestCleanFull(t *testing.T) {
	f := &tree{t, testfs.New(t, testfs.Tmpfs, 64<<20)}
	const mb = 1 << 20
	for i := range 10 { // a has most, so it gives
		end := time.Now().Add(-time.Duration(i+1) * time.Hour)
		data := append(finished(t, end), make([]byte, 4*mb)...)
		component := "a"
		if i >= 7 {
			component = "b"
		}
		f.write(fmt.Sprintf("%s_memory.20260101T000000Z.%d.bin", component, i), data[:4*mb])
	}
	f.fill("filler")
	d, err := ReadDisk(f.dir)
	if f.must(err); d.Free != 0 {
		t.Fatalf("%d bytes are free, want a full disk", d.Free)
	}
	o := CleanOptions{Policy: Policy{MinFree: Amount{Count: 12 * mb}}, Undo: time.Hour, Yes: true}
	r := f.mustClean(o)
	d, err = ReadDisk(f.dir)
	f.must(err)
	if d.Free < 12*mb || d.Free > 13*mb || d.Trash != 0 || len(r.Plan.Unmet) > 0 {
		t.Errorf("got %d bytes free, %d in the trash, unmet %q; want 12 MiB and little more, none, none", d.Free, d.Trash, r.Plan.Unmet)
	}
	f.wantNames("a_memory.20260101T000000Z.0.bin", "a_memory.20260101T000000Z.1.bin", "a_memory.20260101T000000Z.2.bin",
		"a_memory.20260101T000000Z.3.bin", "b_memory.20260101T000000Z.7.bin", "b_memory.20260101T000000Z.8.bin", "b_memory.20260101T000000Z.9.bin", "filler")
	if r.Freed() < 12*mb {
		t.Errorf("the report says that %d bytes were freed, want 12 MiB", r.Freed())
	}

	// What lies in the trash is used space, and goes first.
	o.Policy = Policy{MaxCount: 3}
	if r = f.mustClean(o); r.After.Trash != 4*mb || r.After.Free > 13*mb {
		t.Fatalf("got %+v, want 4 MiB in the trash and nothing more free", r.After)
	}
	o.Policy = Policy{MinFree: Amount{Count: 15 * mb}}
	r = f.mustClean(o)
	if r.Trash != 4*mb || r.After.Trash != 0 || len(r.Plan.Deletions) != 0 || r.After.Free < 15*mb {
		t.Errorf("got %d bytes of the trash, %d deletions, %+v; want 4 MiB, none", r.Trash, len(r.Plan.Deletions), r.After)
	}
}

// fill writes zeros until there is no room left.
func (t *tree) fill(name string) {
	t.Helper()
	w, err := os.Create(t.path(name))
	t.must(err)
	for _, n := range []int{1 << 20, 4096, 1} {
		for zeros := make([]byte, n); err == nil; {
			_, err = w.Write(zeros)
		}
		err = nil
	}
	t.must(w.Close())
}

// TestCleanArchived: only what is proved goes, by a proof that is asked twice.
func TestCleanArchived(t *testing.T) {
	f := newTree(t)
	for _, name := range []string{"yes", "no", "lost", "deaf"} {
		f.write(name+"_memory.bin", finished(t, time.Now().Add(-day)))
	}
	asked := map[string]int{}
	archive := func(_ context.Context, c *Capture) (func(context.Context) error, error) {
		asked[c.Component]++
		switch c.Component {
		case "no":
			return nil, fmt.Errorf("%w: 404", ErrNotArchived)
		case "deaf":
			return nil, errors.New("connection refused")
		}
		return func(context.Context) error {
			asked[c.Component]++
			if c.Component == "lost" {
				return errors.New("404 by now")
			}
			return nil
		}, nil
	}
	r := f.mustClean(CleanOptions{Policy: Policy{MaxAge: new(time.Duration(0)), RequireArchived: true}, Archived: archive, Yes: true})
	f.wantNames("deaf_memory.bin", "lost_memory.bin", "no_memory.bin")
	if asked["yes"] != 2 || asked["lost"] != 2 || asked["no"] != 1 || asked["deaf"] != 1 || r.Unasked != 1 {
		t.Errorf("asked %v, %d in vain, want yes and lost twice, the others once, 1", asked, r.Unasked)
	}
	gone := func(o Outcome) bool { return errors.Is(o.Err, ErrNotArchived) }
	if r.Failed() != 1 || !slices.ContainsFunc(r.Outcomes, gone) {
		t.Errorf("got outcomes %+v, want one that is not archived any more", r.Outcomes)
	}
}

// TestCleanAsksFew: where nothing is archived, planning again does not go on for ever.
func TestCleanAsksFew(t *testing.T) {
	f := newTree(t)
	for i := range 200 {
		f.write(fmt.Sprintf("c_memory.20260101T000000Z.%d.bin", i+1), finished(t, time.Now().Add(-time.Duration(i)*time.Hour)))
	}
	calls := 0
	none := func(context.Context, *Capture) (func(context.Context) error, error) {
		calls++
		return nil, ErrNotArchived
	}
	r := f.mustClean(CleanOptions{Policy: Policy{MaxCount: 199, RequireArchived: true}, Archived: none, Yes: true})
	if calls != 200 || len(r.Plan.Deletions) != 0 || len(r.Plan.Unmet) == 0 {
		t.Errorf("got %d calls, %d deletions, unmet %q; want 200, none, some", calls, len(r.Plan.Deletions), r.Plan.Unmet)
	}
}

// TestCleanInterrupted: the file in hand is finished, the next one is not begun.
func TestCleanInterrupted(t *testing.T) {
	f := newTree(t)
	for i := range 3 {
		f.write(fmt.Sprintf("c_memory.20260101T000000Z.%d.bin", i+1), finished(t, time.Now().Add(-time.Duration(i+1)*time.Hour)))
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	archive := func(context.Context, *Capture) (func(context.Context) error, error) {
		return func(context.Context) error { cancel(stop); return nil }, nil
	}
	r, err := f.clean(ctx, CleanOptions{Policy: Policy{MaxAge: new(time.Duration(0)), RequireArchived: true}, Archived: archive, Yes: true})
	if !errors.Is(err, stop) || r == nil || r.Stopped == "" {
		t.Errorf("got %+v, %v, want a report and why it stopped", r, err)
	}
	f.wantNames("c_memory.20260101T000000Z.1.bin", "c_memory.20260101T000000Z.2.bin")
}

func TestCleanLocked(t *testing.T) {
	f := newTree(t)
	folder, err := removal.Open(t.Context(), f.dir, removal.Options{})
	f.must(err)
	defer folder.Close()
	if r, err := f.clean(t.Context(), CleanOptions{Policy: Policy{KeepLast: 1}, Yes: true}); !errors.Is(err, removal.ErrLocked) || r != nil {
		t.Errorf("got %+v, %v, want ErrLocked", r, err)
	}
}

// TestCleanHeld: a capture whose writer is dead, and which another process holds, may go by age, though that
// frees nothing; for space alone it stays.
func TestCleanHeld(t *testing.T) {
	f := newTree(t)
	name := f.write("dead_memory.bin", killed(t, time.Now().Add(-time.Hour)))
	in, err := os.Open(name)
	f.must(err)
	sleep := exec.Command("sleep", "60")
	sleep.Stdin = in
	f.must(sleep.Start())
	f.must(in.Close())
	defer func() {
		_ = sleep.Process.Kill()
		_ = sleep.Wait()
	}()
	o := CleanOptions{Policy: Policy{Budget: 1}, Yes: true, Scan: ScanOptions{InUse: inuse.Options{Settle: 10 * time.Millisecond}}}
	r := f.mustClean(o)
	if len(r.Captures) != 1 || !r.Captures[0].Held || r.Captures[0].State != Crashed {
		t.Skipf("leases and /proc do not tell here that it is held: %+v", r.Captures)
	}
	if len(r.Plan.Deletions) != 0 || len(r.Plan.Unmet) != 1 || !strings.Contains(r.Plan.Unmet[0], "would free nothing") {
		t.Errorf("for space: got %+v", r.Plan)
	}
	if !strings.Contains(r.Plan.Decisions[0].Reason, fmt.Sprintf("pid %d", sleep.Process.Pid)) {
		t.Errorf("got reason %q, want the holder's pid %d", r.Plan.Decisions[0].Reason, sleep.Process.Pid)
	}
	o.Policy = Policy{MaxAge: new(time.Duration(0))}
	if r = f.mustClean(o); len(r.Outcomes) != 1 || !r.Outcomes[0].Done || r.Outcomes[0].Short == "" {
		t.Errorf("by age: got %+v, want it deleted, and why no space came back", r.Outcomes)
	}
	f.wantNames()
}

// TestCleanLive: what is being written stays, by every policy.
func TestCleanLive(t *testing.T) {
	f := newTree(t)
	w, err := os.OpenFile(f.write("live_memory.bin", killed(t, time.Now())), os.O_RDWR, 0)
	f.must(err)
	defer w.Close()
	r := f.mustClean(CleanOptions{Policy: Policy{MaxAge: new(time.Duration(0)), Budget: 1}, Yes: true})
	if f.wantNames("live_memory.bin"); len(r.Plan.Deletions) != 0 {
		t.Errorf("got %s", verdicts(r.Captures, r.Plan))
	}
}
