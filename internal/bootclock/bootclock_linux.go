package bootclock

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Read reads the clocks of this machine.
func Read() Moment {
	m := Moment{Wall: time.Now().Round(0)}
	var x unix.Timex
	// With no mode set adjtimex changes nothing, and needs no rights.
	state, err := unix.Adjtimex(&x)
	m.Unsynced = err == nil && (state == unix.TIME_ERROR || x.Status&unix.STA_UNSYNC != 0)
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return m
	}
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		m.Up, m.Boot = time.Duration(ts.Nano()), strings.TrimSpace(string(id))
	}
	return m
}
