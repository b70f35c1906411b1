package pprof

// SetLimits makes the limits on stacks small enough to be met.
func (m *Merger) SetLimits(kept, walked int64) { m.maxKept, m.maxWalked = kept, walked }
