package upload

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// Filter chooses entries of a list. The zero Filter lets all through.
type Filter struct {
	// Component and Host are those of the manifest, any if empty.
	Component, Host string
	// Since and Until bound the start of the capture, else the upload: from Since on, before
	// Until. Zero times bound nothing.
	Since, Until time.Time
	// States are those of Entry.StateText, or "finished" or "crashed"; any if empty.
	States []string
	// MinSize and MaxSize bound the stored bytes; MaxSize 0 is no bound.
	MinSize, MaxSize int64
}

// The states that stand for several in Filter.States.
const (
	StateFinished = "finished"
	StateCrashed  = "crashed"
)

// Match reports whether the entry is one of those.
func (f *Filter) Match(e *Entry) bool {
	component, host := "", ""
	if e.Summary != nil {
		component, host = e.Component, e.Host
	} else if k, ok := ParseKey("", e.Key); ok {
		component = k.Component
	}
	begin := e.Begin()
	switch {
	case f.Component != "" && f.Component != component,
		f.Host != "" && f.Host != host,
		!f.Since.IsZero() && begin.Before(f.Since),
		!f.Until.IsZero() && !begin.Before(f.Until),
		e.Size < f.MinSize,
		f.MaxSize > 0 && e.Size > f.MaxSize:
		return false
	}
	return len(f.States) == 0 || slices.ContainsFunc(f.States, e.is)
}

// is reports whether the entry has the state.
func (e *Entry) is(state string) bool {
	switch state {
	case StateFinished:
		return e.Finished()
	case StateCrashed:
		return e.Summary != nil && !e.Lone && !e.Finished()
	}
	return state == e.StateText()
}

// matchKey is false where the key alone tells that the entry will not match, so that its
// manifest need not be read. The start in a key is cut to the second.
func (f *Filter) matchKey(key string) bool {
	k, ok := ParseKey("", key)
	if !ok {
		return true
	}
	switch {
	case f.Component != "" && keyWord(f.Component) != k.Component,
		!f.Since.IsZero() && k.Start.Before(f.Since.Add(-time.Second)),
		!f.Until.IsZero() && !k.Start.Before(f.Until):
		return false
	}
	return true
}

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }

func sizeProblem(manifest, object int64) string {
	return fmt.Sprintf("the object has %d bytes, want %d as its manifest says", object, manifest)
}
