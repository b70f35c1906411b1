package flamegraph

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strconv"

	"github.com/memvault/memvault/convert/internal/stacks"
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

// memrayDepth is how deep the stacks of Memray's flame graph are at most under Python's usual
// recursion limit; the frame at the end is then memrayTooDeep (reporters/flamegraph.py, MAX_STACKS).
const (
	memrayDepth   = 402
	memrayTooDeep = "<STACK TOO DEEP>"
)

// collect makes the data of a page.
func collect(p *heap.Profile, views []heap.View, splitThreads bool) *data {
	o := stacks.Options{BareNames: true}
	if p.LikeMemray {
		o.MaxDepth = memrayDepth
	}
	t := stacks.New(p, o)
	rows, merged := collectRows(p, t, views, splitThreads)
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.thread, b.thread))
	})
	d := &data{Strings: []string{}, Threads: []thread{}, Threshold: p.Threshold}
	d.addNodes(t)
	d.addFrames(t, heap.NewModules(&p.Header))
	d.addThreads(p, rows, merged)
	d.addViews(views, rows)
	d.addTimes(p)
	return d
}

// collectRows sums the samples by node and thread. Where Memray counts allocations of
// merged rows in its own way, sums of samples cannot give that, and heap.Profile.Rows does; then
// threads can be merged, which the result tells.
func collectRows(p *heap.Profile, t *stacks.Tree, views []heap.View, splitThreads bool) (rows []row, merged bool) {
	type key struct{ node, thread uint32 }
	index := map[key]int{}
	add := func(s *heap.Sample, thread uint32, v heap.View, value heap.Value) {
		k := key{t.Node(s), thread}
		i, ok := index[k]
		if !ok {
			i = len(rows)
			index[k] = i
			rows = append(rows, row{node: k.node, thread: thread})
		}
		rows[i].values[v] = stacks.Add(rows[i].values[v], value)
	}
	if p.LikeMemray && p.Aggregated {
		for _, v := range views {
			for _, r := range p.Rows(v, !splitThreads) {
				thread := r.Sample.Thread
				if !splitThreads {
					thread = 0
				}
				add(r.Sample, thread, v, r.Value)
			}
		}
		return rows, !splitThreads
	}
	for i := range p.Samples {
		s := &p.Samples[i]
		for _, v := range views {
			if value := p.Value(i, v); value != (heap.Value{}) {
				add(s, s.Thread, v, value)
			}
		}
	}
	return rows, false
}

// addNodes takes the nodes but the root, which are in preorder.
func (d *data) addNodes(t *stacks.Tree) {
	n := len(t.Nodes) - 1
	d.Nodes = nodeTable{make([]uint32, n), make([]uint32, n)}
	for i := range n {
		before, node := &t.Nodes[i], &t.Nodes[i+1]
		d.Nodes.Up[i], d.Nodes.Frame[i] = before.Depth+1-node.Depth, node.Frame
	}
}

func (d *data) addFrames(t *stacks.Tree, modules *heap.Modules) {
	strings := texts{d, map[string]uint32{}}
	files := map[string]uint32{}
	d.Files = fileTable{[]uint32{}, []uint32{}, []uint32{}}
	d.Frames = frameTable{[]uint32{}, []uint32{}, []int32{}}
	for _, f := range t.Frames {
		if f.Name == stacks.TooDeep && f.File == "" {
			f.Name, f.File = memrayTooDeep, "..."
		}
		file, ok := files[f.File]
		if !ok {
			file = uint32(len(files))
			files[f.File] = file
			m := modules.Of(f.File)
			d.Files.Name = append(d.Files.Name, strings.id(f.File))
			d.Files.Module = append(d.Files.Module, strings.id(m.Name))
			d.Files.Place = append(d.Files.Place, uint32(m.Place))
		}
		d.Frames.Function = append(d.Frames.Function, strings.id(f.Name))
		d.Frames.File = append(d.Frames.File, file)
		d.Frames.Line = append(d.Frames.Line, f.Line)
	}
	for place := heap.PlaceUnknown; place <= heap.PlaceFrozen; place++ {
		d.Places = append(d.Places, place.String())
	}
}

// texts keeps each text of the data once.
type texts struct {
	d   *data
	ids map[string]uint32
}

func (t *texts) id(s string) uint32 {
	s = safetext.Printable(s)
	i, ok := t.ids[s]
	if !ok {
		i = uint32(len(t.d.Strings))
		t.ids[s] = i
		t.d.Strings = append(t.d.Strings, s)
	}
	return i
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
