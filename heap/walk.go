package heap

// AppendStack appends the frames of s, as indexes into p.Frames, leaf first. The
// outer frames that are above the tracker on the main thread are left out (facts: section 8.3).
func (p *Profile) AppendStack(dst []uint32, s *Sample) []uint32 {
	hidden := uint32(0)
	if p.Threads[s.Thread].Main {
		hidden = uint32(min(p.Header.SkippedFrames, 1<<32-1))
	}
	for n := s.Stack; n != 0 && p.Stacks[n].Depth > hidden; n = p.Stacks[n].Parent {
		dst = append(dst, p.Stacks[n].Frame)
	}
	return dst
}

// AppendNative appends the return addresses of s, innermost first.
func (p *Profile) AppendNative(dst []uint64, s *Sample) []uint64 {
	for n := s.Native; n != 0; n = p.Natives[n].Parent {
		dst = append(dst, p.Natives[n].IP)
	}
	return dst
}
