package upload

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
)

// An Entry is an object of a bucket that is, or by its key should be, a stored capture.
type Entry struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	// Size is that of the object in bytes, Uploaded when the store got it, by its clock.
	Size     int64     `json:"stored_bytes"`
	Uploaded time.Time `json:"uploaded"`
	ETag     string    `json:"-"`
	// Lone is a manifest without its object: Size and Uploaded are then the manifest's.
	Lone bool `json:"object_missing,omitempty"`
	// Summary is nil if there is no manifest that could be read.
	*Summary
	// Problem says what is wrong with the manifest, or the object; empty if nothing is.
	Problem string `json:"problem,omitempty"`

	manifestETag string
	// paired tells that there is a manifest, read or not.
	paired bool
}

// Summary is what a list shows of a manifest.
type Summary struct {
	Component string            `json:"component"`
	Host      string            `json:"host,omitempty"`
	State     string            `json:"state"`
	Labels    map[string]string `json:"labels,omitempty"`
	PID       int32             `json:"pid"`
	Start     *time.Time        `json:"start"`
	End       *time.Time        `json:"end"`
	Seconds   *float64          `json:"seconds"`
	RawBytes  int64             `json:"raw_bytes"`
	RawSHA256 string            `json:"raw_sha256"`
	RSSPeak   *uint64           `json:"rss_peak_bytes"`
	HeapPeak  *uint64           `json:"heap_peak_bytes"`
	Memray    string            `json:"memray,omitempty"`
	Python    string            `json:"python,omitempty"`
}

// NoManifest is the state of an object without one: its upload is under way, or was given
// up just before its end.
const NoManifest = "no manifest"

// StateText is the state of the manifest, or what stands for it.
func (e *Entry) StateText() string {
	switch {
	case e.Lone:
		return "object missing"
	case e.Summary != nil:
		return e.State
	case e.Problem != "":
		return "bad manifest"
	}
	return NoManifest
}

// Finished reports whether tracking ended regularly, by the manifest.
func (e *Entry) Finished() bool {
	return e.Summary != nil && (e.State == "complete" || e.State == "stale header")
}

// Begin is the start of the capture, or where that is not known the upload.
func (e *Entry) Begin() time.Time {
	if e.Summary != nil && e.Start != nil {
		return *e.Start
	}
	return e.Uploaded
}

// ListOptions of Store.List. The zero value lists all, and reads each manifest.
type ListOptions struct {
	Filter Filter
	// KeysOnly reads no manifests: entries have no Summary.
	KeysOnly bool
	// Parallel is how many manifests are read at a time; 0 for 16.
	Parallel int
	// Cache has manifests that were read before; it may be nil.
	Cache *Cache
	// Others is called for each object that is no capture of ours; it may be nil.
	Others func(key string)
}

const defaultParallel = 16

// List gives the captures below p that the filter lets through, in the order of their keys.
// It holds no more of them than are read at a time. A manifest that cannot be read is no
// error but the Problem of its Entry. An error ends the list.
func (s *Store) List(ctx context.Context, p Place, o ListOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		l := &lister{store: s, options: o, futures: make(chan chan *Entry, cmp.Or(o.Parallel, defaultParallel))}
		done := make(chan error, 1)
		go func() {
			defer close(l.futures)
			done <- l.run(ctx, p)
		}()
		more := true
		for future := range l.futures {
			e := <-future
			if more && e != nil && o.Filter.Match(e) && !yield(*e, nil) {
				more = false
				cancel()
			}
		}
		cancel()
		if err := <-done; err != nil && more {
			yield(Entry{}, err)
		}
	}
}

// A lister pairs the objects of a listing with their manifests, and reads those.
type lister struct {
	store   *Store
	options ListOptions
	// waiting are objects whose manifest may come yet, in the order of their keys.
	waiting []Entry
	// futures gives the entries in order; each is being read when it can be taken.
	futures chan chan *Entry
}

// maxWaiting bounds lister.waiting. Only keys that sort between that of an object and that
// of its manifest make it grow.
const maxWaiting = 4096

func (l *lister) run(ctx context.Context, p Place) error {
	prefix := p.Prefix
	if prefix != "" {
		prefix += "/"
	}
	err := l.store.objects(ctx, p.Bucket, prefix, func(o minio.ObjectInfo) error {
		l.options.Cache.saw(o.Key)
		l.add(p.Bucket, o)
		return l.release(ctx, o.Key)
	})
	if err != nil {
		return err
	}
	l.options.Cache.whole()
	return l.release(ctx, "")
}

