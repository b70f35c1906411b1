package heap

// Row is what one view says of one place, after merging samples that differ only in what
// Memray does not tell apart.
type Row struct {
	// Stack, Native, Images, Thread and Allocator are those of the first of the samples.
	// Stack and Native are equal in all of them, and Thread too unless threads are merged.
	Sample *Sample
	Value
}

// Value gives view v of sample i. It differs from Samples[i].Values[v] in a window only, where
// the leaks are what was made in it and is alive at its end, as in Memray's temporal leaks.
func (p *Profile) Value(i int, v View) Value {
	if v == Live && p.Kept != nil {
		return p.Kept[i]
	}
	return p.Samples[i].Values[v]
}

// Rows gives view v as Memray groups it: by Python stack, native stack and, unless they are to
// be merged, thread; rows of nothing are left out. The order is that of the first allocations.
// With LikeMemray, rows of aggregated captures count as Memray counts them: the first
// sample's allocations, and one for each further sample (facts: section 10.8).
func (p *Profile) Rows(v View, mergeThreads bool) []Row {
	type key struct{ stack, native, thread uint32 }
	byKey := map[key]int{}
	var rows []Row
	plusOne := p.mergedCounts && p.Aggregated
	for i := range p.Samples {
		s := &p.Samples[i]
		val := p.Value(i, v)
		if val == (Value{}) {
			continue
		}
		k := key{stack: s.Stack, native: s.Native, thread: s.Thread}
		if mergeThreads {
			k.thread = 0
		}
		r, ok := byKey[k]
		if !ok {
			byKey[k] = len(rows)
			rows = append(rows, Row{Sample: s, Value: val})
			continue
		}
		if plusOne {
			val.Count = 1
		}
		rows[r].add(val.Count, val.Bytes)
	}
	return rows
}
