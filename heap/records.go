package heap

import (
	"strings"

	"github.com/memvault/memvault/codec"
)

// define takes in all records that are no events.
func (b *Builder) define(r *codec.Record) {
	switch r.Kind {
	case codec.KindFrame:
		b.defs.frame(r, b.head.Version >= 12)
	case codec.KindCode:
		b.defs.code(r)
	case codec.KindNativeTrace, codec.KindMapStart, codec.KindImage, codec.KindSegment:
		if b.native {
			b.defineNative(r)
		}
	case codec.KindThreadName:
		b.threadOf(r.Thread).name = strings.ToValidUTF8(string(r.Name), "\uFFFD")
	case codec.KindHeapSnapshot:
		b.ledger.series.add(Point{Time: r.Time, RSS: r.RSS, Heap: r.Heap})
	case codec.KindPythonTrace:
		b.rows.trace(r)
	case codec.KindAggregated:
		b.rows.row(r, b.threadOf(r.Thread).index)
	}
}

// defineNative takes in what native stacks consist of.
func (b *Builder) defineNative(r *codec.Record) {
	switch r.Kind {
	case codec.KindNativeTrace:
		b.natives = append(b.natives, Native{IP: r.IP, Parent: b.nativeParent(r.Parent)})
	case codec.KindMapStart:
		b.images.start()
	case codec.KindImage:
		b.images.image(r)
	case codec.KindSegment:
		if !b.images.segment(r) {
			b.unknown++
		}
	}
}

// nativeParent gives the node number of a parent, which must be an earlier node.
func (b *Builder) nativeParent(parent uint64) uint32 {
	i, ok := index(parent, len(b.natives))
	if !ok {
		b.unknown++
	}
	return i
}

// rowTables is what an aggregated capture consists of.
type rowTables struct {
	traces []traceDef // node i+1
	rows   []aggregatedRow
}

type traceDef struct{ frame, parent uint64 }

type aggregatedRow struct {
	thread     uint32
	allocator  codec.Allocator
	native     uint64
	stack      uint64
	generation uint64
	peak, live Value
}

func (t *rowTables) trace(r *codec.Record) {
	t.traces = append(t.traces, traceDef{frame: r.Frame, parent: r.Parent})
}

func (t *rowTables) row(r *codec.Record, thread uint32) {
	t.rows = append(t.rows, aggregatedRow{
		thread: thread, allocator: r.Allocator, native: r.Native,
		stack: r.Row.Stack, generation: r.Row.Generation,
		peak: Value{r.Row.PeakCount, r.Row.PeakBytes},
		live: Value{r.Row.LeakedCount, r.Row.LeakedBytes},
	})
}

// totalPeak is the sum over all rows.
func (t *rowTables) totalPeak() uint64 {
	sum := uint64(0)
	for i := range t.rows {
		sum = satAdd(sum, t.rows[i].peak.Bytes)
	}
	return sum
}
