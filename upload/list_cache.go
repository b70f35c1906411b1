package upload

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/memvault/memvault/internal/statedir"
)

// A Cache remembers what manifests of one Place say, by their keys and ETags and the size
// of the object, so that they need not be read again. A nil Cache remembers nothing.
type Cache struct {
	dir  *statedir.Dir
	name string

	mu      sync.Mutex
	entries map[string]*cached
	changed bool
	// complete tells that all keys of the Place were listed.
	complete bool
}

type cached struct {
	ETag    string   `json:"etag"`
	Size    int64    `json:"size"`
	Summary *Summary `json:"summary"`
	seen    bool
}

const (
	// maxCache is what a cache may take in memory while it is read, in bytes.
	maxCache = 64 << 20
	// maxCacheFile is what statedir reads of an entry.
	maxCacheFile = 8 << 20
)

// OpenCache reads what is remembered of a Place, which is nothing when state is nil or the
// file is damaged.
func (s *Store) OpenCache(state *statedir.Dir, p Place) (*Cache, error) {
	if state == nil {
		return nil, nil
	}
	id := sha256.Sum256(fmt.Append(nil, s.Core.EndpointURL(), "\n", p))
	c := &Cache{dir: state, name: fmt.Sprintf("ls-%x", id[:12]), entries: map[string]*cached{}}
	data, err := state.Get(c.name)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if err := c.decode(data); err != nil {
		c.entries = map[string]*cached{}
		return c, fmt.Errorf("remembered manifests: %w", err)
	}
	return c, nil
}

func (c *Cache) decode(data []byte) error {
	z, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxCache))
	if err != nil {
		return err
	}
	defer z.Close()
	if err := json.NewDecoder(io.LimitReader(z, maxCache)).Decode(&c.entries); err != nil {
		return err
	}
	maps.DeleteFunc(c.entries, func(_ string, e *cached) bool { return e == nil || e.Summary == nil })
	return nil
}

// get gives what the manifest of e says, or nil. An ETag names content; without one nothing
// can be remembered.
func (c *Cache) get(e *Entry) *Summary {
	if c == nil || e.manifestETag == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.entries[e.Key]; found != nil && found.ETag == e.manifestETag && found.Size == e.Size {
		return found.Summary
	}
	return nil
}

func (c *Cache) put(e *Entry) {
	if c == nil || e.manifestETag == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[e.Key] = &cached{ETag: e.manifestETag, Size: e.Size, Summary: e.Summary, seen: true}
	c.changed = true
}

// saw notes that the key is listed, so that Save keeps what is remembered of it.
func (c *Cache) saw(key string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		e.seen = true
	}
}

// whole notes that the listing has come to its end.
func (c *Cache) whole() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.complete = true
}

// Save writes what is remembered, if it has changed, less what is gone from the bucket,
// and only as much as can be read again.
func (c *Cache) Save() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.entries {
		if c.complete && !e.seen {
			delete(c.entries, key)
			c.changed = true
		}
	}
	if !c.changed {
		return nil
	}
	data, err := c.encode()
	if err != nil {
		return err
	}
	return c.dir.Put(c.name, data)
}

// encode leaves entries out, any, until the rest is small enough.
func (c *Cache) encode() ([]byte, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	for {
		plain, err := json.Marshal(c.entries)
		if err != nil {
			return nil, err
		}
		if packed := z.EncodeAll(plain, nil); len(plain) < maxCache && len(packed) < maxCacheFile {
			return packed, z.Close()
		}
		drop := len(c.entries) / 4
		for key := range c.entries {
			if drop--; drop < 0 {
				break
			}
			delete(c.entries, key)
		}
	}
}
