package retention

import (
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	tests := []struct {
		in   string
		want int64
		err  string
	}{
		{"20GiB", 20 << 30, ""}, {"20 GiB", 20 << 30, ""}, {"500MB", 500e6, ""}, {"1.5k", 1500, ""}, {"7B", 7, ""}, {"0B", 0, ""},
		{"8EiB", 0, "no disk is as large"}, {"99EiB", 0, "want a size with its unit"},
		{"99", 0, "has no unit"}, {"99.5", 0, "has no unit"}, {"-1", 0, "has no unit"}, {"1,5GiB", 0, "want a size"}, {"", 0, "want a size"},
		{"99%", 0, "want a size"}, {"GiB", 0, "want a size"}, {"-1GiB", 0, "want a size"}, {"20 parsecs", 0, "want a size"},
		{"NaNGiB", 0, "want a size"}, {"1e3GiB", 0, "want a size"},
	}
	for _, tt := range tests {
		got, err := ParseSize(tt.in)
		checkParsed(t, "ParseSize", tt.in, got, err, tt.want, tt.err)
	}
}

func TestParseDuration(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
		err  string
	}{
		{"30d", 30 * day, ""}, {"12h", 12 * time.Hour, ""}, {"90min", 90 * time.Minute, ""}, {"1h30min", 90 * time.Minute, ""},
		{"1h30min5s", 90*time.Minute + 5*time.Second, ""}, {"0s", 0, ""}, {"2w", 14 * day, ""}, {"1y", 365 * day, ""}, {"500ms", 500 * time.Millisecond, ""},
		{"5m", 0, "say min"}, {"1h5m", 0, "say min"}, {"5m30s", 0, "say min"}, {"30", 0, "has no unit"}, {"0", 0, "has no unit"}, {"1.5", 0, "has no unit"},
		{"", 0, "want a duration"}, {"-1d", 0, "want a duration"}, {"d", 0, "want a duration"}, {"1d1w", 0, "want a duration"}, {"999999y", 0, "want a duration"},
		{"1.5h", 0, "want a duration"}, {"1min30", 0, "want a duration"},
	}
	for _, tt := range tests {
		got, err := ParseDuration(tt.in)
		checkParsed(t, "ParseDuration", tt.in, got, err, tt.want, tt.err)
		if err == nil {
			if again, err := ParseDuration(FormatDuration(got)); err != nil || again != got {
				t.Errorf("ParseDuration(FormatDuration(%v) = %q): got %v, %v", got, FormatDuration(got), again, err)
			}
		}
	}
}

func TestParseAmounts(t *testing.T) {
	amounts := []struct {
		in    string
		parse func(string) (Amount, error)
		want  Amount
		err   string
	}{
		{"10%", ParseAmount, Amount{Percent: 10}, ""}, {"2.5 %", ParseAmount, Amount{Percent: 2.5}, ""}, {"20GiB", ParseAmount, Amount{Count: 20 << 30}, ""},
		{"0%", ParseAmount, Amount{}, "more than 0%"}, {"100%", ParseAmount, Amount{}, "less than 100%"}, {"NaN%", ParseAmount, Amount{}, "more than 0%"},
		{"10", ParseAmount, Amount{}, "or a part, as 10%"}, {"%", ParseAmount, Amount{}, "more than 0%"},
		{"10000", ParseCount, Amount{Count: 10000}, ""}, {"5%", ParseCount, Amount{Percent: 5}, ""}, {"-1", ParseCount, Amount{}, "want a number"},
		{"5GiB", ParseCount, Amount{}, "want a number"},
	}
	for _, tt := range amounts {
		got, err := tt.parse(tt.in)
		checkParsed(t, "parse", tt.in, got, err, tt.want, tt.err)
	}
	slacks := []struct {
		in   string
		want float64
		err  string
	}{{"10%", 0.1, ""}, {"0%", 0, ""}, {"10", 0, "as 10%"}, {"100%", 0, "less than 100%"}}
	for _, tt := range slacks {
		got, err := ParseSlack(tt.in)
		checkParsed(t, "ParseSlack", tt.in, got, err, tt.want, tt.err)
	}
	groups := []struct {
		in   string
		want GroupBy
		err  string
	}{
		{"component", GroupBy{}, ""}, {"none", GroupBy{None: true}, ""}, {"dir, host", GroupBy{Dir: true, Host: true, NoComponent: true}, ""},
		{"component,dir", GroupBy{Dir: true}, ""}, {"", GroupBy{}, "want component"}, {"pod", GroupBy{}, "want component"},
	}
	for _, tt := range groups {
		got, err := ParseGroupBy(tt.in)
		checkParsed(t, "ParseGroupBy", tt.in, got, err, tt.want, tt.err)
	}
}

// checkParsed wants either the value or an error with a text.
func checkParsed[T comparable](t *testing.T, what, in string, got T, err error, want T, text string) {
	t.Helper()
	switch {
	case text == "" && err != nil, text != "" && (err == nil || !strings.Contains(err.Error(), text)):
		t.Errorf("%s(%q): got %v, %v, want an error with %q", what, in, got, err, text)
	case err == nil && got != want:
		t.Errorf("%s(%q): got %v, want %v", what, in, got, want)
	}
}

func TestFormat(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1023: "1023B", 20 << 30: "20GiB", 3 << 29: "1.5GiB", -1 << 20: "-1MiB", -1 << 63: "-8EiB"} {
		if got := FormatSize(n); got != want {
			t.Errorf("FormatSize(%d): got %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 90 * time.Minute: "1h30min", 30 * day: "30d", -5 * time.Minute: "-5min", 20 * time.Minute: "20min"} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%d): got %s, want %s", d, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"20GiB", "1h30min", "10%", "component,dir"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseSize(s); err == nil && n < 0 {
			t.Errorf("ParseSize(%q): got %d", s, n)
		}
		if d, err := ParseDuration(s); err == nil && d < 0 {
			t.Errorf("ParseDuration(%q): got %d", s, d)
		}
		if a, err := ParseAmount(s); err == nil && (a.Count < 0 || a.Percent < 0 || a.Percent >= 100) {
			t.Errorf("ParseAmount(%q): got %+v", s, a)
		}
		if x, err := ParseSlack(s); err == nil && !(x >= 0 && x < 1) {
			t.Errorf("ParseSlack(%q): got %v", s, x)
		}
	})
}
