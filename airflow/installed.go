package airflow

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// installed is what stands beside the airflow command.
type installed struct{ airflow, memray, packages string }

// findInstalled looks for the airflow command in PATH and reads the versions in the names
// of the packages beside it. It runs nothing.
func findInstalled(lookup func(string) (string, bool)) installed {
	path, _ := lookup("PATH")
	for _, dir := range filepath.SplitList(path) {
		info, err := os.Stat(filepath.Join(dir, "airflow"))
		if dir == "" || err != nil || !info.Mode().IsRegular() {
			continue
		}
		if dir, err = filepath.EvalSymlinks(dir); err != nil {
			continue
		}
		folders, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "lib*", "python3*", "site-packages"))
		for _, packages := range folders {
			i := installed{packages: packages}
			i.airflow = versionOf(packages, "apache_airflow_core")
			if i.airflow == "" { // before 3.0 there was one package
				i.airflow = versionOf(packages, "apache_airflow")
			}
			if i.airflow != "" {
				i.memray = versionOf(packages, "memray")
				return i
			}
		}
	}
	return installed{}
}

// versionOf gives the version of a package, or "".
func versionOf(packages, name string) string {
	folders, _ := filepath.Glob(filepath.Join(packages, name+"-*.dist-info"))
	if len(folders) == 0 {
		return ""
	}
	version := strings.TrimPrefix(filepath.Base(folders[0]), name+"-")
	return strings.TrimSuffix(version, ".dist-info")
}

// before reports whether the version a is older than b. Of what is not a number it knows nothing.
func before(a, b string) bool {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		i, err := strconv.Atoi(x)
		j, err2 := strconv.Atoi(y)
		if err != nil || err2 != nil || i > j {
			return false
		}
		if i < j {
			return true
		}
	}
	return false
}
