package heap

import (
	"fmt"
	"slices"
)

// MaxSlices is how many slices a History has at most.
const MaxSlices = 10_000

// History is what was alive over time: at the end of each of some equal slices of the time
// that was read. Only memory records tell the time, so a slice ends at the one nearest to
// where it should; slices that would end at the same one are one.
type History struct {
	// From is where the first slice begins, in milliseconds since 1970 UTC.
	From int64
	// Ends are the ends of the slices, in milliseconds since 1970 UTC, ascending. The last is the
	// end of what was read, so its values are those of the view Live.
	Ends []int64
	// Runs[First[i]:First[i+1]] tell of Profile.Samples[i]. In windows they count older blocks too.
	First []int
	Runs  []Run
}

// Run is what a sample held at the ends of some successive slices.
type Run struct {
	// Until is the index of the slice behind the run; the run begins where the one before ends.
	Until uint32
	Value
}

// Append appends what sample i held at the end of each slice: len(h.Ends) values.
func (h *History) Append(dst []Value, i int) []Value {
	at := uint32(0)
	for _, r := range h.Runs[h.First[i]:h.First[i+1]] {
		for ; at < r.Until; at++ {
			dst = append(dst, r.Value)
		}
	}
	return dst
}

// At gives what sample i held at the end of a slice.
func (h *History) At(i, slice int) Value {
	runs := h.Runs[h.First[i]:h.First[i+1]]
	k, _ := slices.BinarySearchFunc(runs, uint32(slice), func(r Run, slice uint32) int {
		if r.Until <= slice {
			return -1
		}
		return 1
	})
	return runs[k].Value
}

// check tells what is wrong with h, or nil.
func (h *History) check(samples int) error {
	if len(h.Ends) == 0 || len(h.First) != samples+1 || h.First[0] != 0 || h.First[samples] != len(h.Runs) {
		return fmt.Errorf("history: %d slices, %d first runs of %d for %d samples", len(h.Ends), len(h.First), len(h.Runs), samples)
	}
	if !slices.IsSorted(h.Ends) {
		return fmt.Errorf("history: ends %v", h.Ends)
	}
	for i := range samples {
		first, last := h.First[i], h.First[i+1]
		if first >= last || h.Runs[last-1].Until != uint32(len(h.Ends)) {
			return fmt.Errorf("history of sample %d: runs %d to %d of %d", i, first, last, len(h.Runs))
		}
		if !slices.IsSortedFunc(h.Runs[first:last], func(a, b Run) int { return int(a.Until) - int(b.Until) }) {
			return fmt.Errorf("history of sample %d: %v", i, h.Runs[first:last])
		}
	}
	return nil
}
