package pprof

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// Labels is a set of the labels a sample can have.
type Labels uint8

// The labels.
const (
	// ThreadName labels samples "thread": the name, or the id in hex as Memray shows it.
	ThreadName Labels = 1 << iota
	// ThreadID labels samples "thread_id", a number.
	ThreadID
	// Allocator labels samples "allocator", for example "mmap".
	Allocator
	// NoLabels says that there are to be none. It has no effect beside others.
	NoLabels

	// DefaultLabels are those of the zero Options.
	DefaultLabels = ThreadName | ThreadID
)

// ParseLabels reads a list such as "thread,allocator", or "none".
func ParseLabels(list string) (Labels, error) {
	names := map[string]Labels{"thread": ThreadName, "thread_id": ThreadID, "allocator": Allocator, "none": NoLabels}
	var set Labels
	for name := range strings.SplitSeq(list, ",") {
		l, ok := names[strings.TrimSpace(name)]
		if !ok {
			return 0, fmt.Errorf("label %q: want thread, thread_id, allocator or none", name)
		}
		set |= l
	}
	if set&NoLabels != 0 && set != NoLabels {
		return 0, fmt.Errorf("labels %q: none goes with no other", list)
	}
	return set, nil
}

// labelKey tells label sets apart. What is not selected is zero.
type labelKey struct {
	thread    string
	id        uint64
	allocator codec.Allocator
	pid       int32
	base      bool
}

// labelSet is what the samples of one labelKey share.
type labelSet struct {
	str  map[string][]string
	num  map[string][]int64
	unit map[string][]string
}

// labelsOf gives an index into m.labels.
func (m *Merger) labelsOf(p *heap.Profile, s *heap.Sample) uint32 {
	set, t := m.o.Labels, &p.Threads[s.Thread]
	if set == 0 {
		set = DefaultLabels
	}
	var k labelKey
	if set&ThreadName != 0 {
		k.thread = threadName(t)
	}
	if set&ThreadID != 0 {
		k.id = t.ID
	}
	if set&Allocator != 0 {
		k.allocator = s.Allocator
	}
	if m.merging {
		k.pid = p.Header.PID
	}
	k.base = m.subtracting
	i, ok := m.labelIndex[k]
	if !ok {
		i = uint32(len(m.labels))
		m.labelIndex[k] = i
		m.labels = append(m.labels, k.set(set, m.merging))
	}
	return i
}

func (k *labelKey) set(which Labels, pid bool) labelSet {
	ls := labelSet{str: map[string][]string{}, num: map[string][]int64{}, unit: map[string][]string{}}
	if which&ThreadName != 0 {
		ls.str["thread"] = []string{k.thread}
	}
	if which&ThreadID != 0 {
		ls.num["thread_id"] = []int64{int64(min(k.id, math.MaxInt64))}
	}
	if which&Allocator != 0 {
		ls.str["allocator"] = []string{k.allocator.String()}
	}
	if k.base {
		ls.str[baseLabel] = []string{"true"}
	}
	if pid {
		ls.num["pid"] = []int64{int64(k.pid)}
	}
	return ls
}

func threadName(t *heap.Thread) string {
	if t.Name != "" {
		return t.Name
	}
	return "0x" + strconv.FormatUint(t.ID, 16)
}
