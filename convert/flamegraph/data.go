package flamegraph

import (
	"cmp"
	"encoding/json"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/safetext"
)

// data is what the page works on; the package comment says what the fields mean.
type data struct {
	Strings   []string    `json:"strings"`
	Files     fileTable   `json:"files"`
	Places    []string    `json:"places"`
	Frames    frameTable  `json:"frames"`
	Nodes     nodeTable   `json:"nodes"`
	Samples   sampleTable `json:"samples"`
	Views     []view      `json:"views"`
	Threads   []thread    `json:"threads"`
	Series    series      `json:"series"`
	Start     int64       `json:"start"`
	End       int64       `json:"end"`
	Peak      peak        `json:"peak"`
	Window    *window     `json:"window"`
	Threshold int         `json:"threshold"`
}

type fileTable struct {
	Name   []uint32 `json:"name"`
	Module []uint32 `json:"module"`
	Place  []uint32 `json:"place"`
}

type frameTable struct {
	Function []uint32 `json:"function"`
	File     []uint32 `json:"file"`
	Line     []int32  `json:"line"`
}

type nodeTable struct {
	Up    []uint32 `json:"up"`
	Frame []uint32 `json:"frame"`
}

type sampleTable struct {
	Node   []uint32 `json:"node"`
	Thread []uint32 `json:"thread"`
}

type view struct {
	Name  string   `json:"name"`
	Bytes []uint64 `json:"bytes"`
	Count []uint64 `json:"count"`
}

type thread struct {
	Name string `json:"name"`
	ID   string `json:"id"`
	Main bool   `json:"main"`
}

type series struct {
	Time   []int64  `json:"time"`
	RSS    []uint64 `json:"rss"`
	Heap   []uint64 `json:"heap"`
	Stride int      `json:"stride"`
}

type peak struct {
	Bytes uint64 `json:"bytes"`
	Time  *int64 `json:"time"`
}

type window struct {
	From  int64 `json:"from"`
	Until int64 `json:"until"`
}

// row is what was allocated at a node by a thread.
type row struct {
	node, thread uint32
	values       [heap.Views]heap.Value
}

// collect makes the data of a page.
func collect(p *heap.Profile, views []heap.View, splitThreads bool) *data {
	t := newTree(p)
	rows, merged := collectRows(t, views, splitThreads)
	order, up := t.preorder()
	rank := make([]uint32, len(t.nodes))
	for i, n := range order {
		rank[n] = uint32(i + 1)
	}
	for i := range rows {
		rows[i].node = rank[rows[i].node]
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.thread, b.thread))
	})
	d := &data{Strings: []string{}, Threads: []thread{}, Threshold: p.Threshold}
	d.Nodes = nodeTable{Up: up, Frame: make([]uint32, len(order))}
	for i, n := range order {
		d.Nodes.Frame[i] = t.nodes[n].line
	}
	d.addLines(t, heap.NewModules(&p.Header))
	d.addThreads(p, rows, merged)
	d.addViews(views, rows)
	d.addTimes(p)
	return d
}

// collectRows sums the samples by node and thread. Where Memray counts allocations of
// merged rows in its own way, sums of samples cannot give that, and heap.Profile.Rows does; then
// threads can be merged, which the result tells.
func collectRows(t *tree, views []heap.View, splitThreads bool) (rows []row, merged bool) {
	type key struct{ node, thread uint32 }
	index := map[key]int{}
	add := func(s *heap.Sample, thread uint32, v heap.View, value heap.Value) {
		k := key{t.node(s), thread}
		i, ok := index[k]
		if !ok {
			i = len(rows)
			index[k] = i
			rows = append(rows, row{node: k.node, thread: thread})
		}
		sum := &rows[i].values[v]
		sum.Count, sum.Bytes = addSaturated(sum.Count, value.Count), addSaturated(sum.Bytes, value.Bytes)
	}
	if t.p.LikeMemray && t.p.Aggregated {
		for _, v := range views {
			for _, r := range t.p.Rows(v, !splitThreads) {
				thread := r.Sample.Thread
				if !splitThreads {
					thread = 0
				}
				add(r.Sample, thread, v, r.Value)
			}
		}
		return rows, !splitThreads
	}
	for i := range t.p.Samples {
		s := &t.p.Samples[i]
		for _, v := range views {
			if s.Values[v] != (heap.Value{}) {
				add(s, s.Thread, v, s.Values[v])
			}
		}
	}
	return rows, false
}

