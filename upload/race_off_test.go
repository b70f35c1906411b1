//go:build !race

package upload

// raced tells that the race detector is on, which takes several times the memory.
const raced = false
