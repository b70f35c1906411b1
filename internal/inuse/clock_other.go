//go:build !linux

package inuse

// bootClock is unknown.
func bootClock() moment { return moment{} }
