package main

import "github.com/spf13/cobra"

// newHelp is cobra's help command, but that a misspelt command is an error. It is hidden
// because each command has --help.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Explain a command",
		Long:    "help explains a command, as its flag --help does.",
		Example: "  memvault help convert",
		Hidden:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := cmd.Root().Find(args)
			if err != nil {
				return &usageError{err}
			}
			if len(rest) > 0 {
				return unknownCommand(topic, rest)
			}
			return topic.Help()
		},
	}
}
