package removal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memvault/memvault/internal/soak"
)

// kill -9 at every step of a deletion, and at every step of the replay after it: nothing is lost
// without proof, and nothing stays half done.
func TestKillAtEveryStep(t *testing.T) {
	tests := []struct {
		name string
		task task
		// gone allows that the file is deleted though its process was killed before Remove returned.
		gone bool
	}{
		{"at once", task{}, true},
		{"at once, proved", task{Proof: true}, true},
		{"undo window", task{Undo: time.Hour}, false},
		{"undo window, proved", task{Undo: time.Hour, Proof: true}, false},
		{"at once, no flags", task{NoFlags: true}, true},
		{"undo window, no flags", task{Undo: time.Hour, NoFlags: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kills := 0
			for first := 1; ; first++ {
				for second := 1; ; second++ {
					k := killed{task: tt.task, dir: t.TempDir(), gone: tt.gone}
					k.task.Dir = k.dir
					again, more := k.round(t, first, second)
					kills += again
					if !more {
						break
					}
				}
				if !slices.Contains(steps(t, tt.task), first) {
					break
				}
			}
			if kills < 4 {
				t.Errorf("the process was killed %d times, want at least 4", kills)
			}
			t.Logf("%d kills", kills)
		})
	}
}

// steps are the numbers of the steps of a task that nobody kills.
func steps(t *testing.T, tk task) (all []int) {
	t.Helper()
	tk.Dir = t.TempDir()
	write(t, tk.Dir, "a.bin", "capture")
	n := 0
	d, err := open(t.Context(), tk.Dir, Options{Undo: tk.Undo}, hooks{func(string) { n++; all = append(all, n) }, tk.NoFlags})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	it, err := tk.item("a.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Remove(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	return all
}

// kill -9 at every step of a rename: the file has one of its names, and once more both work.
func TestKillRename(t *testing.T) {
	for _, noFlags := range []bool{false, true} {
		kills := 0
		for at := 1; ; at++ {
			dir := t.TempDir()
			write(t, dir, "a.bin", "capture")
			tk := task{Do: "rename", Dir: dir, Name: "a.bin", NoFlags: noFlags, KillAt: at}
			wasKilled := tk.run(t)
			if !wasKilled {
				break
			}
			kills++
			tk.KillAt = 0
			if slices.Contains(names(t, dir), "a.bin") {
				tk.run(t)
			}
			folder(t, dir, Options{}).Close()
			want(t, fmt.Sprintf("no flags %v, killed at %d", noFlags, at), dir, []string{"new.bin"}, nil)
			if st, err := os.Stat(filepath.Join(dir, "new.bin")); err != nil || sys(st).Nlink != 1 {
				t.Errorf("no flags %v, killed at %d: %v, %v; want one link", noFlags, at, st, err)
			}
		}
		if want := map[bool]int{false: 1, true: 3}[noFlags]; kills != want {
			t.Errorf("no flags %v: the process was killed %d times, want %d", noFlags, kills, want)
		}
	}
}

type killed struct {
	task task
	dir  string
	gone bool
}

// round kills a removal at step first, the replay after it at step second, and looks at what is left after
// a replay that nobody kills. It tells how often it killed, and whether there are further steps in the replay.
func (k killed) round(t *testing.T, first, second int) (kills int, more bool) {
	t.Helper()
	write(t, k.dir, "a.bin", "capture")
	write(t, k.dir, "b.bin", "another")
	k.task.Do, k.task.Name, k.task.KillAt = "remove", "a.bin", first
	if k.task.run(t) {
		kills++
	}
	wasKilled := kills > 0
	k.task.Do, k.task.KillAt = "replay", second
	if k.task.run(t) {
		kills, more = kills+1, true
	}
	k.task.KillAt = 0
	k.task.run(t)
	k.look(t, fmt.Sprintf("killed at %d and %d", first, second), wasKilled)
	return kills, more
}

func (k killed) look(t *testing.T, when string, wasKilled bool) {
	t.Helper()
	var kept, trashed []string
	d := folder(t, k.dir, Options{Undo: k.task.Undo, Proof: k.task.trashProof()})
	for _, e := range d.Trash() {
		trashed = append(trashed, e.Name)
	}
	for _, name := range names(t, k.dir) {
		if name != trashName {
			kept = append(kept, name)
		}
	}
	switch all := slices.Sorted(slices.Values(append(slices.Clone(kept), trashed...))); {
	case slices.Equal(all, []string{"a.bin", "b.bin"}):
		if !wasKilled && len(trashed) == 0 {
			t.Errorf("%s: nobody killed the removal, and the file is still there", when)
		}
	case slices.Equal(all, []string{"b.bin"}) && k.gone:
	default:
		t.Errorf("%s: the folder holds %q and the trash %q, want a.bin in one of them%s, and b.bin in the folder", when, kept, trashed,
			map[bool]string{true: ", or gone"}[k.gone])
	}
	want(t, when, k.dir, kept, trashed)
	for _, e := range d.Trash() {
		if b, err := os.ReadFile(e.Path); err != nil || string(b) != "capture" {
			t.Errorf("%s: the file in the trash holds %q, %v", when, b, err)
		}
	}
	if names, err := d.Undo(t.Context()); err != nil || len(names) != len(trashed) {
		t.Errorf("%s: undo gives %q, %v; want %q", when, names, err, trashed)
	}
	for name, content := range map[string]string{"a.bin": "capture", "b.bin": "another"} {
		if b, err := os.ReadFile(filepath.Join(k.dir, name)); err == nil && string(b) != content {
			t.Errorf("%s: %s holds %q, want %q", when, name, b, content)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// kill -9 at any moment of a pass over many files.
func TestKillAnyTime(t *testing.T) {
	const files = 40
	rounds := soak.N(t, 6, 300)
	for i := range rounds {
		dir := t.TempDir()
		for n := range files {
			write(t, dir, fmt.Sprintf("%02d.bin", n), "capture")
		}
		tk := task{Do: "remove and log", Dir: dir, Proof: i%2 == 0, NoFlags: i%5 == 4}
		if i%3 == 0 {
			tk.Undo = time.Hour
		}
		cmd := tk.command(t, 0)
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(10+i*7%150) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if strings.Contains(out.String(), "error:") {
			t.Fatalf("round %d: %s", i, out.String())
		}
		done := strings.Count(out.String(), "\n")
		d := folder(t, dir, Options{Undo: tk.Undo, Proof: tk.trashProof(), InUse: quick})
		left := len(names(t, dir)) - 1 + len(d.Trash())
		// One may be gone whose name was not printed yet.
		if least := files - done - 1; tk.Undo == 0 && (left < least || left > files-done) || tk.Undo > 0 && left != files {
			t.Errorf("round %d, undo %v: %d of %d files are left after %d were said to be removed", i, tk.Undo, left, files, done)
		}
		want(t, fmt.Sprintf("round %d", i), dir, slices.DeleteFunc(names(t, dir), func(s string) bool { return s == trashName }), trashNames(d, dir, t))
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// trashNames are the names that the trash should hold by what Trash says, in the order of its folder.
func trashNames(d *Folder, dir string, t *testing.T) (all []string) {
	known := make(map[string]bool)
	for _, e := range d.Trash() {
		known[filepath.Base(e.Path)] = true
	}
	for _, name := range names(t, filepath.Join(dir, trashName)) {
		if known[name] {
			_, old, _ := strings.Cut(name, "-")
			all = append(all, old)
		}
	}
	return all
}
