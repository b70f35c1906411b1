package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// logger gives the log that packages get: warnings and worse, as messages on standard error.
func (a *app) logger() *slog.Logger {
	return slog.New(&messageHandler{app: a, least: slog.LevelWarn})
}

// A messageHandler prints records as FILE: MESSAGE: ERROR (KEY VALUE, ...).
type messageHandler struct {
	app   *app
	least slog.Level
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h *messageHandler) Enabled(_ context.Context, l slog.Level) bool {
	if h.app.quiet {
		return l >= slog.LevelError
	}
	return l >= h.least
}

// Handle implements slog.Handler.
func (h *messageHandler) Handle(_ context.Context, r slog.Record) error {
	before, after, rest := "", "", []string(nil)
	each := func(a slog.Attr) bool {
		switch a.Key {
		case "file", "folder", "key":
			before = a.Value.String() + ": "
		case "error":
			after = ": " + a.Value.String()
		default:
			rest = append(rest, fmt.Sprintf("%s %s", a.Key, a.Value))
		}
		return true
	}
	for _, a := range h.attrs {
		each(a)
	}
	r.Attrs(each)
	text := before + r.Message + after
	if len(rest) > 0 {
		text += " (" + strings.Join(rest, ", ") + ")"
	}
	h.app.message("%s", text)
	return nil
}

// WithAttrs implements slog.Handler.
func (h *messageHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &messageHandler{h.app, h.least, append(slices.Clip(h.attrs), attrs...)}
}

// WithGroup implements slog.Handler; groups are not shown.
func (h *messageHandler) WithGroup(string) slog.Handler { return h }
