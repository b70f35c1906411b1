package main

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/memvault/memvault/heap"
)

// A conversion is one run of convert.
type conversion struct {
	app *app
	ctx context.Context
	o   *convertOptions

	nativeTold bool // that native stacks are left out
}

// run converts all inputs, going on when one fails.
func (c *conversion) run(jobs []job) error {
	if err := checkInputs(jobs); err != nil {
		return err
	}
	if c.o.target.binary || c.o.compresses() {
		if err := c.app.checkTerminal(jobs); err != nil {
			return err
		}
	}
	if c.o.merge {
		return c.merge(jobs)
	}
	var t tally
	if err := c.readBase(jobs, &t); err != nil {
		return err
	}
	if err := c.makeFolder(jobs); err != nil {
		return err
	}
	for _, j := range jobs {
		t.add(c.one(j), c.app)
	}
	return t.err()
}

// readBase reads the capture that is subtracted from all inputs, if there is one. A damaged
// one counts in t.
func (c *conversion) readBase(jobs []job, t *tally) error {
	if c.o.base == "" {
		return nil
	}
	if c.o.base == standard && slices.ContainsFunc(jobs, func(j job) bool { return j.input == standard }) {
		return usagef("standard input holds one capture, not the --base and another")
	}
	p, err := c.app.readProfile(c.ctx, c.o.base, c.o.read)
	if err != nil {
		return err
	}
	c.o.baseProfile = p
	if c.judge(c.o.base, p) != nil {
		t.partly++
	}
	return nil
}

// makeFolder makes the folder of -o for several inputs.
func (c *conversion) makeFolder(jobs []job) error {
	if c.o.output == "" || len(jobs) < 2 {
		return nil
	}
	return inFile(c.o.output, os.MkdirAll(c.o.output, 0o777))
}

// one converts one capture.
func (c *conversion) one(j job) error {
	if err := checkFree(j.output, c.o.force); err != nil {
		return err
	}
	p, err := c.app.readProfile(c.ctx, j.input, c.o.read)
	if err != nil {
		return err
	}
	out := c.o.target.open(c.o)
	if err := out.Add(p); err != nil {
		return inFile(j.input, err)
	}
	if err := c.write(j.output, out); err != nil {
		return err
	}
	return c.judge(j.input, p)
}

// merge converts all captures into one output. Those that cannot be read are left out.
func (c *conversion) merge(jobs []job) error {
	output := jobs[0].output
	if err := checkFree(output, c.o.force); err != nil {
		return err
	}
	out := c.o.target.open(c.o)
	var t tally
	for _, j := range jobs {
		t.add(c.addTo(out, j.input), c.app)
	}
	if t.done+t.partly == 0 {
		return t.err()
	}
	if err := c.write(output, out); err != nil {
		return err
	}
	return t.err()
}

// write makes an output, and says what the converter has to say of it.
func (c *conversion) write(output string, out converter) error {
	write := out.Write
	if c.o.compresses() {
		write = compressed(write)
	}
	if err := c.app.writeOutput(c.ctx, output, c.o.force, write); err != nil {
		return err
	}
	if r, ok := out.(remarker); ok && !c.app.quiet {
		c.app.tell(inFile(output, r.remark()))
	}
	return nil
}

func (c *conversion) addTo(out converter, input string) error {
	p, err := c.app.readProfile(c.ctx, input, c.o.read)
	if err != nil {
		return err
	}
	if err := out.Add(p); err != nil {
		return inFile(input, err)
	}
	return c.judge(input, p)
}

// judge says what should be known of a capture whose profile was made: what it lacks,
// and what the profile leaves out. The error is errDamaged or nil.
func (c *conversion) judge(file string, p *heap.Profile) error {
	if p.Header.NativeTraces && !c.o.native && !c.nativeTold {
		c.nativeTold = true
		if slices.Contains(c.o.target.flags, "native") {
			c.app.warn(file, "native stacks are left out; --native adds them, as addresses")
		} else {
			c.app.warn(file, "native stacks are left out; the stacks are those of Python")
		}
	}
	return c.app.judgeProfile(file, p, c.o.strict)
}

// add counts how an input ended, and tells of its error.
func (t *tally) add(err error, a *app) {
	switch {
	case err == nil:
		t.done++
	case errors.Is(err, errDamaged):
		t.partly++
	default:
		a.tell(err)
		t.failed++
	}
}
