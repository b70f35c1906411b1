package retention

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/common/model"
)

var (
	bareNumber = regexp.MustCompile(`^[+-]?[0-9][0-9.,]*$`)
	minutes    = regexp.MustCompile(`([0-9])min`)
	writtenM   = regexp.MustCompile(`([0-9])m([0-9]|$)`)
	loneM      = regexp.MustCompile(`[0-9]m([0-9]|$)`)
)

// ParseSize reads a size with its unit, as 20GiB or 500 MB, in bytes. A number alone is
// refused: whoever writes 99 means no 99 bytes.
func ParseSize(s string) (int64, error) {
	const want = "want a size with its unit, as 20GiB or 500MB"
	if bareNumber.MatchString(s) {
		return 0, fmt.Errorf("size %q has no unit: %s", s, want)
	}
	n, err := humanize.ParseBytes(s)
	if err != nil || strings.ContainsAny(s, ",") {
		return 0, fmt.Errorf("size %q: %s", s, want)
	}
	if n > math.MaxInt64 {
		return 0, fmt.Errorf("size %q: no disk is as large", s)
	}
	return int64(n), nil
}

// ParseDuration reads a duration as Prometheus writes them, as 30d, 12h or 1h30min, or 0s. A
// number alone is refused, and so is m: it means minutes here and months in restic.
func ParseDuration(s string) (time.Duration, error) {
	const want = "want a duration as 30d, 12h, 1h30min or 0s"
	switch {
	case bareNumber.MatchString(s):
		return 0, fmt.Errorf("duration %q has no unit: %s", s, want)
	case loneM.MatchString(s):
		return 0, fmt.Errorf("duration %q: m is minutes to some and months to others: say min, or 30d for a month", s)
	}
	d, err := model.ParseDuration(minutes.ReplaceAllString(s, "${1}m"))
	if err != nil {
		return 0, fmt.Errorf("duration %q: %s", s, want)
	}
	return time.Duration(d), nil
}

// FormatDuration is the reverse of ParseDuration.
func FormatDuration(d time.Duration) string {
	if d < 0 {
		return "-" + FormatDuration(max(-d, 0))
	}
	text := model.Duration(d.Truncate(time.Millisecond)).String()
	return writtenM.ReplaceAllString(text, "${1}min$2")
}

// FormatSize prints bytes for a person, in powers of 1024.
func FormatSize(n int64) string {
	sign, u := "", uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	number, unit, _ := strings.Cut(humanize.IBytes(u), " ")
	return sign + strings.TrimSuffix(number, ".0") + unit
}

// ParseAmount reads a part of a whole, as 10%, or a size with its unit.
func ParseAmount(s string) (Amount, error) {
	if a, ok, err := parsePercent(s); ok || err != nil {
		return a, err
	}
	n, err := ParseSize(s)
	if err != nil {
		return Amount{}, fmt.Errorf("%w, or a part, as 10%%", err)
	}
	return Amount{Count: n}, nil
}

// ParseCount reads a part of a whole, as 10%, or a number of inodes.
func ParseCount(s string) (Amount, error) {
	if a, ok, err := parsePercent(s); ok || err != nil {
		return a, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return Amount{}, fmt.Errorf("count %q: want a number, or a part, as 10%%", s)
	}
	return Amount{Count: n}, nil
}

// parsePercent tells whether s is meant as a part of a whole.
func parsePercent(s string) (Amount, bool, error) {
	number, ok := strings.CutSuffix(s, "%")
	if !ok {
		return Amount{}, false, nil
	}
	p, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(p > 0 && p < 100) {
		return Amount{}, false, fmt.Errorf("part %q: want more than 0%% and less than 100%%", s)
	}
	return Amount{Percent: p}, true, nil
}

// ParseSlack reads a part of a limit, from 0% to below 100%, as a fraction of 1.
func ParseSlack(s string) (float64, error) {
	if s == "0%" {
		return 0, nil
	}
	a, ok, err := parsePercent(s)
	if err == nil && !ok {
		err = fmt.Errorf("part %q: want a part, as 10%%", s)
	}
	return a.Percent / 100, err
}

// IsZero tells whether the amount is none.
func (a Amount) IsZero() bool { return a == Amount{} }

// Of gives the amount in bytes or inodes where the whole has so many.
func (a Amount) Of(whole int64) int64 {
	if a.Percent > 0 {
		return int64(float64(whole) * a.Percent / 100)
	}
	return a.Count
}

// scaled multiplies the amount.
func (a Amount) scaled(f float64) Amount {
	return Amount{Percent: min(a.Percent*f, 100), Count: scale(a.Count, f)}
}

// scale multiplies without leaving the range of int64.
func scale(n int64, f float64) int64 {
	if v := float64(n) * f; v < math.MaxInt64 {
		return int64(v)
	}
	return math.MaxInt64
}

// ParseGroupBy reads a list of component, dir and host, or none.
func ParseGroupBy(s string) (GroupBy, error) {
	if s == "none" {
		return GroupBy{None: true}, nil
	}
	g := GroupBy{NoComponent: true}
	for by := range strings.SplitSeq(s, ",") {
		switch strings.TrimSpace(by) {
		case "component":
			g.NoComponent = false
		case "dir":
			g.Dir = true
		case "host":
			g.Host = true
		default:
			return GroupBy{}, fmt.Errorf("groups by %q: want component, dir and host, with commas between, or none", by)
		}
	}
	return g, nil
}
