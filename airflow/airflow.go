// Package airflow knows how Apache Airflow traces itself with Memray: which files it
// writes, why it does not start when one of them is left over, and how to get them out of the
// way. Airflow 3.2.0 to 3.3.2 exits at start when the last run's capture still has its name.
package airflow

import (
	"os"
	"path/filepath"
	"strings"
)

// Components are those that Airflow can trace, by the names in its configuration, which
// begin the names of their captures too. The triggerer came after the others.
var Components = []string{"scheduler", "dag_processor", "api", "triggerer"}

// Home is the folder that Airflow writes captures to: $AIRFLOW_HOME, else ~/airflow.
func Home() string { return HomeIn(os.LookupEnv) }

// HomeIn is Home in the environment that lookup gives. As in Airflow, variables and ~ are
// expanded, the former until nothing changes.
func HomeIn(lookup func(string) (string, bool)) string {
	home, ok := lookup("AIRFLOW_HOME")
	if !ok {
		home = "~/airflow"
	}
	return expand(home, lookup)
}

// maxExpanded bounds what variables are expanded to, in bytes.
const maxExpanded = 1 << 16

// expand does what Airflow's expand_env_var does, but for ~user. A variable that is not
// set stays as it is written; where Airflow would never end, the last text counts.
func expand(s string, lookup func(string) (string, bool)) string {
	const rounds = 8
	for range rounds {
		next := expandUser(expandVars(s, lookup), lookup)
		if next == s || len(next) > maxExpanded {
			break
		}
		s = next
	}
	return s
}

// expandVars replaces $NAME and ${NAME}.
func expandVars(s string, lookup func(string) (string, bool)) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		whole, name := variable(s[i:])
		value, ok := lookup(name)
		if name == "" || !ok {
			value = whole
		}
		b.WriteString(value)
		s = s[i+len(whole):]
	}
}

// variable takes a variable from the beginning of s, which is a $.
func variable(s string) (whole, name string) {
	if rest, ok := strings.CutPrefix(s, "${"); ok {
		if end := strings.IndexByte(rest, '}'); end >= 0 {
			return s[:end+3], rest[:end]
		}
		return s[:1], ""
	}
	n := 1
	for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return s[:n], s[1:n]
}

// expandUser replaces ~ at the beginning.
func expandUser(s string, lookup func(string) (string, bool)) string {
	rest, ok := strings.CutPrefix(s, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return s
	}
	home, ok := lookup("HOME")
	if !ok || home == "" {
		var err error
		if home, err = os.UserHomeDir(); err != nil {
			return s
		}
	}
	return filepath.Join(home, rest)
}
