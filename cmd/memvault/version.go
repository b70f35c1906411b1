package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/codec"
)

// A versionInfo is what `memvault version` says, in the keys of its JSON.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// MinHeader and MaxHeader are the header versions of captures that are read.
	MinHeader int    `json:"min_header"`
	MaxHeader int    `json:"max_header"`
	Memray    string `json:"memray"`
}

func newVersion(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, and which captures it reads",
		Long:    "version prints the version of memvault, the revision it was built from, and which\ncaptures it reads.",
		Example: "  memvault version\n  memvault version --json",
		Args:    none,
		RunE: func(*cobra.Command, []string) error {
			return a.printVersion(readVersion(debug.ReadBuildInfo()))
		},
	}
	a.addJSON(cmd)
	return cmd
}

// readVersion takes what the linker knows of the build.
func readVersion(build *debug.BuildInfo, ok bool) versionInfo {
	v := versionInfo{
		Version:   "(devel)",
		Go:        runtime.Version(),
		Platform:  runtime.GOOS + "/" + runtime.GOARCH,
		MinHeader: codec.MinVersion,
		MaxHeader: codec.MaxVersion,
		Memray:    memrayReleases(),
	}
	if !ok {
		return v
	}
	if build.Main.Version != "" {
		v.Version = build.Main.Version
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// memrayReleases names the oldest and the newest release whose captures are read.
func memrayReleases() string {
	oldest := codec.Header{Version: codec.MinVersion}
	newest := codec.Header{Version: codec.MaxVersion}
	from, _, _ := strings.Cut(oldest.Releases(), "-")
	to := newest.Releases()
	return from + " to " + to[strings.LastIndex(to, "-")+1:]
}

func (a *app) printVersion(v versionInfo) error {
	if a.json {
		return a.printJSON(v)
	}
	_, err := fmt.Fprintf(a.out, "memvault %s\n", v.Version)
	if err == nil && v.Revision != "" {
		_, err = fmt.Fprintf(a.out, "revision: %s%s, %s\n", v.Revision, modified(v.Modified), v.Time)
	}
	if err == nil {
		_, err = fmt.Fprintf(a.out, "built with: %s for %s\nreads: captures of Memray %s (header versions %d to %d)\n",
			v.Go, v.Platform, v.Memray, v.MinHeader, v.MaxHeader)
	}
	return err
}

func modified(m bool) string {
	if m {
		return " (modified)"
	}
	return ""
}

// moduleVersion is the version that --version prints.
func moduleVersion() string { return readVersion(debug.ReadBuildInfo()).Version }
