//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

// tty needs the pseudo-terminals of Linux; scripts ask for them with [linux].
func tty(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("tty is there only on Linux: write [linux] before it")
}
