// Package arrows holds no code: its test keeps the direction of the imports, and
// keeps packages below cmd from printing.
package arrows

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/memvault/memvault"
)

// allowed says for each folder, with all below it, which folders of ours its code may
// import; the longest folder that fits counts. Each may import what is below itself.
// Tests are free.
//
//	     cmd, bench
//	    ┌─────┼─────────┐
//	convert/* │      report
//	    └─────┴────┬────┘
//	              heap
//	              codec
//	         codec/linetable
var allowed = map[string][]string{
	"cmd":               {"airflow", "archive", "codec", "codec/codectest", "convert", "heap", "internal", "report", "retention", "upload", "watch"},
	"bench":             {"codec", "codec/codectest", "convert", "heap", "internal", "report", "retention"},
	"convert":           {"codec", "convert/internal", "heap", "internal"},
	"convert/internal":  {"codec", "heap", "internal"},
	"watch":             {"retention"},
	"report":            {"codec", "heap", "internal"},
	"archive":           {"codec", "heap", "internal"},
	"upload":            {"archive", "codec", "internal"},
	"heap":              {"codec", "codec/linetable", "internal"},
	"codec":             {"codec/linetable"},
	"codec/codectest":   {"codec", "codec/linetable"},
	"codec/linetable":   {},
	"retention":         {"codec", "internal"},
	"airflow":           {"codec", "internal"},
	"internal":          {},
	"internal/inuse":    {"codec", "internal"},
	"internal/removal":  {"codec", "internal"},
	"internal/schedule": {"internal"},
	"internal/statedir": {"internal"},
	// What only tests use may reach up.
	"internal/memraytest": {"codec", "codec/codectest", "convert", "heap", "internal"},
}

// prints lists what writes to the terminal behind the caller's back, by package.
var prints = map[string][]string{
	"fmt": {"Print", "Printf", "Println"},
	"os":  {"Stdout", "Stderr"},
	"log": {"Print", "Printf", "Println", "Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln", "Default"},
}

func TestArrows(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		files++
		for _, v := range violations(filepath.ToSlash(rel), src) {
			t.Error(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("looked at %d files, want at least 10: is %s still the root?", files, root)
	}
}

func TestViolations(t *testing.T) {
	tests := []struct{ name, file, src, want string }{
		{"down", "heap/a.go", `import "github.com/memvault/memvault/codec"`, ""},
		{"own folder", "convert/pprof/a.go", `import "github.com/memvault/memvault/convert/pprof/x"`, ""},
		{"up", "codec/a.go", `import "github.com/memvault/memvault/heap"`, "codec/a.go:2: codec must not import heap"},
		{"sideways", "heap/a.go", `import "github.com/memvault/memvault/convert/pprof"`, "heap/a.go:2: heap must not import convert/pprof"},
		{"test support", "heap/a.go", `import "github.com/memvault/memvault/codec/codectest"`, "heap/a.go:2: heap must not import codec/codectest"},
		{"test support below", "codec/a.go", `import "github.com/memvault/memvault/codec/codectest"`, "codec/a.go:2: codec must not import codec/codectest"},
		{"new folder", "nowhere/a.go", ``, "nowhere/a.go:1: folder nowhere has no row in allowed"},
		{"prints", "heap/a.go", "import \"fmt\"\nfunc f() { fmt.Println(1) }", "heap/a.go:3: fmt.Println prints; only cmd does"},
		{"prints renamed", "heap/a.go", "import o \"os\"\nvar w = o.Stderr", "heap/a.go:3: os.Stderr prints; only cmd does"},
		{"builtin", "heap/a.go", "func f() { println(1) }", "heap/a.go:2: println prints; only cmd does"},
		{"formats", "heap/a.go", "import \"fmt\"\nvar s = fmt.Sprint(1)", ""},
		{"command prints", "cmd/memvault/a.go", "import \"fmt\"\nfunc f() { fmt.Println(1) }", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(violations(tt.file, []byte("package p\n"+tt.src)), "\n")
			if got != tt.want {
				t.Errorf("violations(%s, %q)\n got %q\nwant %q", tt.file, tt.src, got, tt.want)
			}
		})
	}
}

func skipped(dir string) bool {
	return dir == "testdata" || dir == "tools" || dir != ".." && strings.HasPrefix(dir, ".")
}

// A source is a parsed file, with what was found wrong in it.
type source struct {
	folder, row string
	fset        *token.FileSet
	file        *ast.File
	found       []string
}

// violations names the lines of the file (a path below the root) that break the rules.
func violations(file string, src []byte) []string {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	folder := path.Dir(file)
	s := &source{folder: folder, row: rowOf(folder), fset: fset, file: f}
	if s.row == "" {
		s.say(f.Package, "folder %s has no row in allowed", folder)
		return s.found
	}
	s.checkImports()
	if s.row != "cmd" && s.row != "bench" {
		s.checkPrints()
	}
	return s.found
}

func (s *source) say(pos token.Pos, format string, args ...any) {
	p := s.fset.Position(pos)
	s.found = append(s.found, fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...)))
}

func (s *source) checkImports() {
	for _, spec := range s.file.Imports {
		ours, ok := strings.CutPrefix(importPath(spec), module+"/")
		own := below(ours, s.folder) && rowOf(ours) == s.row
		if ok && !own && !mayImport(s.row, ours) {
			s.say(spec.Pos(), "%s must not import %s", s.folder, ours)
		}
	}
}

func (s *source) checkPrints() {
	names := map[string]string{} // local name of an import -> its path
	for _, spec := range s.file.Imports {
		local := path.Base(importPath(spec))
		if spec.Name != nil {
			local = spec.Name.Name
		}
		names[local] = importPath(spec)
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if what := printed(n, names); what != "" {
			s.say(n.Pos(), "%s prints; only cmd does", what)
		}
		return true
	})
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser has checked it
	}
	return p
}

// printed names what n prints with, or is empty.
func printed(n ast.Node, names map[string]string) string {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); ok && slices.Contains(prints[names[x.Name]], n.Sel.Name) {
			return names[x.Name] + "." + n.Sel.Name
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "print" || f.Name == "println") {
			return f.Name
		}
	}
	return ""
}

// rowOf gives the longest folder in allowed that holds folder.
func rowOf(folder string) string {
	for ; folder != "."; folder = path.Dir(folder) {
		if _, ok := allowed[folder]; ok {
			return folder
		}
	}
	return ""
}

// mayImport: "internal" allows all of it, also what has rows of its own for what it imports itself.
func mayImport(row, ours string) bool {
	return slices.Contains(allowed[row], rowOf(ours)) || below(ours, "internal") && slices.Contains(allowed[row], "internal")
}

func below(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}