// objects calls each for all objects whose keys begin with prefix. When the store fails it
// goes on behind the last key.
func (s *Store) objects(ctx context.Context, bucket, prefix string, each func(minio.ObjectInfo) error) error {
	last, done := "", false
	var failed error // of each
	for !done {
		before := last
		err := s.do(ctx, "list "+bucket, func(ctx context.Context, w *watch) error {
			for o := range s.Core.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: last}) {
				if o.Err != nil && last > before {
					return nil // no attempt that got on counts
				}
				if o.Err != nil {
					return o.Err
				}
				w.timer.Stop() // whoever gets the objects may take time
				failed = each(o)
				w.move(0)
				if failed != nil {
					return nil
				}
				last = max(last, o.Key)
			}
			done = ctx.Err() == nil
			return context.Cause(ctx)
		})
		if failed != nil {
			return failed
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add takes an object of the listing.
func (l *lister) add(bucket string, o minio.ObjectInfo) {
	e := Entry{Bucket: bucket, Key: o.Key, Size: o.Size, Uploaded: o.LastModified.UTC(), ETag: o.ETag}
	if base, ok := strings.CutSuffix(o.Key, ManifestEnd); ok {
		for i := len(l.waiting) - 1; i >= 0; i-- {
			if w := &l.waiting[i]; w.Key == base {
				w.manifestETag, w.paired = o.ETag, true
				return
			}
		}
		if _, ours := ParseKey("", o.Key); ours {
			e.Lone, e.Key = true, base
		}
	}
	l.waiting = append(l.waiting, e)
}

// release hands on the objects from the front of waiting that are paired, or whose
// manifest should have come before the key at; all if at is empty.
func (l *lister) release(ctx context.Context, at string) error {
	n := 0
	for ; n < len(l.waiting); n++ {
		w := &l.waiting[n]
		wait := at != "" && !w.Lone && !w.paired && ManifestKey(w.Key) > at && len(l.waiting)-n <= maxWaiting
		if wait {
			break
		}
		if err := l.emit(ctx, w); err != nil {
			return err
		}
	}
	l.waiting = append(l.waiting[:0], l.waiting[n:]...)
	return nil
}

// emit begins to read the manifest of w, once there is room.
func (l *lister) emit(ctx context.Context, w *Entry) error {
	switch {
	case !w.paired && !w.Lone && !looksStored(w.Key):
		if l.options.Others != nil {
			l.options.Others(w.Key)
		}
		return nil
	case !l.options.Filter.matchKey(w.Key):
		return nil
	}
	e, future := *w, make(chan *Entry, 1)
	select {
	case l.futures <- future:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	go func() { future <- l.complete(ctx, &e) }()
	return nil
}

// complete finds out what the listing does not tell. Not every store lists keys in order:
// a manifest may have come too late, or before its object; so what the listing seems to
// lack is asked for. It gives nil for a manifest that is not alone after all.
func (l *lister) complete(ctx context.Context, e *Entry) *Entry {
	switch {
	case e.Lone:
		_, err := l.store.head(ctx, e.Bucket, e.Key)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrAbsent):
			e.Problem = "there is a manifest, but no object"
		default:
			e.Problem = err.Error()
		}
	case !l.options.KeysOnly:
		l.store.summarize(ctx, e, l.options.Cache)
	}
	return e
}

// looksStored tells of an object without manifest whether it should have one.
func looksStored(key string) bool {
	_, ours := ParseKey("", key)
	return ours || strings.HasSuffix(key, ".bin.zst")
}

// summarize fills e from its manifest, or from the cache.
func (s *Store) summarize(ctx context.Context, e *Entry, cache *Cache) {
	if found := cache.get(e); found != nil {
		e.Summary = found
		return
	}
	m, err := s.ReadManifest(ctx, e.Bucket, e.Key)
	switch {
	case errors.Is(err, ErrNoManifest), errors.Is(err, ErrAbsent):
	case err != nil:
		e.Problem = "manifest: " + err.Error()
	case m.Stored.Size != e.Size:
		e.Summary, e.Problem = summaryOf(m), sizeProblem(m.Stored.Size, e.Size)
	default:
		e.Summary = summaryOf(m)
		cache.put(e)
	}
}

func summaryOf(m *archive.Manifest) *Summary {
	s := &Summary{
		Component: m.Component, Host: m.Host, State: m.State, Labels: m.Labels,
		Seconds: m.Seconds, RawBytes: m.Raw.Size, RawSHA256: hexOf(m.Raw.SHA256),
		RSSPeak: m.RSSPeak, HeapPeak: m.HeapPeak,
	}
	if c := m.Capture; c != nil {
		s.PID, s.Start, s.End, s.Memray, s.Python = c.PID, c.Start, c.End, c.Memray, c.Python
	}
	return s
}
