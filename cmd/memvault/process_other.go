//go:build !unix

package main

// processExists is asked only where processes were seen to hold a file, which is on Linux.
func processExists(int) bool { return true }
