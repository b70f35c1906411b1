package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `memvault reads the captures of Memray, the memory profiler for Python, of every
release, and turns them into what other tools show. It needs neither Python nor
the program that was traced. It stores captures in object storage, deletes old ones by
a policy, and moves those away that keep Airflow from starting.

FILE may be - for standard input, or s3://BUCKET/KEY, which is read by ranges. Captures
are recognised by their content, also within LZ4, zstd or gzip; the name does not matter.

Each flag can also be set by an environment variable, MEMVAULT_ and its name, as
MEMVAULT_LIKE_MEMRAY=1 for --like-memray; only --force, --yes and --sacrifice cannot. A
flag on the command line wins.

Exit codes:

    0    done
    1    failed
    2    the command line is wrong
    3    done in part: a capture is damaged, or some of the files failed
    4    bytes are not what they should be, or something else has their place
    5    beyond a limit, or findings: diff --fail-over, gc --check, doctor
    75   try again later: a capture is live, a folder locked, a store unreachable
    130  interrupted (143: ended by SIGTERM)`

const rootExample = `  memvault inspect scheduler_memory.bin
  memvault explain scheduler_memory.bin
  memvault report summary -n 20 scheduler_memory.bin
  memvault convert --to pprof scheduler_memory.bin
  memvault upload s3 /opt/airflow s3://bucket/captures
  memvault gc --keep-last 5 --min-free 10% /opt/airflow
  memvault watch --yes --archive s3://bucket/captures /opt/airflow`

// newRoot makes the command line, with all its commands.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "memvault",
		Short:         "Read, convert, keep and clean Memray captures",
		Long:          rootLong,
		Example:       rootExample,
		Version:       moduleVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return bindEnv(cmd, os.LookupEnv)
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetVersionTemplate("memvault {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return hintf(&usageError{err}, "%s --help lists the flags", cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print errors only: no warnings, no progress")
	flags.BoolVar(&a.noProgress, "no-progress", false, "show no progress bar")
	flags.StringVar(&a.state, "state", "", "folder for what memvault remembers (default: $XDG_STATE_HOME/memvault)")
	root.SetHelpCommand(newHelp())
	root.AddCommand(
		newBucket(a),
		newCompress(a),
		newConvert(a),
		newDiff(a),
		newDoctor(a),
		newDump(a),
		newExplain(a),
		newGC(a),
		newHealth(a),
		newInspect(a),
		newReport(a),
		newRestore(a),
		newRotate(a),
		newS3(a),
		newUpload(a),
		newVersion(a),
		newView(a),
		newWatch(a),
		newCompletion(),
	)
	return root
}

// unknownCommand refuses arguments of the root command, which can only be misspelt commands.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := usagef("unknown command %q", args[0])
	cmd.SuggestionsMinimumDistance = 2
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		return hintf(err, "did you mean %s?", strings.Join(names, " or "))
	}
	return hintf(err, "memvault --help lists the commands")
}

// atLeastOne wants a FILE, and exactlyOne no second.
func atLeastOne(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return hintf(usagef("%s needs a FILE", cmd.Name()), "%s", cmd.UseLine())
}

func exactlyOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return hintf(usagef("%s reads one FILE, got %d", cmd.Name(), len(args)), "%s", cmd.UseLine())
	}
	return atLeastOne(cmd, args)
}

// none refuses arguments.
func none(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return hintf(usagef("%s takes no arguments, got %q", cmd.Name(), args[0]), "%s", cmd.UseLine())
}

// addJSON adds the flag of the commands that print facts.
func (a *app) addJSON(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON, one object a line")
}

// neverByEnv holds the flags that must be typed.
var neverByEnv = map[string]bool{"force": true, "yes": true, "sacrifice": true, "help": true, "version": true}

// bindEnv sets each flag of cmd that is not on the command line from its environment
// variable, if that is set and not empty.
func bindEnv(cmd *cobra.Command, lookup func(string) (string, bool)) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := envName(f.Name)
		value, _ := lookup(name)
		if f.Changed || value == "" || neverByEnv[f.Name] || failed != nil {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			failed = usagef("environment variable %s: %w", name, err)
		}
	})
	return failed
}

// envName gives the environment variable of a flag: MEMVAULT_LIKE_MEMRAY for like-memray.
func envName(flag string) string {
	return fmt.Sprintf("MEMVAULT_%s", strings.ToUpper(strings.ReplaceAll(flag, "-", "_")))
}
