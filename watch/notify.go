package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"time"
)

// notifyTimeout bounds a notification, so that a dead receiver does not hold up the next.
const notifyTimeout = 30 * time.Second

// Webhook sends each event as JSON to a URL, by POST, and tries a second time. The URL may hold a
// secret: errors name its host alone.
func Webhook(address string) (func(context.Context, Event) error, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("want an http or https URL") // the error of Parse holds the URL
	}
	client := &http.Client{Timeout: notifyTimeout}
	return func(ctx context.Context, e Event) error {
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		for attempt := range 2 {
			if attempt > 0 {
				time.Sleep(time.Second)
			}
			if err = post(ctx, client, address, body); err == nil {
				return nil
			}
		}
		return fmt.Errorf("webhook at %s: %w", u.Host, err)
	}, nil
}

func post(ctx context.Context, client *http.Client, address string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("not a URL to post to")
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err // without the URL
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// Read to its end, within limits, the connection can be used again.
	_, _ = io.CopyN(io.Discard, response.Body, 1<<16)
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

// OnPressure runs a command, without a shell, when the level of a folder changes or there is no room:
// the event is on its standard input as JSON, and in MEMVAULT_EVENT, MEMVAULT_PATH and MEMVAULT_LEVEL.
func OnPressure(command []string) func(context.Context, Event) error {
	return func(ctx context.Context, e Event) error {
		if e.What != LevelChanged && e.What != NoRoom {
			return nil
		}
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
		defer cancel()
		c := exec.CommandContext(ctx, command[0], command[1:]...)
		c.WaitDelay = time.Second // for what it left behind with its output open
		c.Stdin = bytes.NewReader(body)
		c.Env = append(os.Environ(), "MEMVAULT_EVENT="+string(e.What), "MEMVAULT_PATH="+e.Path, "MEMVAULT_LEVEL="+e.Level)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %q", command[0], err, out[:min(len(out), 1000)])
		}
		return nil
	}
}
