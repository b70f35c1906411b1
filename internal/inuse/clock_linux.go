package inuse

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bootClock is the time since boot, which nobody sets; suspended time counts.
func bootClock() moment {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return moment{}
	}
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return moment{}
	}
	return moment{Up: time.Duration(ts.Nano()), Boot: strings.TrimSpace(string(id))}
}
