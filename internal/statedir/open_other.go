//go:build !unix

package statedir

const openNoFollow = 0
