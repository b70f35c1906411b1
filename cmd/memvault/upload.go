package main

import (
	"github.com/spf13/cobra"
)

const uploadLong = `upload stores captures where the machine cannot lose them. There is one kind of store,
s3: Amazon's and all that speak its language.`

const uploadExample = `  memvault upload s3 scheduler_memory.bin s3://bucket/captures
  memvault upload s3 --delete-after /captures s3://bucket/captures`

func newUpload(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "upload",
		Short:   "Store captures in object storage, exactly once and proved",
		Long:    uploadLong,
		Example: uploadExample,
		Args:    unknownSubcommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newUploadS3(a))
	return cmd
}
