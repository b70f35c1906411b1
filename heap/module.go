package heap

import (
	"path"
	"strings"

	"github.com/memvault/memvault/codec"
)

// Place is the kind of place that a source file belongs to.
type Place uint8

// The places.
const (
	// PlaceUnknown: nothing in the name tells; also <string> and other made-up names.
	PlaceUnknown Place = iota
	// PlaceStdlib: the standard library, below lib/pythonX.Y.
	PlaceStdlib
	// PlaceSitePackages: an installed distribution.
	PlaceSitePackages
	// PlaceProject: below another entry of sys.path (header 13 on).
	PlaceProject
	// PlaceFrozen: compiled into the interpreter, as <frozen importlib._bootstrap> is.
	PlaceFrozen
)

var placeNames = [...]string{"unknown", "stdlib", "site-packages", "project", "frozen"}

// String gives the place in Memray's words, for example "site-packages".
func (p Place) String() string {
	if int(p) >= len(placeNames) {
		return placeNames[PlaceUnknown]
	}
	return placeNames[p]
}

// Module is what the name of a source file tells about the Python module in it.
type Module struct {
	// Name is the dotted name, for example "airflow.models.dag"; a package has the
	// name it is imported by, without __init__. Empty when the file has no name.
	Name string
	// Top is the package that Name begins with, for example "airflow".
	Top string
	// Place is where the file lies.
	Place Place
}

// Qualified gives the name of a function of the module, for example
// "airflow.models.dag.<module>", or "<unknown>" when neither has a name.
func (m Module) Qualified(function string) string {
	switch {
	case m.Name == "" && function == "":
		return "<unknown>"
	case m.Name == "":
		return function
	case function == "":
		return m.Name + ".<unknown>"
	}
	return m.Name + "." + function
}

// Modules names the modules of a capture's source files. It remembers what it
// found, so it is for one goroutine at a time.
type Modules struct {
	header                 *codec.Header
	site, libDest, sysPath []string // folders, each with a slash behind it
	known, memray          map[string]Module
}

// NewModules takes the folders of the traced interpreter from h; headers before 13 have none.
func NewModules(h *codec.Header) *Modules {
	m := &Modules{
		header: h,
		site:   folders(h.SitePackages), sysPath: folders(h.SysPath),
		known: map[string]Module{}, memray: map[string]Module{},
	}
	if h.LibDest != "" {
		m.libDest = folders([]string{h.LibDest})
	}
	return m
}

// Of tells the module that file holds. The folders of the header count as much as
// what a name shows by itself (site-packages, dist-packages, lib/pythonX.Y, an egg,
// pythonXY.zip): the longest of all is where the dotted name begins, so a venv
// that is not in the header, or one below another folder of sys.path, reads as it
// is imported. A file that is below none is named by its last part alone. Names
// in angle brackets stay as they are, but for those of frozen modules.
func (m *Modules) Of(file string) Module {
	mod, ok := m.known[file]
	if !ok {
		mod = m.resolve(file)
		m.known[file] = mod
	}
	return mod
}

func (m *Modules) resolve(file string) Module {
	if name, ok := strings.CutPrefix(file, "<frozen "); ok {
		return named(strings.TrimSuffix(name, ">"), PlaceFrozen)
	}
	if file == "" || file[0] == '<' {
		return Module{Name: file, Top: file}
	}
	p := slashed(file)
	base, place := m.place(p)
	if n := longest(p, m.sysPath); n > 0 {
		base = max(base, n)
		if place == PlaceUnknown {
			place = PlaceProject
		}
	}
	if place == PlaceUnknown {
		return named(bareName(p), place)
	}
	return named(dotted(p[base:]), place)
}

// place finds the innermost of the folders that hold modules, other than those of
// sys.path: those mix all kinds, so they say where a name begins but not what the place is.
func (m *Modules) place(p string) (base int, place Place) {
	base, place = marked(p)
	if n := longest(p, m.libDest); n > base {
		base, place = n, PlaceStdlib
	}
	if n := longest(p, m.site); n > 0 && n >= base {
		base, place = n, PlaceSitePackages
	}
	return base, place
}

// marked gives the end of the last folder of p that shows by its own name what it holds.
func marked(p string) (base int, place Place) {
	parent := ""
	for start := 0; ; {
		n := strings.IndexByte(p[start:], '/')
		if n < 0 {
			return base, place
		}
		name := p[start : start+n]
		start += n + 1
		switch {
		case name == "site-packages", name == "dist-packages", strings.HasSuffix(name, ".egg"):
			base, place = start, PlaceSitePackages
		case isStdlib(parent, name):
			base, place = start, PlaceStdlib
		}
		parent = name
	}
}

// isStdlib knows lib/python3.12, lib64/python3.12, lib/python3.13t and python312.zip.
func isStdlib(parent, name string) bool {
	version, ok := strings.CutPrefix(name, "python")
	if !ok {
		return false
	}
	if digits, ok := strings.CutSuffix(version, ".zip"); ok {
		return digits != "" && strings.Trim(digits, "0123456789") == ""
	}
	major, minor, ok := strings.Cut(version, ".")
	if !ok || major == "" || strings.Trim(major, "0123456789") != "" {
		return false
	}
	abi := strings.TrimLeft(minor, "0123456789")
	return (parent == "lib" || parent == "lib64") && abi != minor && len(abi) <= 2
}

// longest gives the length of the longest of prefixes that p goes on behind, or 0.
func longest(p string, prefixes []string) int {
	n := 0
	for _, prefix := range prefixes {
		if len(prefix) > n && len(prefix) < len(p) && strings.HasPrefix(p, prefix) {
			n = len(prefix)
		}
	}
	return n
}

// dotted turns "airflow/models/dag.py" into a module's name.
func dotted(rel string) string {
	rel = bare(rel)
	if pkg, ok := strings.CutSuffix(rel, "/__init__"); ok {
		rel = pkg
	}
	return strings.ReplaceAll(rel, "/", ".")
}

// bareName names a module of which only the file is known. The last part of a
// package's file would be __init__ for all of them, so it is the folder's name.
func bareName(p string) string {
	name := bare(path.Base(p))
	if dir := path.Base(path.Dir(p)); name == "__init__" && dir != "." && dir != "/" {
		return dir
	}
	return name
}

// bare drops the ending of a source file, if anything is left then.
func bare(p string) string {
	for _, ext := range [...]string{".py", ".pyx", ".pyw", ".pyc"} {
		if cut, ok := strings.CutSuffix(p, ext); ok && cut != "" && !strings.HasSuffix(cut, "/") {
			return cut
		}
	}
	return p
}

func named(name string, place Place) Module {
	top, _, _ := strings.Cut(name, ".")
	return Module{Name: name, Top: top, Place: place}
}

// slashed gives p in its shortest form. Code that was compiled on Windows names its
// files with backslashes, which elsewhere are part of a name.
func slashed(p string) string {
	drive := len(p) > 2 && p[1] == ':' && (p[2] == '\\' || p[2] == '/')
	if drive || !strings.Contains(p, "/") {
		p = strings.ReplaceAll(p, `\`, "/")
	}
	return path.Clean(p)
}

// folders gives each folder as the beginning of the files below it, in the UTF-8 that
// the files of a Profile are in.
func folders(ps []string) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		p = slashed(strings.ToValidUTF8(p, "\uFFFD"))
		out[i] = strings.TrimSuffix(p, "/") + "/"
	}
	return out
}
