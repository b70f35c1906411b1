// Package bootclock reads the wall clock, which may be set, beside the clock of the
// boot, which nobody sets.
package bootclock

import "time"

// A Moment is a time by both clocks.
type Moment struct {
	Wall time.Time `json:"wall"`
	// Up is the time since boot, suspended time included; Boot tells one boot from others, and
	// is "" where that is unknown.
	Up   time.Duration `json:"up"`
	Boot string        `json:"boot"`
	// Unsynced tells that the kernel says that nothing keeps the wall clock right.
	Unsynced bool `json:"unsynced,omitempty"`
}
