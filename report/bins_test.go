package report

import (
	"encoding/json"
	"os/exec"
	"slices"
	"testing"

	"github.com/memvault/memvault/heap"
	"github.com/memvault/memvault/internal/cpython"
)

func TestHistogram(t *testing.T) {
	tests := []struct {
		name  string
		sizes []heap.SizeCount
		want  []Bin
	}{
		{"no allocations", nil, []Bin{}},
		{"one size", []heap.SizeCount{{Size: 1 << 20, Count: 3}}, []Bin{
			{0, 2047, 0}, {2048, 4094, 0}, {4095, 8190, 0}, {8191, 16382, 0}, {16383, 32766, 0},
			{32767, 65534, 0}, {65535, 131070, 0}, {131071, 262142, 0}, {262143, 524286, 0}, {524287, 1048576, 3},
		}},
		{"only 1, where Memray divides by 0", []heap.SizeCount{{Size: 1, Count: 4}}, []Bin{
			{0, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 1, 4},
		}},
		{"only 0, where Memray fails", []heap.SizeCount{{Size: 0, Count: 2}}, []Bin{
			{0, 0, 2}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 1, 0},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := histogram(tt.sizes); !slices.Equal(got, tt.want) {
				t.Errorf("histogram(%v):\n got %v\nwant %v", tt.sizes, got, tt.want)
			}
		})
	}
}

// What Python 3 makes of random sizes; the functions are those of Memray's reporters/stats.py.
const pythonBins = `
import json, math, random
random.seed(7)
def bins(data):
    low, high = math.log(min(filter(None, data))), math.log(max(data))
    if low == high:
        low /= 2
    step = (high - low) / 10
    edges = [int(math.exp(low + step * (i + 1))) for i in range(10)]
    counts = [0] * 10
    for size, n in data.items():
        counts[min(int((math.log(size) - low) // step), 9) if size else 0] += n
    return [[e, n] for e, n in zip(edges, counts)]
def size():
    k = random.randrange(3)
    if k == 0:
        return 2 ** random.randrange(1, 30)
    if k == 1:
        return random.randrange(1, 3000)
    return int(math.exp(random.uniform(1, 25)))
cases = []
for _ in range(3000):
    data = {size() + 1: random.randrange(1, 9) for _ in range(random.choice([1, 2, 3, 10, 50]))}
    if random.random() < .2:
        data[0] = 1
    cases.append([sorted(data.items()), bins(data)])
print(json.dumps(cases))
`

func TestHistogramPython(t *testing.T) {
	found := cpython.Find()
	if len(found) == 0 {
		t.Skip("no CPython 3.7 or later found")
	}
	out, err := exec.Command(found[len(found)-1].Path, "-c", pythonBins).Output()
	if err != nil {
		t.Fatal(err)
	}
	var cases [][2][][2]uint64
	if err := json.Unmarshal(out, &cases); err != nil {
		t.Fatal(err)
	}
	off := 0
	for _, c := range cases {
		var sizes []heap.SizeCount
		for _, s := range c[0] {
			sizes = append(sizes, heap.SizeCount{Size: s[0], Count: s[1]})
		}
		for i, b := range histogram(sizes) {
			if i < bins-1 {
				b.Max++
			}
			want := c[1][i]
			if b.Max != want[0] {
				off++
			}
			if b.Count != want[1] || b.Max-want[0]+1 > 2 {
				t.Fatalf("histogram(%v): bin %d: got end %d, count %d, want %d", sizes, i, b.Max, b.Count, want)
			}
		}
	}
	// The C library does not round every exponential correctly.
	if n := len(cases); n < 1000 || off > n/1000 {
		t.Errorf("%d edges of %d histograms are off by one byte", off, n)
	}
}
