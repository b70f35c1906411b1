package heap

// series thins the memory over time as it comes: each point stands for stride records and
// keeps the maximum; when there are too many, the stride doubles.
type series struct {
	points []Point
	stride int
	inLast int // records that the last point stands for
	most   int // points
}

// maxPoints is the most that Options.Points may ask for.
const maxPoints = 1 << 22

func newSeries(o *Options) series {
	most := min(o.Points, maxPoints)
	if most <= 0 {
		most = MaxSeries
	}
	return series{stride: 1, most: most + most%2}
}

func (s *series) add(p Point) {
	if n := len(s.points); n > 0 && s.inLast < s.stride {
		s.inLast++
		s.points[n-1] = maxPoint(s.points[n-1], p)
		return
	}
	if len(s.points) == s.most {
		s.halve()
	}
	s.points = append(s.points, p)
	s.inLast = 1
}

func (s *series) halve() {
	for i := range len(s.points) / 2 {
		s.points[i] = maxPoint(s.points[2*i], s.points[2*i+1])
	}
	s.points = s.points[:len(s.points)/2]
	s.stride *= 2
}

// maxPoint is both points as one, at the time of the first.
func maxPoint(a, b Point) Point {
	return Point{Time: a.Time, RSS: max(a.RSS, b.RSS), Heap: max(a.Heap, b.Heap)}
}
