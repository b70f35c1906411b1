package codectest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A line takes the fields of one line from left to right. The first error stays; all
// fields after it are empty.
type line struct {
	rest string
	err  error
}

func (l *line) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// end makes it an error that something is left.
func (l *line) end() {
	if l.rest != "" {
		l.fail(fmt.Errorf("unexpected %q", l.rest))
	}
}

// field takes key=value. The value ends before the first of the keys in next that
// follows, or else, when next is empty, at a space, or at the end of the line.
func (l *line) field(key string, next ...string) (string, bool) {
	value, ok := strings.CutPrefix(l.rest, key+"=")
	if !ok || l.err != nil {
		return "", false
	}
	if strings.HasPrefix(value, `"`) && len(next) > 0 {
		return l.quoted(value), true
	}
	end := len(value)
	if len(next) == 0 {
		if i := strings.IndexByte(value, ' '); i >= 0 {
			end = i
		}
	}
	for _, k := range next {
		if i := strings.Index(value, " "+k+"="); i >= 0 {
			end = i
			break
		}
	}
	l.rest = strings.TrimPrefix(value[end:], " ")
	return value[:end], true
}

// quoted takes the Go string that rest begins with.
func (l *line) quoted(rest string) string {
	q, err := strconv.QuotedPrefix(rest)
	if err != nil {
		l.fail(fmt.Errorf("bad quoting in %q", rest))
		return ""
	}
	l.rest = strings.TrimPrefix(rest[len(q):], " ")
	s, err := strconv.Unquote(q)
	l.fail(err)
	if strings.IndexByte(s, 0) >= 0 {
		l.fail(errors.New("a string of a capture holds no NUL"))
	}
	return s
}

// text takes a string that must be there. next lists the keys that can follow it.
func (l *line) text(key string, next ...string) []byte {
	s, ok := l.field(key, next...)
	if !ok {
		l.missing(key)
	}
	return []byte(s)
}

func (l *line) missing(key string) {
	l.fail(fmt.Errorf("want %s= at %q", key, l.rest))
}

// number takes a number that must be there: decimal, which may be negative, 0x and
// hexadecimal digits, or (nil).
func (l *line) number(key string) uint64 {
	s, ok := l.field(key)
	if !ok {
		l.missing(key)
		return 0
	}
	return l.parse(key, s)
}

// optional is number with a value for when it is left out.
func (l *line) optional(key string, value uint64) uint64 {
	s, ok := l.field(key)
	if !ok {
		return value
	}
	return l.parse(key, s)
}

// hex takes a hexadecimal number that must be there.
func (l *line) hex(key string) uint64 {
	v, err := strconv.ParseUint(string(l.text(key)), 16, 64)
	l.fail(err)
	return v
}

// bytes takes hexadecimal bytes.
func (l *line) bytes(key string) []byte {
	s, _ := l.field(key)
	b, err := hex.DecodeString(s)
	l.fail(err)
	return b
}

// word takes what stands before the next space.
func (l *line) word() string {
	s, rest, _ := strings.Cut(l.rest, " ")
	l.rest = rest
	return s
}

func (l *line) parse(what, s string) uint64 {
	v, err := parseNumber(s)
	if err != nil {
		l.fail(fmt.Errorf("%s: bad number %q", what, s))
	}
	return v
}

func parseNumber(s string) (uint64, error) {
	if s == "(nil)" {
		return 0, nil
	}
	if digits, ok := strings.CutPrefix(s, "0x"); ok {
		return strconv.ParseUint(digits, 16, 64)
	}
	if strings.HasPrefix(s, "-") {
		n, err := strconv.ParseInt(s, 10, 64)
		return uint64(n), err
	}
	return strconv.ParseUint(s, 10, 64)
}
