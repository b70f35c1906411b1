"""What the Memray that is installed here says about captures: for each CAPTURE in argv a file
CAPTURE.expected.json.gz beside it.

views      peak, leaks and temporary (freed with at most one other allocation between), each
           merged over threads and, as NAME_by_thread, not. A row is
           [tid, thread name, bytes, allocations, [[function, file, line], ... leaf first]]
snapshots  [milliseconds, RSS, heap]
records    number, bytes and digest of all allocations and deallocations, in their order
metadata, stats
errors     what this release cannot say, and why
"""
import gzip
import json
import sys

import memray

VIEWS = {
    "peak": ("get_high_watermark_allocation_records", {}),
    "leaks": ("get_leaked_allocation_records", {}),
    "temporary": ("get_temporary_allocation_records", {"threshold": 1}),
}

# Allocators by number in headers 12 and 13, whatever their number in this release.
ALLOCATORS = [
    "", "PYMALLOC_FREE", "PYMALLOC_MALLOC", "PYMALLOC_CALLOC", "PYMALLOC_REALLOC",
    "FREE", "MALLOC", "REALLOC", "CALLOC", "POSIX_MEMALIGN", "ALIGNED_ALLOC",
    "MEMALIGN", "VALLOC", "PVALLOC", "MMAP", "MUNMAP",
]
NUMBERS = {a.value: ALLOCATORS.index(a.name) for a in memray.AllocatorType}


def row(record):
    stack = [list(frame) for frame in record.stack_trace()]
    return [record.tid, record.thread_name, record.size, record.n_allocations, stack]


def view(reader, method, options, merge):
    return [row(r) for r in getattr(reader, method)(merge_threads=merge, **options)]


def metadata(reader):
    m = reader.metadata
    out = {name: getattr(m, name) for name in ("peak_memory", "total_allocations", "command_line", "pid")}
    out["python_allocator"] = m.python_allocator
    out["start_time_ms"], out["end_time_ms"] = (round(t.timestamp() * 1000) for t in (m.start_time, m.end_time))
    for name in ("main_thread_id", "trace_python_allocators"):
        out[name] = getattr(m, name, None)
    return out


def has_native_traces(reader):
    # In 1.0 the reader tells, later its metadata.
    return bool(getattr(reader.metadata, "has_native_traces", getattr(reader, "has_native_traces", False)))


def records(reader):
    count = size = digest = 0
    for r in reader.get_allocation_records():
        count += 1
        size += r.size
        fields = r.address * 31 + r.size * 7 + NUMBERS[r.allocator] * 3 + r.tid
        digest = (digest * 1000003 + fields) % 2**64
    return {"count": count, "bytes": size % 2**64, "digest": str(digest)}


def stats(path):
    from memray._memray import compute_statistics

    s = compute_statistics(path)
    out = {name: getattr(s, name) for name in ("total_num_allocations", "total_memory_allocated", "peak_memory_allocated")}
    by_allocator = s.allocation_count_by_allocator.items()
    out["allocation_count_by_allocator"] = {k if isinstance(k, str) else memray.AllocatorType(k).name: n for k, n in by_allocator}
    return out


def snapshots(reader):
    return [[s.time, s.rss, s.heap] for s in reader.get_memory_snapshots()]


def dump(path):
    reader = memray.FileReader(path)
    result = {"memray": memray.__version__, "views": {}, "errors": {}, "metadata": metadata(reader)}
    result["has_native_traces"] = has_native_traces(reader)

    def attempt(into, name, call, *args):
        # What a release cannot do yet, and what it cannot do with aggregated captures.
        try:
            into[name] = call(*args)
        except (AttributeError, ImportError, NotImplementedError) as e:
            result["errors"][name] = "%s: %s" % (type(e).__name__, e)

    for name, (method, options) in VIEWS.items():
        attempt(result["views"], name, view, reader, method, options, True)
        attempt(result["views"], name + "_by_thread", view, reader, method, options, False)
    attempt(result, "snapshots", snapshots, reader)
    attempt(result, "records", records, reader)
    attempt(result, "stats", stats, path)
    reader.close()
    with gzip.open(path + ".expected.json.gz", "wt", encoding="ascii") as f:
        json.dump(result, f)


for capture in sys.argv[1:]:
    dump(capture)
