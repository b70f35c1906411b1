package inuse

import (
	"strings"
	"testing"
	"time"
)

func TestMemory(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(wall, up time.Duration, boot string) moment {
		return moment{Wall: start.Add(wall), Up: up, Boot: boot}
	}
	here, there := end{size: 10, data: 5}, end{size: 10, data: 6}
	type look struct {
		now   moment
		at    end
		quiet time.Duration
		moved bool
	}
	tests := []struct {
		name  string
		looks []look
	}{
		{"stands still", []look{{at(0, 0, "a"), here, 0, false}, {at(60, 60, "a"), here, 60, false}, {at(90, 90, "a"), here, 90, false}}},
		{"moves", []look{{at(0, 0, "a"), here, 0, false}, {at(60, 60, "a"), there, 0, true}, {at(90, 90, "a"), there, 30, false}}},
		{"clock set forward", []look{{at(0, 0, "a"), here, 0, false}, {at(1000, 60, "a"), here, 60, false}}},
		{"clock set back", []look{{at(0, 0, "a"), here, 0, false}, {at(-1000, 60, "a"), here, 0, false}, {at(-900, 160, "a"), here, 100, false}}},
		{"another boot", []look{{at(0, 500, "a"), here, 0, false}, {at(60, 1, "b"), here, 60, false}}},
		{"no boot clock", []look{{at(0, 0, ""), here, 0, false}, {at(60, 0, ""), here, 60, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := new(Memory)
			for i, l := range tt.looks {
				m.now = func() moment { return l.now }
				if quiet, moved := m.observe("k", l.at); quiet != l.quiet || moved != l.moved {
					t.Errorf("look %d: got quiet for %d, moved %v; want %d, %v", i, quiet, moved, l.quiet, l.moved)
				}
				m = reload(t, m)
			}
		})
	}
}

// reload gives what another process would know.
func reload(t *testing.T, m *Memory) *Memory {
	t.Helper()
	text, err := m.Save()
	if err != nil {
		t.Fatal(err)
	}
	next := new(Memory)
	if err := next.Load(text); err != nil {
		t.Fatal(err)
	}
	return next
}

func TestMemoryForgets(t *testing.T) {
	m := new(Memory)
	now := moment{Wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	m.now = func() moment { return now }
	m.observe("old", end{})
	now.Wall = now.Wall.Add(20 * 24 * time.Hour)
	m.observe("new", end{})
	now.Wall = now.Wall.Add(11 * 24 * time.Hour)
	text, err := m.Save()
	if err != nil {
		t.Fatal(err)
	}
	if s := string(text); strings.Contains(s, "old") || !strings.Contains(s, "new") {
		t.Errorf("saved after a month: %s, want new without old", s)
	}
}

func TestMemoryLoadRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", `{"k":1}`, `{"k":{"size":"x"}}`} {
		m := new(Memory)
		if err := m.Load([]byte(text)); err == nil || len(m.seen) > 0 {
			t.Errorf("Load(%q) gives %v and %d observations, want an error and none", text, err, len(m.seen))
		}
	}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		v                       Verdict
		rotate, archived, other bool
	}{
		{Verdict{State: Free}, true, true, true},
		{Verdict{State: Held}, true, true, true},
		{Verdict{State: Quiet, QuietFor: 24 * time.Hour}, true, true, false},
		{Verdict{State: Quiet, QuietFor: 23 * time.Hour}, true, false, false},
		{Verdict{State: Live}, false, false, false},
		{Verdict{State: Unknown, QuietFor: 48 * time.Hour}, false, false, false},
	}
	for _, tt := range tests {
		if r, a, o := tt.v.MayRotate(), tt.v.MayDelete(true), tt.v.MayDelete(false); r != tt.rotate || a != tt.archived || o != tt.other {
			t.Errorf("%v, quiet for %v: rotate %v, delete archived %v, other %v; want %v, %v, %v",
				tt.v.State, tt.v.QuietFor, r, a, o, tt.rotate, tt.archived, tt.other)
		}
	}
	v := Verdict{Holders: make([]Holder, 33)}
	if got, want := v.HeldBy(), "pid 0, 0, 0, 0, 0, 0, 0, 0 and 25 more"; got != want {
		t.Errorf("HeldBy gives %q, want %q", got, want)
	}
}
