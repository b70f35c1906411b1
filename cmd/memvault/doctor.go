package main

import "github.com/spf13/cobra"

const doctorLong = `doctor looks at what memvault works with, and says what is wrong there and what to do
about it. It changes nothing.

Exit codes: 0 nothing found, 1 it could not look, 2 wrong command line, 5 findings.`

const doctorExample = `  memvault doctor airflow
  memvault doctor airflow --json /opt/airflow
  memvault doctor s3 s3://captures/production`

// newDoctor makes the parent of the commands that look at one thing each.
func newDoctor(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Say what is wrong with Airflow's tracing, or with a store",
		Long:    doctorLong,
		Example: doctorExample,
		Args:    unknownSubcommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDoctorAirflow(a), newDoctorS3(a))
	return cmd
}

// unknownSubcommand refuses arguments of a command that only has others below it.
func unknownSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return hintf(usagef("unknown command %q for %q", args[0], cmd.CommandPath()), "%s --help lists the commands", cmd.CommandPath())
}
