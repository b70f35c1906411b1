package flamegraph

import (
	"fmt"
	"strconv"
	"time"
)

// size gives bytes in the SI units that Memray uses, for example "1.049 MB".
func size(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1000, 0
	for value >= 999.9995 && unit < 5 {
		value, unit = value/1000, unit+1
	}
	return fmt.Sprintf("%.3f %cB", value, "kMGTPE"[unit])
}

// number groups the digits by three.
func number(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// instant gives a time in milliseconds since 1970 as a person reads it.
func instant(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC")
}

// after gives a number of milliseconds, as precisely as it matters.
func after(ms int64) string {
	d := time.Duration(min(max(ms, 0), 1<<62/int64(time.Millisecond))) * time.Millisecond
	switch {
	case d < time.Minute:
		return strconv.FormatFloat(float64(d.Milliseconds())/1000, 'f', -1, 64) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}
