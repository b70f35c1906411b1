package main

import (
	"github.com/spf13/cobra"
)

const completionExample = `  source <(memvault completion bash)
  memvault completion zsh > "${fpath[1]}/_memvault"
  memvault completion fish > ~/.config/fish/completions/memvault.fish
  memvault completion powershell | Out-String | Invoke-Expression`

func newCompletion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Print a script that completes commands and flags in a shell",
		Long:      "completion prints a script that makes SHELL complete memvault's commands, flags and\ntheir values. SHELL is bash, zsh, fish or powershell.",
		Example:   completionExample,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("completion needs one SHELL: bash, zsh, fish or powershell")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return usagef("completion for %q: want bash, zsh, fish or powershell", args[0])
		},
	}
}
