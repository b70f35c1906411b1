package upload

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/archive"
	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/codec/codectest"
	"github.com/memvault/memvault/internal/s3test"
)

// stock uploads a small capture of a component, and gives its key.
func stock(t *testing.T, s *Store, p Place, component string, pid int32) string {
	t.Helper()
	h := codectest.Header(12, codec.AllAllocations, 8)
	h.PID = pid
	w := codectest.NewWriter(h)
	records := codectest.Sample(h)
	for _, r := range records[:len(records)-1] { // Finish writes the trailer
		w.Record(&r)
	}
	w.Finish()
	data, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	r := upload(t, s, write(t, component+"_memory.bin", data), Options{Place: p, Archive: archive.Options{Host: "host-" + component}})
	return r.Key
}

// drop puts an object of any kind where it does not belong. It reports false where the
// store refuses the key.
func drop(t *testing.T, s *Store, bucket, key, content string) bool {
	t.Helper()
	_, err := s.Core.PutObject(t.Context(), bucket, key, strings.NewReader(content), int64(len(content)), "", "",
		minio.PutObjectOptions{DisableContentSha256: true, UserMetadata: map[string]string{crc32c.Key(): crc32c.sum([]byte(content))}})
	if err != nil {
		t.Logf("put %q: %v", key, err)
	}
	return err == nil
}

// listed gives the entries of a list, each as "state key".
func listed(t *testing.T, s *Store, p Place, o ListOptions) []string {
	t.Helper()
	got := []string{}
	for e, err := range s.List(t.Context(), p, o) {
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		got = append(got, e.StateText()+" "+e.Key)
	}
	return got
}

func wantList(t *testing.T, name string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// A counter counts requests by method, without queries, which are of buckets.
type counter struct {
	http.RoundTripper
	gets, heads, puts, deletes atomic.Int64
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.RawQuery == "" {
		switch r.Method {
		case http.MethodGet:
			c.gets.Add(1)
		case http.MethodHead:
			c.heads.Add(1)
		case http.MethodPut:
			c.puts.Add(1)
		case http.MethodDelete:
			c.deletes.Add(1)
		}
	}
	return c.RoundTripper.RoundTrip(r)
}

const ourKeyForm = "v1/worker/2026/01/02/20260102T150405Z-%d-0123456789abcdef.bin.zst"

func TestList(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		var count counter
		s := dialServer(t, server, func(c *Config) {
			c.Transport = func(rt http.RoundTripper) http.RoundTripper { count.RoundTripper = rt; return &count }
		})
		p := Place{server.NewBucket(t), "captures"}
		scheduler, triggerer := stock(t, s, p, "scheduler", 1), stock(t, s, p, "triggerer", 2)
		young, lone, bad, big := "captures/"+fmt.Sprintf(ourKeyForm, 3), "captures/"+fmt.Sprintf(ourKeyForm, 4), "captures/"+fmt.Sprintf(ourKeyForm, 5), "captures/"+fmt.Sprintf(ourKeyForm, 6)
		drop(t, s, p.Bucket, young, "x")
		drop(t, s, p.Bucket, ManifestKey(lone), "{}")
		drop(t, s, p.Bucket, bad, "x")
		drop(t, s, p.Bucket, ManifestKey(bad), strings.Repeat("[", 200_000))
		drop(t, s, p.Bucket, big, "x")
		drop(t, s, p.Bucket, ManifestKey(big), strings.Repeat(" ", archive.MaxManifest+1)+"{}")
		drop(t, s, p.Bucket, "captures/readme.txt", "x")
		drop(t, s, p.Bucket, "captures/settings.json", "{}")
		drop(t, s, p.Bucket, "elsewhere/x.bin.zst", "x")

		others := 0
		all := []string{
			"complete " + scheduler, "complete " + triggerer,
			"no manifest " + young, "object missing " + lone, "bad manifest " + bad, "bad manifest " + big,
		}
		cache, err := s.OpenCache(state(t), p)
		if err != nil {
			t.Fatal(err)
		}
		wantList(t, "all", listed(t, s, p, ListOptions{Cache: cache, Others: func(string) { others++ }}), all)
		if others != 2 {
			t.Errorf("other objects: got %d, want 2", others)
		}
		if err := cache.Save(); err != nil {
			t.Fatal(err)
		}
		testCache(t, s, p, cache, &count, all)
		testFilters(t, s, p, scheduler, triggerer)
	})
}

