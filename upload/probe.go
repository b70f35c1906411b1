package upload

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/internal/statedir"
)

// probeLife is how long a store's answer is believed: servers are replaced.
const probeLife = 7 * 24 * time.Hour

// probes remembers whether the store checks checksums.
type probes struct {
	mu     sync.Mutex
	known  bool
	honest bool
}

// endpointEntry is what the state holds of an endpoint.
type endpointEntry struct {
	Endpoint string    `json:"endpoint"`
	Honest   bool      `json:"honest"`
	At       time.Time `json:"at"`
}

// checksChecksums reports whether the store refuses a part whose checksum is wrong on
// purpose: a store that does not may show checksums that it never compared with anything.
// That is tried once per endpoint, with an upload of key that is aborted. Where it cannot
// be tried, as without permission to write, the store is not believed.
func (s *Store) checksChecksums(ctx context.Context, bucket, key string, state *statedir.Dir) bool {
	s.honest.mu.Lock()
	defer s.honest.mu.Unlock()
	if s.honest.known {
		return s.honest.honest
	}
	name := "endpoint-" + shortHash(s.Endpoint)
	if e, ok := recallEndpoint(state, name); ok && e.Endpoint == s.Endpoint && time.Since(e.At).Abs() < probeLife {
		s.honest.known, s.honest.honest = true, e.Honest
		return e.Honest
	}
	honest, err := s.probe(ctx, bucket, key)
	if ctx.Err() != nil {
		return false
	}
	s.honest.known, s.honest.honest = true, err == nil && honest
	switch {
	case err != nil:
		s.log.Info("the store cannot be asked whether it checks checksums: objects are read back", "error", err)
	case state != nil:
		data, err := json.Marshal(endpointEntry{s.Endpoint, honest, time.Now().UTC()})
		if err == nil {
			err = state.Put(name, data)
		}
		if err != nil {
			s.log.Debug("what the store checks is not remembered", "error", err)
		}
	}
	return s.honest.honest
}

func recallEndpoint(state *statedir.Dir, name string) (e endpointEntry, ok bool) {
	if state == nil {
		return e, false
	}
	data, err := state.Get(name)
	return e, err == nil && json.Unmarshal(data, &e) == nil
}

// probe sends a part with a wrong checksum.
func (s *Store) probe(ctx context.Context, bucket, key string) (honest bool, err error) {
	id, took, err := s.create(ctx, bucket, key, minio.PutObjectOptions{ServerSideEncryption: s.sse})
	if err != nil {
		return false, err
	}
	defer s.abort(ctx, bucket, key, id)
	sum := took.sum
	if sum == noSum {
		return false, nil
	}
	data := []byte("memvault asks whether checksums are checked\n")
	err = s.do(ctx, "probe "+s.Endpoint, func(ctx context.Context, w *watch) error {
		_, err := s.Core.PutObjectPart(ctx, bucket, key, id, 1, s.body(ctx, w, data), int64(len(data)), minio.PutObjectPartOptions{
			SSE: s.customerKey(), DisableContentSha256: true,
			CustomHeader: http.Header{sum.KeyCapitalized(): {sum.sum([]byte("something else"))}},
		})
		if status := statusOf(err); status >= 400 && status < 500 && status != http.StatusForbidden &&
			status != http.StatusRequestTimeout && status != http.StatusTooManyRequests && status != http.StatusNotFound {
			honest = true
			return nil
		}
		return err
	})
	return honest, err
}
