package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/archive"
)

// archiveFlags say how captures are stored: those of compress and upload.
type archiveFlags struct {
	codec, level    string
	component, host string
	labels          []string
	redact, noCount bool
}

// redactHelp says what --redact does not do; it belongs in the help of every command that has it.
const redactHelp = `--redact leaves the command line, the name and all paths of the capture out of the
manifest. The capture itself still holds them, and so does its stored form.`

func (r *archiveFlags) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.codec, "codec", string(archive.CodecZstd), "zstd, or none to store the file as it is")
	f.StringVar(&r.level, "level", string(archive.LevelDefault), "default, or better: takes three to six times as long for a few per cent")
	f.StringVar(&r.component, "component", "", "name of what was traced, for the manifest (default: by the file's name)")
	f.StringVar(&r.host, "host", "", "name of the machine, for the manifest (default: its own)")
	f.StringArrayVar(&r.labels, "label", nil, "keep NAME=VALUE in the manifest; may be given several times")
	f.BoolVar(&r.redact, "redact", false, "leave command line, name and paths out of the manifest; the capture still holds them")
	f.BoolVar(&r.noCount, "no-count", false, "leave heap peak, leaks and allocations out of the manifest: takes half the time")
	complete(cmd, "codec", []string{string(archive.CodecZstd), string(archive.CodecNone)})
	complete(cmd, "level", []string{string(archive.LevelDefault), string(archive.LevelBetter)})
}

// options gives what the flags mean, with workers that all files of the run share.
func (r *archiveFlags) options() (archive.Options, error) {
	o := archive.Options{
		Codec: archive.Codec(r.codec), Level: archive.Level(r.level), Component: r.component, Host: r.host,
		Redact: r.redact, NoCount: r.noCount, Version: moduleVersion(), Workers: archive.NewWorkers(),
	}
	switch {
	case o.Codec != archive.CodecZstd && o.Codec != archive.CodecNone:
		return o, usagef("--codec %q: want %s or %s", r.codec, archive.CodecZstd, archive.CodecNone)
	case o.Level != archive.LevelDefault && o.Level != archive.LevelBetter:
		return o, usagef("--level %q: want %s or %s", r.level, archive.LevelDefault, archive.LevelBetter)
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname() // a manifest without it is no worse
	}
	for _, l := range r.labels {
		name, value, ok := strings.Cut(l, "=")
		if !ok {
			return o, usagef("--label %q: want NAME=VALUE", l)
		}
		if o.Labels == nil {
			o.Labels = map[string]string{}
		}
		o.Labels[name] = value
	}
	if err := archive.CheckLabels(o.Labels); err != nil {
		return o, usagef("--label: %w", err)
	}
	return o, nil
}
