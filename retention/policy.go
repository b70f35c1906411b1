package retention

import "time"

// Policy says which captures are kept and which go. The zero Policy is empty, and Plan
// refuses it.
//
// With Keep rules alone all else goes. With limits (MaxAge to MinInodes) only what breaks
// them goes, and what a Keep rule wants stays all the same.
type Policy struct {
	// KeepLast keeps the newest captures of each group, the others the newest of each of the
	// last hours, days or weeks that have one. Hours and days are those of the location of
	// the time that Plan is given, weeks begin on Monday. 0 asks for none.
	KeepLast, KeepHourly, KeepDaily, KeepWeekly int
	// KeepWithin keeps what ended at most this long before the newest of its group. 0 is none.
	KeepWithin time.Duration
	// KeepTags keeps what has one of these labels: a name, or name=value.
	KeepTags []string

	// MaxAge drops what ended this long or longer before now; nil sets no limit, and 0 drops
	// all that is not live.
	MaxAge *time.Duration
	// MaxTotal limits the bytes, and MaxCount the number of captures of each group; 0 sets no limit.
	MaxTotal int64
	MaxCount int
	// Budget limits the bytes of all groups together, with the trash; 0 sets no limit. It
	// is for where the file system does not tell the limit, as in a pod.
	Budget int64
	// MinFree is how much of the file system is to stay free, MinInodes how many of its inodes.
	MinFree, MinInodes Amount
	// WarnFree and CriticalFree are the other two watermarks; when zero, one and a half of
	// MinFree and half of it. Those of Budget lie a tenth below and above it.
	WarnFree, CriticalFree Amount
	// Slack is how far beyond Budget, MinFree and MinInodes deleting goes on, as a part of
	// them, so that the next file does not break them again: 0.1 is a tenth.
	Slack float64

	// GroupBy names what captures are grouped by.
	GroupBy GroupBy
	// RequireArchived lets nothing go that is not proved to be in the archive.
	RequireArchived bool
	// Sacrifice names the components whose captures may go although they are not archived when
	// free space is critical; AllComponents is all.
	Sacrifice []string
	// NoAge says why nothing may go by age: the clock cannot be trusted. Empty when it can.
	NoAge string
}

// AllComponents in Policy.Sacrifice stands for every component.
const AllComponents = "all"

// Amount is a part of a whole, or a number of bytes or inodes. The zero Amount is none.
type Amount struct {
	// Percent is above 0 and below 100, or 0.
	Percent float64
	// Count is used when Percent is 0.
	Count int64
}

// GroupBy says which captures the rules take together. The zero GroupBy is by component.
type GroupBy struct {
	// None takes all together.
	None bool
	// Dir and Host part by these as well, NoComponent not by component.
	Dir, Host, NoComponent bool
}

// Disk is what a file system has, and the part of it that is ours. The zero Disk is for
// buckets, which have no limit.
type Disk struct {
	// Total and Free are bytes, Free without what only root may use.
	Total, Free int64
	// Inodes and FreeInodes are 0 and 0 where a file system does not count them.
	Inodes, FreeInodes int64
	// Trash is the bytes that wait in our trash to be freed, TrashFiles how many files.
	Trash, TrashFiles int64
	// Level is the level at the last look, from which it falls only with some slack.
	Level Level
}

// Level is how full a disk is.
type Level uint8

// The levels.
const (
	// Fine: no limit is near.
	Fine Level = iota
	// Warn: a limit is near.
	Warn
	// High: a limit is broken: what is archived goes.
	High
	// Critical: what Policy.Sacrifice names may go.
	Critical
)

var levelNames = [...]string{"fine", "warn", "high", "critical"}

// String gives the level in a word.
func (l Level) String() string { return levelNames[l] }
