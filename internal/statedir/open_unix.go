//go:build unix

package statedir

import "syscall"

// openNoFollow refuses symbolic links: somebody else may have put them there. Nor does
// it wait for the other end of a pipe.
const openNoFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
