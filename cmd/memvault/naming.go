package main

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/memvault/memvault/upload"
)

// standard is the name of standard input and output on the command line.
const standard = "-"

// A job is one input and where its output goes; either may be standard.
type job struct{ input, output string }

// outputPlan is what the command line says of outputs.
type outputPlan struct {
	// Inputs are the names as given.
	Inputs []string
	// Output is -o; empty when it was not given.
	Output string
	// Folder tells that Output is a folder.
	Folder bool
	// Ext ends the names of outputs, as ".pb.gz".
	Ext string
	// FoldCase tells that the file system takes A and a for the same name.
	FoldCase bool
}

// jobs names the output of each input: Output itself, or in the folder Output, or
// beside the input. It refuses names that collide with each other or with an input.
// It does not look at the disk.
func (p outputPlan) jobs() ([]job, error) {
	if len(p.Inputs) > 1 && p.Output == standard {
		return nil, hintf(usagef("-o - holds one output, not %d", len(p.Inputs)),
			"-o FOLDER/ takes several; --merge makes one of them")
	}
	var jobs []job
	for _, input := range p.Inputs {
		jobs = append(jobs, job{input, p.output(input)})
	}
	return jobs, p.collisions(jobs)
}

// merged names one output for all inputs.
func (p outputPlan) merged() ([]job, error) {
	var jobs []job
	for _, input := range p.Inputs {
		j := job{input, p.Output}
		if err := p.collisions([]job{j}); err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, p.twice(jobs)
}

// output names the output of one input.
func (p outputPlan) output(input string) string {
	switch {
	case p.Output != "" && !p.Folder:
		return p.Output
	case p.Folder && input == standard:
		return filepath.Join(p.Output, "stdin"+p.Ext)
	case p.Folder:
		return filepath.Join(p.Output, stem(filepath.Base(input))+p.Ext)
	case input == standard:
		return standard
	case upload.IsURL(input): // objects have no folder here
		return stem(path.Base(input)) + p.Ext
	}
	folder, base := filepath.Split(input)
	return folder + stem(base) + p.Ext
}

// collisions refuses two inputs of one name, two outputs of one name, and an output
// that is an input.
func (p outputPlan) collisions(jobs []job) error {
	if err := p.twice(jobs); err != nil {
		return err
	}
	outputs := map[string]string{}
	for _, j := range jobs {
		key := p.key(j.output)
		if other, ok := outputs[key]; ok {
			return hintf(usagef("%s and %s would both be written to %s", other, j.input, j.output),
				"convert them one by one, with -o FILE")
		}
		outputs[key] = j.input
	}
	for _, j := range jobs {
		if by, ok := outputs[p.key(j.input)]; ok && j.input != standard {
			return usagef("the output of %s would be written over the input %s", by, j.input)
		}
	}
	return nil
}

// twice refuses an input that is named twice.
func (p outputPlan) twice(jobs []job) error {
	seen := map[string]bool{}
	for _, j := range jobs {
		key := p.key(j.input)
		if seen[key] {
			return usagef("%s is given twice", j.input)
		}
		seen[key] = true
	}
	return nil
}

// key is the same for all spellings of a path.
func (p outputPlan) key(name string) string {
	if name == standard || upload.IsURL(name) {
		return name
	}
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	if p.FoldCase {
		name = strings.ToLower(name)
	}
	return name
}

// stem is the name of a capture without what says how it is packed. What Memray adds
// for a forked process is kept: forks.bin.1923.zst gives forks.1923.
func stem(name string) string {
	for {
		ext := filepath.Ext(name)
		if !slices.Contains([]string{".zst", ".gz", ".lz4"}, ext) || name == ext {
			break
		}
		name = strings.TrimSuffix(name, ext)
	}
	capture, fork := name, filepath.Ext(name)
	if isNumber(strings.TrimPrefix(fork, ".")) {
		capture = strings.TrimSuffix(name, fork)
	} else {
		fork = ""
	}
	if short := strings.TrimSuffix(capture, ".bin"); short != "" {
		capture = short
	}
	return capture + fork
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// checkInputs refuses an output that is an input by another name, as through a link.
func checkInputs(jobs []job) error {
	for _, out := range jobs {
		written, err := os.Stat(out.output)
		if err != nil || out.output == standard || !written.Mode().IsRegular() {
			continue // what cannot be looked at cannot be written either, which is for its own turn to tell
		}
		for _, in := range jobs {
			if read, err := os.Stat(in.input); err == nil && os.SameFile(written, read) {
				return usagef("the output of %s would be written over the input %s", out.input, in.input)
			}
		}
	}
	return nil
}

// isFolder reports whether -o names a folder: because there is one, because it ends in
// a slash, or because there are several inputs.
func isFolder(output string, several bool) (bool, error) {
	if output == "" || output == standard {
		return false, nil
	}
	info, err := os.Stat(output)
	switch {
	case err == nil && info.IsDir():
		return true, nil
	case err == nil && several:
		return false, hintf(usagef("-o %s is no folder, and there are several inputs", output), "--merge makes one output of them")
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return false, inFile(output, err)
	}
	return several || os.IsPathSeparator(output[len(output)-1]), nil
}