func (d *data) addLines(t *tree, modules *heap.Modules) {
	ids := map[string]uint32{}
	text := func(s string) uint32 {
		s = safetext.Printable(s)
		i, ok := ids[s]
		if !ok {
			i = uint32(len(d.Strings))
			ids[s] = i
			d.Strings = append(d.Strings, s)
		}
		return i
	}
	files := map[string]uint32{}
	d.Files = fileTable{[]uint32{}, []uint32{}, []uint32{}}
	d.Frames = frameTable{[]uint32{}, []uint32{}, []int32{}}
	for _, l := range t.lines {
		file, ok := files[l.file]
		if !ok {
			file = uint32(len(files))
			files[l.file] = file
			m := modules.Of(l.file)
			d.Files.Name = append(d.Files.Name, text(l.file))
			d.Files.Module = append(d.Files.Module, text(m.Name))
			d.Files.Place = append(d.Files.Place, uint32(m.Place))
		}
		d.Frames.Function = append(d.Frames.Function, text(cmp.Or(l.function, "<unknown>")))
		d.Frames.File = append(d.Frames.File, file)
		d.Frames.Line = append(d.Frames.Line, l.line)
	}
	for place := heap.PlaceUnknown; place <= heap.PlaceFrozen; place++ {
		d.Places = append(d.Places, place.String())
	}
}

// addThreads lists the threads of the rows, in the order of the Profile, and numbers them anew.
func (d *data) addThreads(p *heap.Profile, rows []row, merged bool) {
	used := make([]bool, len(p.Threads))
	for _, r := range rows {
		used[r.thread] = true
	}
	ids := make([]uint32, len(p.Threads))
	for i, t := range p.Threads {
		if !used[i] || merged {
			continue
		}
		ids[i] = uint32(len(d.Threads))
		id := "0x" + strconv.FormatUint(t.ID, 16)
		d.Threads = append(d.Threads, thread{Name: safetext.Printable(t.Name), ID: id, Main: t.Main})
	}
	if merged {
		d.Threads = append(d.Threads, thread{Name: "all threads"})
	}
	d.Samples = sampleTable{make([]uint32, len(rows)), make([]uint32, len(rows))}
	for i, r := range rows {
		d.Samples.Node[i], d.Samples.Thread[i] = r.node, ids[r.thread]
	}
}

func (d *data) addViews(views []heap.View, rows []row) {
	for _, v := range views {
		out := view{v.String(), make([]uint64, len(rows)), make([]uint64, len(rows))}
		for i := range rows {
			out.Bytes[i], out.Count[i] = rows[i].values[v].Bytes, rows[i].values[v].Count
		}
		d.Views = append(d.Views, out)
	}
}

func (d *data) addTimes(p *heap.Profile) {
	d.Start, d.End = p.Header.StartTime, captureEnd(p)
	d.Peak.Bytes = p.PeakBytes
	if p.PeakTime != 0 {
		d.Peak.Time = &p.PeakTime
	}
	if w := p.Window; w != nil {
		d.Window = &window{w.From, w.Until}
	}
	n := len(p.Series)
	d.Series = series{make([]int64, n), make([]uint64, n), make([]uint64, n), p.Stride}
	before := d.Start
	for i, point := range p.Series {
		d.Series.Time[i], d.Series.RSS[i], d.Series.Heap[i] = point.Time-before, point.RSS, point.Heap
		before = point.Time
	}
}

// writeData writes the data element. In JSON as Go writes it no text can end the element:
// <, > and & are escaped.
func writeData(w io.Writer, d *data) error {
	if _, err := io.WriteString(w, `<script id="data" type="application/json">`); err != nil {
		return err
	}
	if err := json.NewEncoder(w).Encode(d); err != nil {
		return err
	}
	_, err := io.WriteString(w, "</script>\n")
	return err
}

// addSaturated is a+b, or the largest number there is: hostile sizes must not wrap.
func addSaturated(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}
