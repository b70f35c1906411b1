package heap

import (
	"cmp"
	"slices"
)

// Row is what one view says of one place, after merging samples that differ only in what
// Memray does not tell apart.
type Row struct {
	// Stack, Native, Images, Thread and Allocator are those of the first of the samples.
	// Stack and Native are equal in all of them, and Thread too unless threads are merged.
	Sample *Sample
	Value

	oldest uint64 // as in Profile.Oldest
}

// Value gives view v of sample i. It differs from Samples[i].Values[v] in a window only, where
// the leaks are what was made in it and is alive at its end, as in Memray's temporal leaks.
func (p *Profile) Value(i int, v View) Value {
	if v == Live && p.Kept != nil {
		return p.Kept[i]
	}
	return p.Samples[i].Values[v]
}

type rowKey struct {
	stack, native, thread uint32
	main                  bool
}

// Rows gives view v as Memray groups it: by Python stack, native stack and, unless they are to
// be merged, thread; rows of nothing are left out. The main thread is not merged with
// others where its outer frames are hidden and theirs are not, but with LikeMemray.
// The order is that of the first allocations; with Options.Oldest it is Memray's: that of
// the oldest allocations which the view counts. With LikeMemray, rows of aggregated captures
// count as Memray counts them: the first sample's allocations, and one for each further
// sample (facts: section 10.8).
func (p *Profile) Rows(v View, mergeThreads bool) []Row {
	byKey := map[rowKey]int{}
	var rows []Row
	plusOne := p.mergedCounts && p.Aggregated
	for i := range p.Samples {
		s := &p.Samples[i]
		val := p.Value(i, v)
		if val == (Value{}) {
			continue
		}
		k := rowKey{stack: s.Stack, native: s.Native, thread: s.Thread}
		if mergeThreads {
			k.thread = 0
			k.main = !p.LikeMemray && p.Header.SkippedFrames > 0 && p.Threads[s.Thread].Main
		}
		oldest := uint64(0)
		if p.Oldest != nil {
			oldest = p.Oldest[i][v]
		}
		r, ok := byKey[k]
		if !ok {
			byKey[k] = len(rows)
			rows = append(rows, Row{Sample: s, Value: val, oldest: oldest})
			continue
		}
		if plusOne {
			val.Count = 1
		}
		rows[r].add(val.Count, val.Bytes)
		rows[r].oldest = min(rows[r].oldest, oldest)
	}
	if p.Oldest != nil {
		slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.oldest, b.oldest) })
	}
	return rows
}