// testCache lists again: only the manifests that are bad or missing are read again.
func testCache(t *testing.T, s *Store, p Place, old *Cache, count *counter, all []string) {
	again, err := s.OpenCache(old.dir, p)
	if err != nil || len(again.entries) != 2 {
		t.Fatalf("cache: got %d entries, %v, want 2", len(again.entries), err)
	}
	before := count.gets.Load()
	wantList(t, "remembered", listed(t, s, p, ListOptions{Cache: again}), all)
	if got := count.gets.Load() - before; got != 3 {
		t.Errorf("manifests read again: got %d, want 3", got)
	}
	if err := old.dir.Put(old.name, []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	if c, err := s.OpenCache(old.dir, p); err == nil || len(c.entries) != 0 {
		t.Errorf("damaged cache: got %d entries and no error, want none and one", len(c.entries))
	}
}

func testFilters(t *testing.T, s *Store, p Place, scheduler, triggerer string) {
	start := time.UnixMilli(codectest.Header(12, codec.AllAllocations, 8).StartTime)
	for _, tt := range []struct {
		name string
		f    Filter
		want []string
	}{
		{"component", Filter{Component: "scheduler"}, []string{"complete " + scheduler}},
		{"host", Filter{Host: "host-triggerer"}, []string{"complete " + triggerer}},
		{"since", Filter{Since: start, Until: start.Add(time.Second)}, []string{"complete " + scheduler, "complete " + triggerer}},
		{"before", Filter{Until: start}, []string{}},
		{"state", Filter{States: []string{"finished"}}, []string{"complete " + scheduler, "complete " + triggerer}},
		{"crashed", Filter{States: []string{"crashed"}}, []string{}},
		{"size", Filter{MinSize: 100}, []string{"complete " + scheduler, "complete " + triggerer}},
		{"small", Filter{MaxSize: 10, States: []string{NoManifest}}, []string{"no manifest captures/" + fmt.Sprintf(ourKeyForm, 3)}},
	} {
		wantList(t, tt.name, listed(t, s, p, ListOptions{Filter: tt.f}), tt.want)
	}
}

// Thousands of objects, and keys between an object and its manifest, and a reader that
// stops early.
func TestListMany(t *testing.T) {
	server := s3test.Minis3(t)
	s := dialServer(t, server, nil)
	p := Place{server.NewBucket(t), ""}
	key := stock(t, s, p, "scheduler", 1)
	for i := range 2500 {
		drop(t, s, p.Bucket, fmt.Sprintf("%s-%04d", key, i), "x") // before "<key>.json"
	}
	want := []string{"complete " + key}
	wantList(t, "all", listed(t, s, p, ListOptions{}), want)
	drop(t, s, p.Bucket, "z.bin.zst", "x")
	for e, err := range s.List(t.Context(), p, ListOptions{Parallel: 1}) {
		if err != nil || e.Key != key {
			t.Errorf("first: got %s, %v, want %s", e.Key, err, key)
		}
		break
	}
}

// Keys that could do something to a terminal or a folder come as they are: whoever prints
// them escapes them, and nobody takes them for paths.
func TestListHostileKeys(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		p := Place{server.NewBucket(t), ""}
		var want []string
		for _, key := range []string{"\x1b[31m.bin.zst", "a\nb.bin.zst", "b/../../../etc/x.bin.zst", "c//d.bin.zst", "e e+%41.bin.zst"} {
			if drop(t, s, p.Bucket, key, "x") {
				want = append(want, "no manifest "+key)
			}
		}
		got := listed(t, s, p, ListOptions{})
		slices.Sort(got)
		slices.Sort(want)
		if server.Name == s3test.Versity { // objects are files there: it changes such keys itself
			if len(got) != len(want) {
				t.Errorf("keys: got %q, want as many as %q", got, want)
			}
			return
		}
		wantList(t, "keys", got, want)
	})
}

func TestListAbsentBucket(t *testing.T) {
	server := s3test.Minis3(t)
	s := dialServer(t, server, nil)
	for _, err := range s.List(t.Context(), Place{"no-such-bucket", ""}, ListOptions{}) {
		if codeOf(err) != "NoSuchBucket" {
			t.Errorf("got %v, want NoSuchBucket", err)
		}
		return
	}
	t.Error("got an empty list, want an error")
}

func TestRemove(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		p := Place{server.NewBucket(t), "captures"}
		key := stock(t, s, p, "scheduler", 1)
		drop(t, s, p.Bucket, "notes.txt", "x")

		looked, err := s.Remove(t.Context(), p.Bucket, key, false)
		if err != nil || looked.Bytes == 0 || len(listed(t, s, p, ListOptions{})) != 1 {
			t.Fatalf("without yes: got %+v, %v, want its bytes, and all still there", looked, err)
		}
		done, err := s.Remove(t.Context(), p.Bucket, key, true)
		if err != nil || done != looked || len(listed(t, s, p, ListOptions{})) != 0 {
			t.Errorf("with yes: got %+v, %v, want %+v, and nothing left", done, err, looked)
		}
		if _, err := s.Remove(t.Context(), p.Bucket, key, true); !errors.Is(err, ErrAbsent) {
			t.Errorf("again: got %v, want %v", err, ErrAbsent)
		}
		if _, err := s.Remove(t.Context(), p.Bucket, "notes.txt", true); !errors.Is(err, ErrForeign) {
			t.Errorf("foreign object: got %v, want %v", err, ErrForeign)
		}
	})
}

