package speedscope

import (
	"bufio"
	"encoding/json"
	"strconv"

	"github.com/memvault/memvault/convert/internal/stacks"
)

// file writes the parts of the JSON one after the other; nothing of it is kept. The first error
// of the underlying writer is that of the last Flush.
type file struct {
	buf    *bufio.Writer
	stats  Stats
	frames int
	line   []byte
}

func (f *file) text(s string) { f.buf.WriteString(s) }

// quoted writes a string.
func (f *file) quoted(s string) {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always can
	}
	f.buf.Write(b)
}

func (f *file) number(n uint64) {
	f.line = strconv.AppendUint(f.line[:0], n, 10)
	f.buf.Write(f.line)
}

// frame writes an entry of the list of frames, as Memray does.
func (f *file) frame(x *stacks.Frame) {
	if f.frames > 0 {
		f.text(",\n")
	}
	f.frames++
	f.text(`{"name":`)
	f.quoted(x.Name)
	if x.File != "" {
		f.text(`,"file":`)
		f.quoted(x.File)
	}
	if x.Line > 0 {
		f.text(`,"line":`)
		f.number(uint64(x.Line))
	}
	f.text("}")
}

func (f *file) beginProfiles() { f.text("]},\n\"profiles\":[") }

// beginProfile writes what comes before the samples; total is what they weigh.
func (f *file) beginProfile(name, unit string, total uint64) {
	if f.stats.Profiles > 0 {
		f.text(",\n")
	}
	f.stats.Profiles++
	f.text(`{"type":"sampled","name":`)
	f.quoted(name)
	f.text(`,"unit":"` + unit + `","startValue":0,"endValue":`)
	f.number(total)
	f.text(`,"samples":[`)
}

// sample writes a stack, from the outermost frame in. Which is the first must be told.
func (f *file) sample(first bool, stack []uint32) {
	b := f.line[:0]
	if !first {
		b = append(b, ',')
	}
	b = append(b, '[')
	for i, frame := range stack {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(frame), 10)
	}
	f.line = append(b, ']')
	f.buf.Write(f.line)
	f.stats.Samples++
}

func (f *file) beginWeights() { f.text(`],"weights":[`) }

func (f *file) weight(first bool, n uint64) {
	if !first {
		f.text(",")
	}
	f.number(n)
}

func (f *file) endProfile() { f.text("]}") }

// end writes what comes after the profiles.
func (f *file) end(name, exporter string) {
	f.text("],\n\"name\":")
	f.quoted(name)
	f.text(`,"activeProfileIndex":0,"exporter":`)
	f.quoted(exporter)
	f.text("}\n")
}
