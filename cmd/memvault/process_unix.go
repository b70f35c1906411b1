//go:build unix

package main

import (
	"errors"
	"syscall"
)

// processExists reports whether there is a process of that id, of whatever user.
func processExists(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
