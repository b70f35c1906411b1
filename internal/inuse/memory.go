package inuse

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/memvault/memvault/internal/bootclock"
)

// Memory remembers where the data of files ended, and since when: how long a file has been quiet
// is what only earlier looks tell. The zero value is empty. It may be used by several
// goroutines; Save leaves out what nobody looked at for a month.
type Memory struct {
	mu   sync.Mutex
	seen map[string]observation
	now  func() moment // nil for the clocks of this machine
}

// end is where the data of a file end, by all that can show it. Sizes are in bytes.
type end struct{ size, data, modified int64 }

// observation is where the data of a file ended from Since to Last.
type observation struct {
	Size     int64  `json:"size"`
	Data     int64  `json:"data"`
	Modified int64  `json:"modified"` // in nanoseconds since 1970
	Since    moment `json:"since"`
	Last     moment `json:"last"`
}

// moment is a time by the wall's clock, which may be set, and that of the boot, which ends with it.
type moment = bootclock.Moment

const (
	rememberFor = 30 * 24 * time.Hour
	maxMemory   = 64 << 20 // bytes of JSON
)

// Load adds what Save gave, perhaps in an earlier process. Text that is none of Save's is an error,
// and adds nothing.
func (m *Memory) Load(text []byte) error {
	if len(text) > maxMemory {
		return fmt.Errorf("observations of %d bytes, want at most %d", len(text), maxMemory)
	}
	var seen map[string]observation
	if err := json.Unmarshal(text, &seen); err != nil {
		return fmt.Errorf("read observations: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = make(map[string]observation)
	}
	maps.Copy(m.seen, seen)
	return nil
}

// Save gives what is remembered as JSON, for Load.
func (m *Memory) Save() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	for k, o := range m.seen {
		if between(o.Last, now) > rememberFor {
			delete(m.seen, k)
		}
	}
	return json.Marshal(m.seen)
}

// observe notes where the data of a file end, and tells for how long they have ended there,
// or that they ended elsewhere before.
func (m *Memory) observe(key string, at end) (quiet time.Duration, moved bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = make(map[string]observation)
	}
	now := m.clock()
	o, known := m.seen[key]
	moved = known && (end{o.Size, o.Data, o.Modified}) != at
	if !known || moved || between(o.Last, now) < 0 {
		o = observation{Size: at.size, Data: at.data, Modified: at.modified, Since: now}
	}
	o.Last = now
	m.seen[key] = o
	return between(o.Since, now), moved
}

func (m *Memory) clock() moment {
	if m.now != nil {
		return m.now()
	}
	return bootclock.Read()
}

// between is how long it certainly was from one moment to another: the less of what two clocks say,
// where they can be compared. It is negative when the wall's was set back.
func between(from, to moment) time.Duration {
	d := to.Wall.Sub(from.Wall)
	if from.Boot != "" && from.Boot == to.Boot {
		d = min(d, to.Up-from.Up)
	}
	return d
}
