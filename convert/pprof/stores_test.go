package pprof_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/convert/pprof"
)

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// checkStores applies what the stores ask for beyond CheckValid (facts: targets 5.1, 5.3 and
// 5.4): Parca's pkg/normalizer/validate.go wants ids that count from 1 and locations of every
// sample, and takes labels for dimensions; pprof keeps the keys of some for itself.
func checkStores(t *testing.T, p *profile.Profile) {
	t.Helper()
	for i, m := range p.Mapping {
		if m.ID != uint64(i+1) {
			t.Errorf("mapping %d: got id %d", i+1, m.ID)
		}
		if m.Start > m.Limit {
			t.Errorf("mapping %d: from %#x to %#x", i+1, m.Start, m.Limit)
		}
	}
	for i, f := range p.Function {
		if f.ID != uint64(i+1) || f.Name == "" || f.Name == f.SystemName {
			t.Errorf("function %d: got id %d, name %q, system name %q", i+1, f.ID, f.Name, f.SystemName)
		}
	}
	for i, l := range p.Location {
		if l.ID != uint64(i+1) {
			t.Errorf("location %d: got id %d", i+1, l.ID)
		}
		if m := l.Mapping; m != nil && m.Limit != 0 && (l.Address < m.Start || l.Address >= m.Limit) {
			t.Errorf("location %d: %#x is not in %s", i+1, l.Address, m.File)
		}
	}
	for i, s := range p.Sample {
		if len(s.Location) == 0 {
			t.Errorf("sample %d: no locations", i)
		}
		if !slices.ContainsFunc(s.Value, func(v int64) bool { return v != 0 }) {
			t.Errorf("sample %d: all values are 0", i)
		}
		checkLabels(t, i, s)
	}
}

func checkLabels(t *testing.T, i int, s *profile.Sample) {
	t.Helper()
	for key, values := range s.Label {
		if !labelName.MatchString(key) || len(values) != 1 || values[0] == "" || s.NumLabel[key] != nil {
			t.Errorf("sample %d: label %q: %q", i, key, values)
		}
	}
	for key, values := range s.NumLabel {
		if !labelName.MatchString(key) || len(values) != 1 {
			t.Errorf("sample %d: label %q: %v", i, key, values)
		}
	}
}

// Pyroscope knows the four types of Go's heap profiles by name; all others need a
// configuration that states count or bytes.
func TestPyroscopeTypes(t *testing.T) {
	known := []profile.ValueType{
		{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"},
		{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"},
	}
	prof, err := pprof.Convert(usual(), pprof.Options{GoTypes: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []profile.ValueType
	for _, st := range prof.SampleType {
		got = append(got, profile.ValueType{Type: st.Type, Unit: st.Unit})
	}
	if !slices.Equal(got, known) {
		t.Errorf("got %v, want %v", got, known)
	}
	if prof.DefaultSampleType != "inuse_space" {
		t.Errorf("default: got %s, want inuse_space", prof.DefaultSampleType)
	}
}
