package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const healthLong = `health asks a memvault watch on this machine whether it still does its rounds, for images
without a shell. It asks the address that watch serves, --listen.

Exit codes: 0 it does, 1 it does not, or does not answer.`

const healthExample = `  memvault health
  memvault health --listen :9560`

func newHealth(a *app) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:     "health",
		Short:   "Ask memvault watch whether it is well",
		Long:    healthLong,
		Example: healthExample,
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.health(cmd.Context(), listen)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "the address that watch was given")
	return cmd
}

func (a *app) health(ctx context.Context, listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return usagef("--listen: %w", err)
	}
	// By number: an empty image knows no localhost.
	if ip := net.ParseIP(host); host == "" || ip.Equal(net.IPv4zero) {
		host = "127.0.0.1"
	} else if ip.Equal(net.IPv6unspecified) {
		host = "::1"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return usagef("--listen: %w", err)
	}
	// A proxy has no business on this machine.
	client := &http.Client{Transport: &http.Transport{}}
	response, err := client.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return hintf(fmt.Errorf("watch does not answer: %w", err), "memvault watch --listen %s serves it", listen)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1000))
	if err != nil {
		return fmt.Errorf("watch answers in part: %w", err)
	}
	said := strings.TrimSpace(string(text))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("watch is not well: %s: %s", response.Status, said)
	}
	if !a.quiet {
		fmt.Fprintln(a.out, printable(said))
	}
	return nil
}
