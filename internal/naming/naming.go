// Package naming is the grammar of the names of captures: what Airflow, Memray and
// memvault itself call them. A name proves nothing; what a file holds, codec.Inspect tells.
package naming

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// timeForm is how a rotated name holds the start, in UTC: it sorts, and has no character
// that a file system or a URL refuses.
const timeForm = "20060102T150405Z"

// KeepSuffix ends the name of a file that keeps the capture beside it from being cleaned.
const KeepSuffix = ".keep"

// Suffixes of names.
const (
	// airflowSuffix ends every fixed name of Airflow, before ".bin".
	airflowSuffix = "_memory"
	// compressing ends the copy that Memray makes of a capture when tracking ends, until
	// it takes the place of the capture.
	compressing = ".lz4.tmp"
	stored      = ".zst"
)

// Name is what the name of a capture tells.
type Name struct {
	// Component is what was traced: "scheduler" of scheduler_memory.bin, rotated or not, and
	// "memray-train.py" of memray-train.py.77.bin, which is Memray's own form; else the stem.
	// It is never empty.
	Component string
	// Start is when tracking began, in UTC, to the second; zero unless Rotated.
	Start time.Time
	// PID is that of the traced process in its own PID namespace; 0 when the name does not
	// say, and in rotated names of files that had no header.
	PID int
	// Copy is 0, or 2 and more in the names of rotated captures that share Start and PID.
	Copy int
	// Fixed tells that the name is one that Airflow writes to: <component>_memory.bin.
	Fixed bool
	// Rotated tells that memvault rotate has made the name.
	Rotated bool
	// ChildPID is that of the forked process which wrote the capture; 0 when none did.
	ChildPID int
	// Compressing tells that it is not a capture but Memray's copy in the making.
	Compressing bool
	// Stored tells that memvault compress has made the file.
	Stored bool
}

var (
	fork    = regexp.MustCompile(`(?s)^(.+\.bin)\.([1-9][0-9]{0,9})$`)
	rotated = regexp.MustCompile(`(?s)^(.+)` + airflowSuffix + `\.([0-9]{8}T[0-9]{6}Z)\.(0|[1-9][0-9]{0,9})(?:\.([1-9][0-9]{0,5}))?$`)
	ofRun   = regexp.MustCompile(`(?s)^(memray-.+)\.([1-9][0-9]{0,9})$`)
)

// Parse reads the last element of a path. It reports false for names that no capture, and
// no copy of one, is given: the file may still hold a capture.
func Parse(base string) (Name, bool) {
	var n Name
	if strings.ContainsAny(base, "/\x00") {
		return n, false
	}
	base, n.Compressing = strings.CutSuffix(base, compressing)
	if !n.Compressing {
		base, n.Stored = strings.CutSuffix(base, stored)
	}
	if m := fork.FindStringSubmatch(base); m != nil && number(m[2]) > 0 {
		base, n.ChildPID = m[1], number(m[2])
	}
	stem, isBin := strings.CutSuffix(base, ".bin")
	if stem == "" || !isBin && !n.Compressing {
		return Name{}, false
	}
	n.component(stem)
	n.Fixed = n.Fixed && isBin && n.ChildPID == 0 && !n.Compressing && !n.Stored
	return n, true
}

// component takes apart what stands before ".bin".
func (n *Name) component(stem string) {
	n.Component = stem
	if n.rotated(stem) {
		return
	}
	if c, ok := strings.CutSuffix(stem, airflowSuffix); ok && c != "" {
		n.Component, n.Fixed = c, true
	} else if m := ofRun.FindStringSubmatch(stem); m != nil && number(m[2]) > 0 {
		n.Component, n.PID = m[1], number(m[2])
	}
}

// rotated fills n if the stem is one that Rotated makes.
func (n *Name) rotated(stem string) bool {
	m := rotated.FindStringSubmatch(stem)
	if m == nil {
		return false
	}
	start, err := time.Parse(timeForm, m[2])
	if err != nil || number(m[3]) < 0 {
		return false
	}
	n.Component, n.Start, n.PID, n.Rotated = m[1], start, number(m[3]), true
	if m[4] != "" {
		n.Copy = number(m[4])
	}
	return true
}

// number reads a pid: as much as 32 bits with a sign hold, else -1.
func number(s string) int {
	i, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return -1
	}
	return int(i)
}

// maxName is how long a name may be in most file systems, in bytes.
const maxName = 255

// Rotated names the capture of a component off its fixed name:
// scheduler_memory.20260102T150405Z.77.bin. A start outside of the years 1 to 9999 and a
// negative pid, which only a damaged header holds, count as 1970 and 0.
func Rotated(component string, start time.Time, pid int) string {
	return RotatedCopy(component, start, pid, 0)
}

// RotatedCopy is Rotated for the number-th capture of the same component, start and pid,
// as two containers may write in one second; a number below 2 adds nothing. A component for which a file
// system has no room, as the name gets longer, is cut.
func RotatedCopy(component string, start time.Time, pid, number int) string {
	if y := start.UTC().Year(); y < 1 || y > 9999 {
		start = time.Unix(0, 0)
	}
	rest := fmt.Sprintf("%s.%s.%d", airflowSuffix, start.UTC().Format(timeForm), max(pid, 0))
	if number > 1 {
		rest += fmt.Sprintf(".%d", number)
	}
	rest += ".bin"
	return component[:min(len(component), maxName-len(rest))] + rest
}

// Fixed is the name that Airflow itself gives the capture of a component.
func Fixed(component string) string { return component + airflowSuffix + ".bin" }
