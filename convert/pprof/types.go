package pprof

import (
	"errors"
	"slices"

	"github.com/google/pprof/profile"

	"github.com/memvault/memvault/heap"
)

// column is the pair of sample types of a view.
type column struct {
	view           heap.View
	objects, space string
}

// columns are all of them, in the order in which they are written: counts before bytes,
// as Go does, and the default one last.
var columns = [...]column{
	{heap.Total, "alloc_objects", "alloc_space"},
	{heap.Temporary, "temporary_objects", "temporary_space"},
	{heap.Live, "inuse_objects", "inuse_space"},
	{heap.Peak, "peak_objects", "peak_space"},
}

// SpaceType names the sample type that holds the bytes of a view, for example "peak_space".
func SpaceType(v heap.View) string {
	for _, c := range columns {
		if c.view == v {
			return c.space
		}
	}
	return ""
}

// columns gives those that o selects and a capture knows.
func (o *Options) columns(aggregated bool) ([]column, error) {
	views := o.Views
	if o.GoTypes {
		if views != nil {
			return nil, errors.New("the Go sample types are two fixed views: choose them or views, not both")
		}
		views = []heap.View{heap.Total, heap.Live}
	}
	var out []column
	for _, c := range columns {
		known := !aggregated || c.view == heap.Live || c.view == heap.Peak
		if known && (views == nil || slices.Contains(views, c.view)) {
			out = append(out, c)
		}
	}
	if len(out) == 0 && aggregated {
		return nil, errors.New("no sample type left: an aggregated capture knows only leaks and peak")
	}
	if len(out) == 0 {
		return nil, errors.New("no sample type left: no view is selected")
	}
	return out, nil
}

func sampleTypes(cs []column) []*profile.ValueType {
	var out []*profile.ValueType
	for _, c := range cs {
		out = append(out,
			&profile.ValueType{Type: c.objects, Unit: "count"},
			&profile.ValueType{Type: c.space, Unit: "bytes"})
	}
	return out
}

// defaultType is the peak, else what is last: memory in use before memory allocated.
func defaultType(cs []column) string {
	return cs[len(cs)-1].space
}
