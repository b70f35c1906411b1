package heap

import "strings"

// Memray tells the module that file holds by the rules of Memray 1.20.0's statistics
// (reporters/module_tools.py; facts: section 10.4). They differ from those of Of:
//
//   - the first folder that fits counts, not the longest: site_packages in the
//     header's order, then libdest, then sys.path in its order;
//   - the name of a file shows nothing by itself, so captures before header 13 have
//     no place but PlaceUnknown and, for frozen modules, PlaceStdlib;
//   - a package's file that is below no folder has an empty name, and a file
//     without a name is called "unknown";
//   - endings other than .py stay, and so do parts like "..".
func (m *Modules) Memray(file string) Module {
	mod, ok := m.memray[file]
	if !ok {
		mod = m.likeMemray(file)
		m.memray[file] = mod
	}
	return mod
}

func (m *Modules) likeMemray(file string) Module {
	if file == "" {
		return named("unknown", PlaceUnknown)
	}
	if name, ok := strings.CutPrefix(file, "<frozen "); ok {
		return named(name[:max(len(name)-1, 0)], PlaceStdlib)
	}
	parts := pathParts(file)
	for _, dir := range m.header.SitePackages {
		if rel, ok := below(parts, dir); ok {
			return named(partsName(rel), PlaceSitePackages)
		}
	}
	if m.header.LibDest != "" {
		if rel, ok := below(parts, m.header.LibDest); ok {
			return named(partsName(rel), PlaceStdlib)
		}
	}
	for _, dir := range m.header.SysPath {
		if rel, ok := below(parts, dir); ok {
			return named(partsName(rel), PlaceProject)
		}
	}
	if strings.Trim(parts[len(parts)-1], "/") == "" {
		return named("", PlaceUnknown)
	}
	return named(partsName(parts[len(parts)-1:]), PlaceUnknown)
}

// pathParts splits as Python's pathlib does: the root ("/", "//" or "") comes first,
// parts that are empty or "." are dropped.
func pathParts(p string) []string {
	rest := strings.TrimLeft(p, "/")
	root := p[:len(p)-len(rest)]
	if len(root) > 2 {
		root = "/"
	}
	parts := []string{root}
	for part := range strings.SplitSeq(rest, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts
}

func below(parts []string, dir string) (rel []string, ok bool) {
	base := pathParts(dir)
	if len(base) > len(parts) {
		return nil, false
	}
	for i, part := range base {
		if parts[i] != part {
			return nil, false
		}
	}
	return parts[len(base):], true
}

func partsName(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	dir, last := parts[:len(parts)-1], parts[len(parts)-1]
	if last == "__init__.py" {
		return strings.Join(dir, ".")
	}
	if stem, ok := strings.CutSuffix(last, ".py"); ok && stem != "" {
		last = stem
	}
	return strings.Join(append(dir[:len(dir):len(dir)], last), ".")
}
