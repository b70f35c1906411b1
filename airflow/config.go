package airflow

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxConfig bounds what is read of a configuration file, in bytes. Airflow's own has 120 kB.
const maxConfig = 16 << 20

// The options in the section [profiling], and the environment variables that win over them. Airflow
// runs no command and asks no secrets backend for these two: their _CMD and _SECRET do nothing.
const (
	section       = "profiling"
	keyComponents = "memray_trace_components"
	keyDetailed   = "memray_detailed_tracing"
	envPrefix     = "AIRFLOW__PROFILING__"
)

// settings is what the configuration says of tracing.
type settings struct {
	file string
	read bool
	// components is the list as written, and source where.
	components, source string
	detailed           bool
}

// readSettings reads Airflow's configuration as Airflow does: the environment, then the file.
func readSettings(home string, lookup func(string) (string, bool)) (settings, error) {
	s := settings{file: filepath.Join(home, "airflow.cfg")}
	if name, ok := lookup("AIRFLOW_CONFIG"); ok {
		s.file = expand(name, lookup)
	}
	values, err := readSection(s.file)
	s.read = err == nil
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	get := func(key string) (value, source string) {
		env := envPrefix + strings.ToUpper(key)
		if v, ok := lookup(env); ok {
			return expand(v, lookup), env
		}
		if v, ok := values[key]; ok {
			return expand(v, lookup), s.file
		}
		return "", ""
	}
	s.components, s.source = get(keyComponents)
	detailed, _ := get(keyDetailed)
	detailed, _, _ = strings.Cut(strings.ToLower(detailed), "#")
	s.detailed = slices.Contains([]string{"t", "true", "1"}, strings.TrimSpace(detailed))
	return s, err
}

// traced gives the components that are traced, and the names that are none: Airflow passes
// over those with a warning.
func (s settings) traced() (known, unknown []string) {
	for name := range strings.SplitSeq(s.components, ",") {
		switch name = strings.TrimSpace(name); {
		case slices.Contains(Components, name):
			known = append(known, name)
		case name != "":
			unknown = append(unknown, name)
		}
	}
	return known, unknown
}

// readSection reads the values of the section from a file.
func readSection(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	values, err := parseSection(io.LimitReader(f, maxConfig))
	return values, errors.Join(err, f.Close())
}

// parseSection reads the values of the section as Python's configparser does: a line that is
// indented goes on with the value before, comments have lines of their own, and the last of two
// values counts, where Python would refuse both.
func parseSection(r io.Reader) (map[string]string, error) {
	values := map[string]string{}
	inside, key := false, ""
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxConfig)
	for lines.Scan() {
		line := lines.Text()
		text := strings.TrimSpace(line)
		switch {
		case text == "" || text[0] == '#' || text[0] == ';':
		case text[0] == '[' && line[0] == '[':
			inside, key = strings.HasPrefix(text, "["+section+"]"), ""
		case !inside:
		case line[0] == ' ' || line[0] == '\t':
			if key != "" {
				values[key] = strings.TrimSpace(values[key] + "\n" + text)
			}
		default:
			var value string
			key, value = option(text)
			values[key] = value
		}
	}
	return values, lines.Err()
}

// option takes a line apart at the first = or :. A percent sign is written twice.
func option(line string) (key, value string) {
	i := strings.IndexAny(line, "=:")
	if i < 0 {
		return strings.ToLower(line), ""
	}
	value = strings.ReplaceAll(strings.TrimSpace(line[i+1:]), "%%", "%")
	return strings.ToLower(strings.TrimSpace(line[:i])), value
}
