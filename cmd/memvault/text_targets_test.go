package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/memvault/memvault/convert/speedscope"
)

// A file that is too much for a browser is told of, with what makes it smaller.
func TestRemark(t *testing.T) {
	c := &speedscopeConverter{stats: speedscope.Stats{Bytes: 99e6, Samples: 5}}
	if err := c.remark(); err != nil {
		t.Errorf("99 MB: got %v", err)
	}
	c.stats.Bytes = 250e6
	err := c.remark()
	var hint *hintError
	if err == nil || !strings.HasPrefix(err.Error(), "250 MB of JSON in 5 samples") || !errors.As(err, &hint) ||
		!strings.Contains(hint.hint, "--max-samples") || !strings.Contains(hint.hint, "--min-bytes") {
		t.Errorf("250 MB: got %v", err)
	}
}

// Every flag that a target claims is one of convert.
func TestTargetFlags(t *testing.T) {
	cmd := newConvert(&app{})
	for _, name := range specificFlags() {
		if cmd.Flags().Lookup(name) == nil {
			t.Errorf("--%s: no such flag", name)
		}
	}
	for _, target := range targets {
		if views := slices.Contains(target.flags, "views"); views && slices.Contains(target.flags, "peak") {
			t.Errorf("%s: holds one view and several", target.name)
		}
	}
}
