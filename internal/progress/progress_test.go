package progress

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const chunk = 1 << 20

func TestReader(t *testing.T) {
	tests := []struct {
		name   string
		size   int64
		chunks int
		pause  time.Duration // for each chunk
		want   string        // regular expression for all that is shown; empty is nothing
	}{
		{"quick", 10 * chunk, 10, 100 * time.Millisecond, ""},
		{"slow", 100 * chunk, 10, time.Second, `in\.bin +3% \|.*\| \(3\.1/105 MB, 1\.0 MB/s\) \[3s:1m3\ds\]`},
		{"size not known", -1, 10, time.Second, `reading in\.bin \(5\.2 MB, 1\.0 MB/s\) \[5s\]`},
		{"empty", 0, 0, 0, ""},
		{"longer than it was", chunk, 10, time.Second, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var screen bytes.Buffer
				p := NewReader(&slow{chunks: tt.chunks, pause: tt.pause}, tt.size, &screen, "in.bin")
				n, err := io.CopyBuffer(writerOnly{io.Discard}, p, make([]byte, chunk))
				if n != int64(tt.chunks)*chunk || err != nil {
					t.Errorf("read %d bytes, error %v; want %d bytes", n, err, tt.chunks*chunk)
				}
				if err := p.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
				checkScreen(t, screen.String(), tt.want)
			})
		})
	}
}

// checkScreen wants nothing, or a bar that is gone at the end.
func checkScreen(t *testing.T, got, want string) {
	t.Helper()
	if want == "" && got != "" {
		t.Errorf("shown: got %q, want nothing", got)
		return
	}
	if !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("shown: got %q, want a match of %q", got, want)
	}
	lines := strings.Split(got, "\r")
	if last := lines[len(lines)-1]; strings.TrimSpace(last) != "" {
		t.Errorf("left on the screen: %q, want nothing", last)
	}
}

// writerOnly keeps io.Copy from choosing the size of its reads.
type writerOnly struct{ io.Writer }

// slow gives chunks bytes, each after a pause.
type slow struct {
	chunks int
	pause  time.Duration
}

func (s *slow) Read(b []byte) (int, error) {
	if s.chunks == 0 {
		return 0, io.EOF
	}
	s.chunks--
	time.Sleep(s.pause)
	return min(len(b), chunk), nil
}
