package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestJobs(t *testing.T) {
	const ext = ".pb.gz"
	tests := []struct {
		name string
		plan outputPlan
		want []string // outputs, in the order of the inputs
		err  string   // part of the message
	}{
		{"beside", outputPlan{Inputs: []string{"a/scheduler_memory.bin"}}, []string{"a/scheduler_memory.pb.gz"}, ""},
		{"this folder", outputPlan{Inputs: []string{"./x.bin"}}, []string{"./x.pb.gz"}, ""},
		{"packed", outputPlan{Inputs: []string{"x.bin.zst", "y.bin.lz4", "z.bin.gz"}}, []string{"x.pb.gz", "y.pb.gz", "z.pb.gz"}, ""},
		{"packed twice", outputPlan{Inputs: []string{"x.bin.lz4.zst"}}, []string{"x.pb.gz"}, ""},
		{"fork", outputPlan{Inputs: []string{"forks.bin.1923"}}, []string{"forks.1923.pb.gz"}, ""},
		{"packed fork", outputPlan{Inputs: []string{"forks.bin.1923.zst"}}, []string{"forks.1923.pb.gz"}, ""},
		{"fork and parent", outputPlan{Inputs: []string{"forks.bin", "forks.bin.1923"}}, []string{"forks.pb.gz", "forks.1923.pb.gz"}, ""},
		{"no .bin", outputPlan{Inputs: []string{"capture"}}, []string{"capture.pb.gz"}, ""},
		{"other ending", outputPlan{Inputs: []string{"x.memray"}}, []string{"x.memray.pb.gz"}, ""},
		{"only one .bin", outputPlan{Inputs: []string{"x.bin.bin"}}, []string{"x.bin.pb.gz"}, ""},
		{"nothing but endings", outputPlan{Inputs: []string{".bin", ".gz"}}, []string{".bin.pb.gz", ".gz.pb.gz"}, ""},
		{"number alone", outputPlan{Inputs: []string{"1923"}}, []string{"1923.pb.gz"}, ""},
		{"standard input", outputPlan{Inputs: []string{"-"}}, []string{"-"}, ""},
		{"standard input to a file", outputPlan{Inputs: []string{"-"}, Output: "o"}, []string{"o"}, ""},
		{"to a file", outputPlan{Inputs: []string{"x.bin"}, Output: "out.gz"}, []string{"out.gz"}, ""},
		{"to standard output", outputPlan{Inputs: []string{"x.bin"}, Output: "-"}, []string{"-"}, ""},
		{"to a folder", outputPlan{Inputs: []string{"a/x.bin", "y.bin", "-"}, Output: "d", Folder: true}, []string{"d/x.pb.gz", "d/y.pb.gz", "d/stdin.pb.gz"}, ""},
		{"several to standard output", outputPlan{Inputs: []string{"x.bin", "y.bin"}, Output: "-"}, nil, "-o - holds one output, not 2"},
		{"two of one name", outputPlan{Inputs: []string{"a/x.bin", "b/x.bin"}, Output: "d", Folder: true}, nil, "a/x.bin and b/x.bin would both be written to d/x.pb.gz"},
		{"two forms of one", outputPlan{Inputs: []string{"x.bin", "x.bin.zst"}}, nil, "x.bin and x.bin.zst would both be written to x.pb.gz"},
		{"same but for case", outputPlan{Inputs: []string{"a/x.bin", "b/X.bin"}, Output: "d", Folder: true, FoldCase: true}, nil, "would both be written"},
		{"case matters", outputPlan{Inputs: []string{"a/x.bin", "b/X.bin"}, Output: "d", Folder: true}, []string{"d/x.pb.gz", "d/X.pb.gz"}, ""},
		{"given twice", outputPlan{Inputs: []string{"x.bin", "./x.bin"}}, nil, "x.bin is given twice"},
		{"standard input twice", outputPlan{Inputs: []string{"-", "-"}}, nil, "- is given twice"},
		{"over the input", outputPlan{Inputs: []string{"x.bin"}, Output: "./x.bin"}, nil, "the output of x.bin would be written over the input x.bin"},
		{"over another input", outputPlan{Inputs: []string{"x.bin", "x.pb.gz"}}, nil, "the output of x.bin would be written over the input x.pb.gz"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.plan.Ext = ext
			jobs, err := tt.plan.jobs()
			if message := errorText(err); tt.err != "" || err != nil {
				if tt.err == "" || !strings.Contains(filepath.ToSlash(message), tt.err) {
					t.Errorf("got error %q, want one with %q", message, tt.err)
				}
				return
			}
			var got []string
			for i, j := range jobs {
				got = append(got, filepath.ToSlash(j.output))
				if j.input != tt.plan.Inputs[i] {
					t.Errorf("input %d: got %q, want %q", i, j.input, tt.plan.Inputs[i])
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("outputs: got %q, want %q", got, tt.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