// The manifest goes first: whoever is stopped in between leaves an object without one,
// which can be removed again.
func TestRemoveOrder(t *testing.T) {
	server := s3test.Minis3(t)
	var order []string
	s := dialServer(t, server, func(c *Config) {
		c.Transport = func(rt http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodDelete {
					order = append(order, strings.TrimPrefix(r.URL.Path[strings.LastIndex(r.URL.Path, "."):], "."))
				}
				return rt.RoundTrip(r)
			})
		}
	})
	p := Place{server.NewBucket(t), ""}
	key := stock(t, s, p, "scheduler", 1)
	if _, err := s.Remove(t.Context(), p.Bucket, key, true); err != nil {
		t.Fatal(err)
	}
	wantList(t, "order", order, []string{"json", "zst"})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Where the bucket keeps versions, nothing is freed.
func TestRemoveVersioned(t *testing.T) {
	for _, server := range s3test.Servers(t) {
		t.Run(server.Name, func(t *testing.T) {
			s := dialServer(t, server, nil)
			p := Place{server.NewBucket(t), ""}
			if err := s.Core.EnableVersioning(t.Context(), p.Bucket); err != nil {
				t.Skipf("versions: %v", err)
			}
			if versioned, known := s.Versioned(t.Context(), p.Bucket); !versioned || !known {
				t.Errorf("Versioned: got %v, %v, want true, true", versioned, known)
			}
			key := stock(t, s, p, "scheduler", 1)
			if r, err := s.Remove(t.Context(), p.Bucket, key, true); err != nil || !r.Hidden {
				t.Errorf("Remove: got %+v, %v, want hidden", r, err)
			}
		})
	}
}

// What was uploaded anew since it was listed is as young as that, and stays.
func TestRemoveListed(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		p := Place{server.NewBucket(t), ""}
		key := stock(t, s, p, "scheduler", 1)
		entry := func() *Entry {
			for e, err := range s.List(t.Context(), p, ListOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				return &e
			}
			t.Fatal("nothing is listed")
			return nil
		}
		listed := entry()
		again := *listed
		again.Uploaded = again.Uploaded.Add(-2 * time.Second) // as if it had been listed before
		if _, err := s.RemoveListed(t.Context(), &again); !errors.Is(err, ErrConflict) {
			t.Errorf("uploaded again: got %v, want %v", err, ErrConflict)
		}
		other := *listed
		other.ETag = "another"
		if _, err := s.RemoveListed(t.Context(), &other); !errors.Is(err, ErrConflict) {
			t.Errorf("another object: got %v, want %v", err, ErrConflict)
		}
		entry()       // it is still there
		for range 2 { // the second finds nothing, which is what was wanted
			if _, err := s.RemoveListed(t.Context(), listed); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.head(t.Context(), p.Bucket, key); !errors.Is(err, ErrAbsent) {
			t.Errorf("afterwards: got %v, want %v", err, ErrAbsent)
		}
	})
}

func TestObjectTags(t *testing.T) {
	eachServer(t, func(t *testing.T, server s3test.Server) {
		s := dialServer(t, server, nil)
		p := Place{server.NewBucket(t), ""}
		key := stock(t, s, p, "scheduler", 1)
		drop(t, s, p.Bucket, "bare", "x")
		if got, err := s.Tags(t.Context(), p.Bucket, key); err != nil || got["component"] != "scheduler" {
			t.Errorf("capture: got %q, %v, want its component", got, err)
		}
		if got, err := s.Tags(t.Context(), p.Bucket, "bare"); err != nil || len(got) != 0 {
			t.Errorf("bare object: got %q, %v, want none", got, err)
		}
		if _, err := s.Tags(t.Context(), p.Bucket, "no-such-key"); !errors.Is(err, ErrAbsent) {
			t.Errorf("absent: got %v, want %v", err, ErrAbsent)
		}
	})
}

// A busy store and lost replies change nothing in what is listed, and removed.
func TestListAndRemoveThroughFaults(t *testing.T) {
	for _, server := range s3test.Servers(t) {
		t.Run(server.Name, func(t *testing.T) {
			direct := dialServer(t, server, nil)
			p := Place{server.NewBucket(t), "captures"}
			for i := range 5 {
				stock(t, direct, p, "scheduler", int32(i+1))
			}
			want := listed(t, direct, p, ListOptions{})
			proxy := server.Proxy(t, s3test.Faults{Choose: func(q s3test.Request) s3test.Fault {
				switch {
				case q.Op == s3test.Delete && q.Attempt == 1:
					return s3test.Fault{Kind: s3test.LostReply}
				case q.N%3 == 0:
					return s3test.Fault{Kind: s3test.Unavailable}
				case q.N%5 == 0:
					return s3test.Fault{Kind: s3test.CutReply, At: 100}
				}
				return s3test.Fault{}
			}})
			s := dialServer(t, proxy.Server, nil)
			wantList(t, "list", listed(t, s, p, ListOptions{}), want)
			for _, line := range want {
				_, key, _ := strings.Cut(line, " ")
				if _, err := s.Remove(t.Context(), p.Bucket, key, true); err != nil {
					t.Errorf("remove: %v", err)
				}
			}
			wantList(t, "left", listed(t, direct, p, ListOptions{}), []string{})
			if proxy.Injected() < 10 {
				t.Errorf("faults: got %d, want 10 or more", proxy.Injected())
			}
		})
	}
}
