package removal

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// newJournal makes a journal as prepare does.
func newJournal(t *testing.T, name string) *journal {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := reserve(f, 0); err != nil {
		t.Fatal(err)
	}
	return &journal{f: f, size: journalRoom, seq: 1, live: make(map[string]bool)}
}

// read gives the lines of a journal file, in short.
func read(t *testing.T, name string) (lines []string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, all, err := readJournal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		lines = append(lines, r.Op+" "+r.ID)
	}
	return lines
}

func add(t *testing.T, j *journal, op, id string) {
	t.Helper()
	if err := j.add(record{Op: op, ID: id, Name: []byte("a\xff\nb")}); err != nil {
		t.Fatal(err)
	}
}

func TestJournal(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal")
	j := newJournal(t, name)
	expect := func(when string, lines ...string) {
		t.Helper()
		if got := read(t, name); fmt.Sprint(got) != fmt.Sprint(lines) {
			t.Errorf("%s: got %q, want %q", when, got, lines)
		}
	}
	expect("new")
	add(t, j, opIntent, "1")
	add(t, j, opMoved, "1")
	add(t, j, opIntent, "2")
	add(t, j, opDone, "1")
	expect("one under way", "intent 1", "moved 1", "intent 2", "done 1")
	add(t, j, opBack, "2")
	expect("none under way", "intent 1", "moved 1", "intent 2", "done 1", "back 2")
	add(t, j, opIntent, "3")
	expect("from the start again", "intent 3")
	for i := range 1000 { // beyond the room that was reserved
		add(t, j, opIntent, fmt.Sprint(i))
	}
	if got := len(read(t, name)); got != 1001 {
		t.Errorf("got %d lines, want 1001", got)
	}
}

// A journal that was cut or damaged anywhere tells what came before, and is written on from there.
func TestJournalDamage(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	j := newJournal(t, whole)
	ends := []int64{0}
	for i := range 5 {
		add(t, j, opIntent, fmt.Sprint(i))
		ends = append(ends, j.pos)
	}
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for at := range ends[5] {
		lines := 0
		for ends[lines+1] <= at {
			lines++
		}
		for what, damaged := range map[string][]byte{
			"cut": b[:at], "zeros": append(b[:at:at], make([]byte, 1000)...), "flipped": append(append(b[:at:at], b[at]^0x10), b[at+1:]...),
		} {
			name := filepath.Join(dir, fmt.Sprint(what, at))
			if err := os.WriteFile(name, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := len(read(t, name)); got != lines {
				t.Errorf("%s at %d: got %d lines, want %d", what, at, got, lines)
			}
			f, err := os.OpenFile(name, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			j, _, err := readJournal(f)
			if err != nil {
				t.Fatal(err)
			}
			add(t, j, opIntent, "new")
			f.Close()
			if got := read(t, name); len(got) != lines+1 || got[lines] != "intent new" {
				t.Errorf("%s at %d, written on: got %q, want %d lines and the new one", what, at, got, lines)
			}
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte("00000000 1 {\"op\":\"intent\",\"id\":\"AAAAAAAAAAAAA\",\"name\":\"YS5iaW4=\"}\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		j, all, err := readJournal(file)
		if err != nil {
			t.Fatal(err)
		}
		before := len(all)
		if len(j.live) == 0 {
			before = 0
		}
		add(t, j, opIntent, "new")
		if got := read(t, name); len(got) != before+1 || got[before] != "intent new" {
			t.Errorf("got %q after writing, want %d lines and the new one", got, before)
		}
	})
}
