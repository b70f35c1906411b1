package inuse

import (
	"encoding/json"
	"sync"
	"time"
)

// Memory remembers where the data of files ended, and since when: how long a file has been quiet
// is what only earlier looks tell. The zero value is empty. It may be used by several
// goroutines; it forgets the oldest of what nobody looked at for a month.
type Memory struct {
	mu   sync.Mutex
	seen map[string]observation
}

// observation is where the data of a file ended from Since to Last.
type observation struct {
	End  int64  `json:"end"`
	Size int64  `json:"size"`
	Boot string `json:"boot,omitempty"`
	// Up is the time since boot at Since, Since and Last the clock's.
	Up    time.Duration `json:"up"`
	Since time.Time     `json:"since"`
	Last  time.Time     `json:"last"`
}

// Load adds what Save gave, of another process perhaps. Text that is none of Save's is an error, and
// adds nothing.
func (m *Memory) Load(text []byte) error {
	var seen map[string]observation
	if err := json.Unmarshal(text, &seen); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = make(map[string]observation)
	}
	for k, o := range seen {
		m.seen[k] = o
	}
	return nil
}

// Save gives all that is remembered as JSON.
func (m *Memory) Save() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return json.Marshal(m.seen)
}
